"""What the browser of datasets shows is what the model is fed."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from mmris.datasets import (
    LoadRefImage,
    LoadRefMasks,
    PackRefInputs,
    RefRandomFlip,
    RefResize,
    ShapesRefDataset,
)
from mmris.visualization.item_page import item_page
from mmris.visualization.item_pictures import draw_item
from tests.load_tool import load_tool

CONFIG = "configs/baseline/baseline_tiny_shapes.py"
OPTIONS = [
    "--cfg-options",
    "train_dataloader.dataset.num_images=9",
    "val_dataloader.dataset.num_images=4",
    "test_dataloader.dataset.num_images=4",
]


@pytest.fixture(scope="module")
def tool():
    return load_tool("analysis_tools/browse_dataset")


def names(folder):
    return sorted(path.name for path in folder.iterdir())


class Page(HTMLParser):
    """Tags of a page with their attributes, and its text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope="module")
def browsed(tool, tmp_path_factory):
    out = tmp_path_factory.mktemp("browsed") / "out"
    assert tool.main([CONFIG, "--number", "3", "--out", str(out), *OPTIONS]) == 0
    return out


def test_the_page_and_a_picture_for_each_item_are_written(browsed):
    found = names(browsed)
    assert len(found) == 4
    assert found[0] == "index.html"
    assert all(re.fullmatch(r"item_00000\d_\d+\.png", name) for name in found[1:])
    text = (browsed / "index.html").read_text(encoding="utf-8")
    page = Page(text)
    sources = [attrs["src"] for tag, attrs in page.tags if tag == "img"]
    assert len(sources) == 3
    for source, name in zip(sources, found[1:]):
        kind, _, content = source.partition(",")
        assert kind == "data:image/png;base64"
        inside = cv2.imdecode(np.frombuffer(base64.b64decode(content), np.uint8), 1)
        outside = cv2.imread(str(browsed / name))
        np.testing.assert_array_equal(outside[: len(inside)], inside)
        assert len(outside) > len(inside)


def test_the_page_needs_no_other_file_and_runs_nothing(browsed):
    page = Page((browsed / "index.html").read_text(encoding="utf-8"))
    assert not {"script", "link", "iframe"} & {tag for tag, _ in page.tags}
    for tag, attrs in page.tags:
        assert (
            not {"href", "onload", "onerror", "style"} & attrs.keys() or tag == "span"
        )
        assert attrs.get("src", "data:").startswith("data:")
    policy = [a["content"] for t, a in page.tags if "http-equiv" in a]
    assert policy[0].startswith("default-src 'none'")


def test_nothing_is_replaced_unasked(tool, browsed, tmp_path, capsys):
    arguments = [CONFIG, "--number", "2", *OPTIONS]
    before = {name: (browsed / name).read_bytes() for name in names(browsed)}
    assert tool.main([*arguments, "--out", str(browsed)]) == 2
    assert "holds items already; give another folder" in capsys.readouterr().err
    assert before == {n: (browsed / n).read_bytes() for n in names(browsed)}
    (tmp_path / "photographs").mkdir()
    (tmp_path / "photographs" / "item_1.png").write_text("mine")
    arguments += ["--out", str(tmp_path / "photographs"), "--overwrite"]
    assert tool.main(arguments) == 2
    assert "was not written by this program" in capsys.readouterr().err
    assert names(tmp_path / "photographs") == ["item_1.png"]


def test_on_request_old_items_go(tool, tmp_path):
    for count, seed in ((3, 0), (2, 1)):
        arguments = ["--number", str(count), "--seed", str(seed), "--split", "val"]
        arguments += ["--out", str(tmp_path / "out"), "--overwrite", *OPTIONS]
        assert tool.main([CONFIG, *arguments]) == 0
        assert len(names(tmp_path / "out")) == count + 1


def test_other_splits_are_those_of_testing(tool, tmp_path, capsys):
    out = tmp_path / "out"
    arguments = ["--split", "testB", "--number", "99", "--out", str(out), *OPTIONS]
    assert tool.main([CONFIG, *arguments]) == 0
    assert capsys.readouterr().out == f"{out / 'index.html'}: 4 of 4 items\n"
    text = (out / "index.html").read_text(encoding="utf-8")
    assert "<th>split</th><td>testB</td>" in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--number", "0"], "--number is 0; give at least 1"),
        (["--seed", "-1"], "--seed is -1; give 0 or more"),
        (["--split", "minival"], "split is 'minival'; choose one of"),
        (["--out", "README.md"], "README.md is a file; give a folder with --out"),
    ],
)
def test_wrong_use_is_one_line(tool, capsys, words, message, tmp_path):
    words = words if "--out" in words else [*words, "--out", str(tmp_path / "out")]
    assert tool.main([CONFIG, *words, *OPTIONS]) == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert printed.count("\n") == 1


def scenes(transforms, **options):
    return ShapesRefDataset(
        split="val", num_images=3, image_size=(60, 80), pipeline=transforms, **options
    )


