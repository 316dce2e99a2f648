"""What the page shows is what the model said."""

import zipfile

import numpy as np
import pytest
import torch
from PIL import Image

from mmris.apis import RefSegInferencer
from mmris.web import (
    ProbabilityMaps,
    draw_view,
    legend_html,
    probability_maps,
    write_masks,
)
from mmris.web.example_scenes import write_example_scenes


@pytest.fixture
def maps():
    generator = np.random.default_rng(0)
    picture = generator.integers(0, 256, (40, 60, 3), dtype=np.uint8)
    probabilities = np.zeros((2, 40, 60), dtype=np.float16)
    probabilities[0, 5:20, 5:25] = 0.9
    probabilities[1, 10:30, 30:50] = 0.6
    return ProbabilityMaps(picture, ["the <b>red</b> one", "left"], probabilities, 0.5)


def test_probabilities_are_the_models(checkpoint):
    segment = RefSegInferencer(checkpoint=checkpoint, device="cpu")
    picture = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    maps = probability_maps(segment, picture, ["the red circle", "left"])
    found = segment(
        picture, ["the red circle", "left"], channel_order="bgr", with_logits=True
    )
    expected = torch.from_numpy(found.logits).sigmoid().numpy()
    np.testing.assert_allclose(maps.probabilities, expected, atol=6e-4)
    np.testing.assert_array_equal(maps.picture, picture[..., ::-1])
    assert maps.threshold == segment.model.settings.threshold
    sure = np.abs(expected - 0.5) > 1e-3
    np.testing.assert_array_equal(maps.masks(0.5)[sure], found.masks[sure])


def test_thresholds_and_opacity_change_the_masks(maps):
    assert maps.masks(0.5).sum(axis=(1, 2)).tolist() == [300, 400]
    assert maps.masks(0.7).sum(axis=(1, 2)).tolist() == [300, 0]
    plain, low, high = (
        draw_view(maps, "masks", threshold=t, opacity=o)
        for t, o in ((0.95, 0.5), (0.5, 0.5), (0.7, 1.0))
    )
    assert plain.shape == (427, 640, 3)
    inside = (slice(120, 190), slice(90, 150))  # of the first mask, beside its number
    assert (low[inside] != plain[inside]).any(axis=2).mean() > 0.9
    first = high[125:135, 70:80]
    assert len(np.unique(first.reshape(-1, 3), axis=0)) == 1  # its colour alone


def test_cut_out_and_heat_map(maps):
    cut = draw_view(maps, "cut-out", threshold=0.5, opacity=0.5)
    grown = draw_view(maps, "masks", threshold=0.95, opacity=0.5)
    np.testing.assert_array_equal(cut[60:200, 60:250], grown[60:200, 60:250])
    assert set(np.unique(cut[:50, :50])) <= {226, 245}
    heat = draw_view(maps, "heat map", threshold=0.5, opacity=1.0).astype(int)
    # Brighter where it is more probable.
    hot, warm, cold = heat[130, 160].sum(), heat[200, 420].sum(), heat[400, 20].sum()
    assert hot > warm > cold


def test_words_are_no_markup(maps):
    legend = legend_html(maps, "masks", name="<i>", threshold=0.7)
    assert "the &lt;b&gt;red&lt;/b&gt; one" in legend
    assert "<b>" not in legend
    assert "<i>" not in legend
    assert "90 % sure" in legend
    assert "12.5 % of area" in legend
    assert "nothing found at this threshold" in legend
    assert 'class="scale"' in legend_html(maps, "heat map", name="m", threshold=0.7)


def test_masks_for_downloading(maps, tmp_path):
    path = write_masks(maps, tmp_path, threshold=0.5)
    assert [file.name for file in tmp_path.iterdir()] == ["masks.zip"]
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["the-b-red-b-one.png", "left.png"]
        with archive.open("left.png") as file:
            mask = np.asarray(Image.open(file))
    np.testing.assert_array_equal(mask, 255 * maps.masks(0.5)[1].astype(np.uint8))
    one = ProbabilityMaps(maps.picture, ["../x"], maps.probabilities[:1], 0.5)
    assert write_masks(one, tmp_path, threshold=0.5) == tmp_path / "x.png"


def test_example_scenes(tmp_path):
    examples = write_example_scenes(tmp_path, count=2)
    assert len({path for path, _ in examples}) == 2
    for path, text in examples:
        assert Image.open(path).size == (288, 288)
        assert 1 <= len(text.splitlines()) <= 3
