import json

import numpy as np
import pytest
import torch
from PIL import Image

from mmris.evaluation import read_predictions
from mmris.evaluation.network_frame import NetworkFrame
from mmris.evaluation.prediction_file import header_line, image_line
from mmris.evaluation.soft_scores import read_soft_scores, write_soft_scores

LINE = image_line(
    image_id=7,
    size=(2, 3),
    sent_ids=[1, 2],
    expressions=["\u2603 left", "cup"],
    counts=["231", "6"],
    frame=None,
    logit_step=None,
)


def write(tmp_path, *lines, name="predictions.jsonl"):
    path = tmp_path / name
    path.write_text("".join(lines), encoding="utf-8")
    return path


def test_what_was_written_is_read(tmp_path):
    path = write(tmp_path, header_line({"split": "val"}), LINE)
    found = read_predictions(path)
    assert found.header["split"] == "val"
    assert found.place == {1: (0, 0), 2: (0, 1)}
    assert [mask.area for mask in found.images[0].masks] == [3, 0]
    assert found.images[0].masks[0].size == (2, 3)
    assert found.images[0].logits() is None
    assert not found.has_soft_scores


def changed(**fields):
    return json.dumps({**json.loads(LINE), **fields}) + "\n"


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([changed(counts=["231"])], "line 1: 1 masks for 2 sentences"),
        ([changed(sent_ids=[], counts=[])], "0 masks for 0 sentences"),
        ([changed(size=[2])], r"'size' is \[2\]; expected 2 ints"),
        ([changed(size=[2, "3"])], "'size' is .*expected 2 ints"),
        ([changed(counts=["231", "7"])], "line 1, sent_id 2: .*have the sum 7"),
        ([changed(counts=["231", None])], "counts are None; expected COCO's run"),
        (
            [changed(counts="231")],
            "'counts' is '231'; expected a list. .*docs/en",
        ),
        ([LINE, LINE], "line 2: sent_id 1 has a mask already"),
        (['{"sent_id": 1}\n'], "'segmentation' is None; expected run lengths, .*size"),
        (['{"mask": 1}\n'], "has no 'sent_id'; it says which sentence the mask is of"),
        (
            ['{"image_id": 3, "segmentation": {}}\n'],
            "has no 'sent_id'; 'image_id' does not say which of several sentences",
        ),
        (['{"sent_id": "1"}\n'], "line 1: '1' in 'sent_id' is no number of a sentence"),
        (['{"sent_id": true}\n'], "line 1: True in 'sent_id' is no number"),
        (['{"sent_id": 1.0}\n'], "line 1: 1.0 in 'sent_id' is no number"),
        (['{"sent_id": NaN}\n'], "line 1: nan in 'sent_id' is no number"),
        ([changed(sent_ids=[1, "2"])], "line 1: '2' in 'sent_ids' is no number"),
        ([changed(sent_ids=[1, [2]])], r"line 1: \[2\] in 'sent_ids' is no number"),
        (
            ['{"sent_id": 1, "segmentation": [[1, 1, 5, 1, 5, 5]]}\n'],
            "'segmentation' is .*; expected run lengths, .* as pycocotools encodes",
        ),
        (
            ['{"sent_id": 1, "segmentation": {"size": [2, 3], "counts": [7]}}\n'],
            "line 1: run lengths .* have the sum 7",
        ),
        (["[1]\n"], r"line 1 is \[1\]; expected an object"),
        (['{"format": "x"}\n', LINE], "format 'x' of version None; this program reads"),
        ([header_line({"version": 2}), LINE], "of version 2; .* version 1. Write"),
        ([header_line({})], "has no predictions: the run that wrote it had no end"),
        (["{\n"], "line 1, column .* is no valid JSON"),
        ([""], "holds no entry .* for each sentence, with 'sent_id' and 'segmentation"),
        (
            [header_line({"soft_scores": True}), LINE],
            "line 1: 'soft_scores' is True; expected the name of a folder beside",
        ),
        *(
            ([header_line({"soft_scores": name}), LINE], "expected the name of a f")
            for name in ("/etc", "../maps", "..", "")
        ),
    ],
)
def test_malformed_files_are_refused(tmp_path, lines, message):
    with pytest.raises(ValueError, match=message):
        read_predictions(write(tmp_path, *lines))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="no file of predictions .*--out FILE"):
        read_predictions(tmp_path / "gone.jsonl")


def test_lists_of_something_else_are_refused(tmp_path):
    path = tmp_path / "p.json"
    path.write_text('{"1": "231"}')
    message = "p.json holds a dict; .* one entry for each sentence, with 'sent_id'"
    with pytest.raises(ValueError, match=message):
        read_predictions(path)


def test_broken_part_files_name_the_line(tmp_path):
    part = write(tmp_path, header_line({}), LINE, "{x}\n", name="p.jsonl.rank0.part")
    with pytest.raises(ValueError, match="rank0.part, line 3, column 2 is no valid"):
        read_predictions(part)


def test_what_a_stopped_run_left_is_read_without_its_cut_line(tmp_path):
    part = write(tmp_path, header_line({}), LINE, LINE[:20], name="p.jsonl.rank0.part")
    assert set(read_predictions(part).place) == {1, 2}


