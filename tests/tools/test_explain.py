import numpy as np
import pytest
from PIL import Image

from tests.apis.conftest import write_checkpoint
from tests.explanation.conftest import build
from tests.tools.conftest import load_tool

SENTENCES = ["the red circle", "square"]


@pytest.fixture(scope="module")
def tool():
    return load_tool("analysis_tools/explain")


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    path = tmp_path_factory.mktemp("pictures") / "photo.png"
    pixels = np.random.default_rng(0).integers(0, 256, (50, 90, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return str(path)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    model = build("cmpc")
    path = tmp_path_factory.mktemp("checkpoint") / "k.pth"
    return str(write_checkpoint(path, model.cfg, model))


def test_figures_page_and_arrays(tool, image, checkpoint, tmp_path, capsys):
    out = tmp_path / "a" / "b"
    arguments = [image, *SENTENCES, "--checkpoint", checkpoint, "--out-dir", str(out)]
    options = ["--maps", "word_types", "--layers", "neck", "--arrays", "--dpi", "50"]
    assert tool.main([*arguments, *options]) == 0
    expected = ["photo.html"] + [
        f"photo_{number}{end}"
        for number in (1, 2)
        for end in (".npz", "_grad_cam.png", "_word_types.png")
    ]
    assert sorted(path.name for path in out.iterdir()) == expected
    said = capsys.readouterr().out
    assert "1: 'the red circle', read as ('the', 'red', 'circle')" in said
    for name in expected:
        assert f"wrote {out / name}" in said
    with np.load(out / "photo_1.npz") as arrays:
        assert arrays["word_types/neck.classifier"].shape == (3, 4)


def test_the_list_of_maps(tool, image, checkpoint, capsys):
    arguments = [image, "circle", "--checkpoint", checkpoint, "--list"]
    assert tool.main(arguments) == 0
    said = capsys.readouterr().out
    assert "word_types: how probable it is that a word names an entity" in said
    assert "grad_cam (with --layers): " in said
    assert "layers, among others: neck, " in said


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--maps", "boundary_maps"], "error: this model has no boundary_maps; it has"),
        (["--layers", "backbone.layer9"], "error: the model has no layer 'backbone.la"),
        (["--point", "60", "3"], "error: the point in row 60, column 3 lies outside"),
    ],
)
def test_mistakes_are_one_line(tool, image, checkpoint, tmp_path, capsys, options,
                               message):  # fmt: skip
    arguments = [image, "circle", "--checkpoint", checkpoint]
    out = tmp_path / "out"
    assert tool.main([*arguments, "--out-dir", str(out), *options]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith(message)
    assert not out.exists()