def test_training_shows_resized_and_mirrored_masks_on_the_input():
    transforms = [
        LoadRefImage(),
        LoadRefMasks(),
        RefResize(size=(120, 100), keep_ratio=True),
        RefRandomFlip(prob=1.0),
        PackRefInputs(),
    ]
    item = scenes(transforms, sampling="image")[0]
    drawn = draw_item(0, item)
    assert drawn.masks_at == "the network's input"
    assert drawn.size == (120, 100)
    assert drawn.meta["flip"] is True
    for sentence, mask, text in zip(
        drawn.sentences,
        item["data_samples"].gt_sem_seg.data,
        item["data_samples"].expressions,
    ):
        assert sentence.text == text
        assert sentence.pixels == int(mask.sum())
        assert sentence.size == (120, 100)
    # 120 x 100 is enlarged to 256 x 213; left the input as it is, in RGB order.
    assert drawn.panels.shape == (256, 213 + 6 + 213, 3)
    pixels = item["inputs"].numpy()[::-1].transpose(1, 2, 0)
    expected = cv2.resize(
        np.ascontiguousarray(pixels), (213, 256), interpolation=cv2.INTER_NEAREST_EXACT
    )
    np.testing.assert_array_equal(drawn.panels[:, :213], expected)
    changed = (drawn.panels[:, 219:] != expected).any(axis=2)
    mask = item["data_samples"].gt_sem_seg.data.numpy().any(axis=0).astype(np.uint8)
    inside = cv2.resize(mask, (213, 256), interpolation=cv2.INTER_NEAREST_EXACT) > 0
    # Outlines and numbers lie around small masks.
    around = cv2.dilate(inside.astype(np.uint8), np.ones((41, 41))) > 0
    assert changed[inside].mean() > 0.9
    assert not changed[~around].any()


def test_testing_shows_masks_on_the_original_picture(tmp_path, test_data):
    transforms = [
        LoadRefImage(),
        RefResize(size=(100, 100)),
        LoadRefMasks(),
        PackRefInputs(),
    ]
    drawn = draw_item(1, scenes(transforms, test_mode=True)[1])
    assert drawn.masks_at == "the original picture"
    assert {sentence.size for sentence in drawn.sentences} == {(60, 80)}
    assert drawn.size == (100, 100)
    assert drawn.panels.shape == (256, 256 + 6 + 256, 3)


def made_item(texts, pixels, ann_ids):
    masks = torch.zeros(len(texts), 8, 10, dtype=torch.uint8)
    for mask, count in zip(masks, pixels):
        mask.view(-1)[:count] = 1
    sample = SegDataSample(metainfo={"image_id": "<b>7", "img_path": "a&b.jpg"})
    sample.gt_sem_seg = PixelData(data=masks)
    sample.set_field(list(texts), "expressions")
    sample.set_field(list(range(len(texts))), "ref_ids")
    sample.set_field(list(ann_ids), "ann_ids")
    return {"inputs": torch.zeros(3, 8, 10, dtype=torch.uint8), "data_samples": sample}


def test_masks_that_vanished_are_told_from_sentences_about_nothing():
    item = made_item(["a", "b", "c"], [3, 0, 0], [[1], [2], []])
    drawn = draw_item(0, item)
    assert [sentence.vanished for sentence in drawn.sentences] == [False, True, False]
    text = item_page("t", {}, [drawn])
    assert "1 of the sentences shown name something of which" in text
    assert text.count("no pixel is left</span>") == 1
    assert text.count("nothing in the picture") == 1
    assert "sentences shown name" not in item_page("t", {}, [])


def test_whatever_a_sentence_says_is_text(tmp_path):
    texts = ["</li><script>alert(1)</script>", "a & b \"c\" 'd'", "\ud83d half\u202e"]
    page = item_page(
        "<i>", {"<u>": "<s>"}, [draw_item(0, made_item(texts, [1] * 3, [[1]] * 3))]
    )
    path = tmp_path / "index.html"
    path.write_text(page, encoding="utf-8")
    parsed = Page(page)
    assert not {"script", "b", "i", "u", "s"} & {tag for tag, _ in parsed.tags}
    for text in ("</li><script>alert(1)</script>", "a & b \"c\" 'd'", "? half\u202e"):
        assert text in parsed.text
    assert "picture <b>7" in parsed.text


def test_items_that_are_packed_otherwise_are_named():
    with pytest.raises(ValueError, match="item 3 has no 'inputs'.*PackRefInputs"):
        draw_item(3, {"img": 1})
    item = made_item(["a"], [1], [[1]])
    del item["data_samples"].gt_sem_seg
    with pytest.raises(ValueError, match="item 3 has no masks; put LoadRefMasks"):
        draw_item(3, item)


def test_an_original_of_another_size_is_named(tmp_path):
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), np.zeros((5, 5, 3), np.uint8))
    item = made_item(["a"], [1], [[1]])
    item["inputs"] = torch.zeros(3, 4, 4, dtype=torch.uint8)
    item["data_samples"].set_metainfo({"img_path": str(path)})
    with pytest.raises(ValueError, match=r"a\.png has the size .*\(5, 5\).*\(8, 10\)"):
        draw_item(0, item)