@pytest.mark.parametrize("largest", [0.0, 0.3, 20.0, 900.0])
def test_soft_scores_come_back_within_half_a_step(tmp_path, largest):
    logits = torch.randn(3, 5, 7)
    logits[0, 0, :2] = torch.tensor([0.0, 5.0])
    logits *= largest / logits.abs().max()
    step = write_soft_scores(tmp_path / "7.png", logits)
    found = read_soft_scores(tmp_path / "7.png", 3, step)
    np.testing.assert_allclose(found, logits, atol=0.51 * step if largest else 0)
    assert found[0, 0, 0] == 0
    if largest:
        assert step == pytest.approx(largest / 32767)


def test_logits_that_are_not_finite_are_refused(tmp_path):
    for value in (torch.inf, torch.nan):
        with pytest.raises(ValueError, match="7.png: .* a logit that is not finite"):
            write_soft_scores(tmp_path / "7.png", torch.tensor([[[0.0, value]]]))


def test_soft_scores_of_other_predictions_are_refused(tmp_path):
    write_soft_scores(tmp_path / "7.png", torch.zeros(3, 5, 7))
    with pytest.raises(ValueError, match="has 15 rows, which are not the maps of 2"):
        read_soft_scores(tmp_path / "7.png", 2, 1.0)
    with pytest.raises(ValueError, match="is no PNG file of soft scores; .*--soft-sco"):
        read_soft_scores(tmp_path / "8.png", 2, 1.0)


def test_frames_are_kept(tmp_path):
    frame = NetworkFrame((4, 6), (1, 0, 2, 6))
    step = write_soft_scores(tmp_path / "maps" / "7.png", torch.ones(1, 2, 2))
    line = image_line(
        image_id=7,
        size=(2, 3),
        sent_ids=[1],
        expressions=["cup"],
        counts=["231"],
        frame=frame,
        logit_step=step,
    )
    path = write(tmp_path, header_line({"soft_scores": "maps"}), line)
    (image,) = read_predictions(path).images
    assert image.frame == frame
    assert torch.equal(image.logits(), torch.ones(1, 2, 2))
    bare = write(tmp_path, header_line({"soft_scores": "maps"}), LINE)
    with pytest.raises(ValueError, match="'input_size' is None; expected a list"):
        read_predictions(bare)


SOFT = {
    "image_id": 7,
    "input_size": [4, 6],
    "content_box": [1, 0, 2, 6],
    "logit_step": 0.5,
}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"image_id": "../../7"}, "'../../7' in 'image_id' is no number"),
        ({"image_id": None}, "None in 'image_id' is no number"),
        ({"input_size": [0, 6]}, "does not lie within 'input_size' .0, 6."),
        ({"input_size": [10**9, 10**9]}, "does not lie within 'input_size'"),
        ({"content_box": [0, 0, 5, 6]}, "'content_box' .0, 0, 5, 6., which does not"),
        ({"content_box": [-1, 0, 2, 6]}, "which does not lie within"),
        ({"content_box": [1, 0, 0, 6]}, "which does not lie within"),
        ({"content_box": [1, 0, 2.0, 6]}, "'content_box' is .*; expected 4 ints"),
        ({"logit_step": 0}, "'logit_step' is 0; expected a number above 0"),
        ({"logit_step": float("nan")}, "'logit_step' is nan; expected a number above"),
        ({"logit_step": float("inf")}, "'logit_step' is inf; expected a number above"),
        ({"logit_step": True}, "'logit_step' is True; expected a number above 0"),
    ],
)
def test_frames_of_no_picture_are_refused(tmp_path, fields, message):
    header = header_line({"soft_scores": "maps"})
    good = write(tmp_path, header, changed(**SOFT))
    assert read_predictions(good).has_soft_scores
    bad = write(tmp_path, header, changed(**{**SOFT, **fields}))
    with pytest.raises(ValueError, match=message):
        read_predictions(bad)


def test_folders_of_masks(tmp_path):
    folder = tmp_path / "masks"
    folder.mkdir()
    mask = np.zeros((2, 3), np.uint8)
    mask[1, :2] = 255
    Image.fromarray(mask).save(folder / "21.png")
    Image.fromarray(mask // 255).save(folder / "3.png")
    Image.fromarray(mask * 0).save(folder / "4.png")
    (folder / "notes.txt").write_text("of another program")
    found = read_predictions(folder)
    assert set(found.place) == {21, 3, 4}
    for number, area in ((21, 2), (3, 2), (4, 0)):
        place, row = found.place[number]
        assert found.images[place].masks[row].area == area
    assert found.images[0].masks[0].size == (2, 3)
    assert not found.has_soft_scores


def test_folders_of_something_else_are_refused(tmp_path):
    folder = tmp_path / "masks"
    folder.mkdir()
    with pytest.raises(ValueError, match="has no mask: expected <sent_id>.png"):
        read_predictions(folder)
    pixels = np.ones((2, 3), np.uint8)
    Image.fromarray(pixels).save(folder / "007.png")
    Image.fromarray(pixels).save(folder / "7.png")
    with pytest.raises(ValueError, match="7.png: sent_id 7 has a mask already"):
        read_predictions(folder)
    (folder / "007.png").rename(folder / "cup.png")
    with pytest.raises(ValueError, match="cup.png: the name is no number of a"):
        read_predictions(folder)
    (folder / "cup.png").unlink()
    (folder / "8.png").write_bytes((folder / "7.png").read_bytes()[:40])
    with pytest.raises(ValueError, match="8.png is no complete picture"):
        read_predictions(folder)
    with pytest.raises(ValueError, match="has soft scores and no masks; give the"):
        read_predictions(folder.rename(tmp_path / "p.scores"))
