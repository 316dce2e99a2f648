import dataclasses
import hashlib
import json

import numpy as np
import pytest
import torch

from mmris.datasets import decode_segmentations
from mmris.evaluation import (
    find_protocols,
    match_predictions,
    open_annotations,
    read_ground_truth,
    read_predictions,
    score_predictions,
)
from mmris.evaluation.boundary_scores import boundary_scores
from mmris.evaluation.protocols import PROTOCOLS
from mmris.evaluation.scored_image import decode_runs
from mmris.models.segmentors.restore import restore_logits
from tests.evaluation.scenes_run import BREAKDOWNS


@pytest.fixture(scope="module")
def predictions(scenes):
    return read_predictions(scenes.folder / "first.jsonl")


@pytest.fixture(scope="module")
def truth(scenes):
    return list(read_ground_truth(open_annotations(scenes.config)))


def test_rescored_predictions_equal_the_scores_of_the_run(scenes, predictions, truth):
    (table,) = score_predictions(predictions, truth, [PROTOCOLS["mmris"]]).values()
    for key, value in table.scores().items():
        assert scenes.scores[key] == value, key
    assert 0 < scenes.scores["mIoU"] < 100
    assert len(set(table.iou.tolist())) > 10
    assert (table.counts.predicted > 0).any()
    groups = table.broken_down([*BREAKDOWNS, "kind"])
    for label, entry in groups.items():
        assert scenes.scores[f"mIoU_{label}"] == entry["mIoU"]
        if f"oIoU_{label}" in scenes.scores:
            assert scenes.scores[f"oIoU_{label}"] == entry["oIoU"]
    written = {key for key in scenes.scores if key.startswith("mIoU_")}
    assert written == {f"mIoU_{label}" for label in groups}
    assert scenes.scores["gIoU"] == scenes.scores["mIoU"]
    bands = boundary_scores(predictions, truth)
    assert scenes.scores["boundary IoU"] == bands["boundary IoU"]


def test_the_truth_is_that_of_the_dataset(scenes, truth):
    dataset = open_annotations(scenes.config)
    for image in truth:
        record = dataset.record(image.index)
        masks = [
            decode_segmentations(reference["segmentations"], *image.size)
            for reference in record["references"]
            for _ in reference["sentences"]
        ]
        found = decode_runs([entry.runs for entry in image.sentences]).numpy()
        np.testing.assert_array_equal(found, np.stack(masks))


def test_soft_scores_give_the_masks_of_the_run_back(predictions, truth):
    """Up to a few pixels, where a logit was next to 0."""
    differing = total = 0
    for _, image in match_predictions(predictions, truth):
        logits, frame = image.maps()
        assert logits.std() > 0.1
        maps = restore_logits(
            logits,
            input_size=frame.input_size,
            content_box=frame.content_box,
            original_size=image.size,
        )
        stored = decode_runs(image.predicted)
        differing += int((stored != (maps > 0)).sum())
        total += stored.numel()
    assert differing / total < 2e-3


def test_one_set_of_predictions_answers_for_every_protocol(predictions, truth):
    protocols = find_protocols(["all"], has_soft_scores=predictions.has_soft_scores)
    tables = score_predictions(predictions, truth, protocols)
    assert set(tables) == set(PROTOCOLS)
    sentences = {name: len(table.counts) for name, table in tables.items()}
    objects = sum(s.position == 0 for image in truth for s in image.sentences)
    assert sentences["mmris"] == sum(len(image.sentences) for image in truth)
    assert sentences["mmdet"] == sentences["cris-val"] == objects < sentences["mmris"]
    # Masks that grow, or that are taken at a lower threshold, are larger.
    area = {name: table.counts.predicted.sum() for name, table in tables.items()}
    assert area["cmpc"] > area["mmris"]
    assert area["cris"] > area["cgformer"]
    assert len({round(table.scores()["mIoU"], 3) for table in tables.values()}) > 5


def test_the_header_says_what_the_predictions_are(scenes, predictions):
    header = predictions.header
    assert header["config"] == str(scenes.config)
    content = (scenes.folder / "first.pth").read_bytes()
    assert header["checkpoint_sha256"] == hashlib.sha256(content).hexdigest()
    assert header["split"] == "val"
    assert header["dataset"]["type"] == "ShapesRefDataset"
    assert header["test_cfg"]["threshold"] == 0.5
    assert header["soft_scores"] == "first.scores"


def test_predictions_of_other_programs(scenes, predictions, truth, tmp_path):
    """As COCO's results, in any order, without soft scores."""
    lines = (scenes.folder / "first.jsonl").read_text().splitlines()[1:]
    results = [
        {"sent_id": number, "segmentation": {"size": image["size"], "counts": counts}}
        for image in map(json.loads, lines)
        for number, counts in zip(image["sent_ids"], image["counts"], strict=True)
    ]
    np.random.default_rng(0).shuffle(results)
    (tmp_path / "theirs.json").write_text(json.dumps(results))
    theirs = read_predictions(tmp_path / "theirs.json")
    assert not theirs.has_soft_scores
    ours, other = (
        score_predictions(entry, truth, [PROTOCOLS["mmris"]])["mmris"]
        for entry in (predictions, theirs)
    )
    assert ours.scores() == other.scores()


def without(predictions, tmp_path, number, change=None):
    """The file less the last lines, or with one changed."""
    lines = predictions.path.read_text().splitlines(keepends=True)
    kept = lines[: len(lines) - number]
    if change:
        kept[1] = change(kept[1])
    path = tmp_path / "changed.jsonl"
    path.write_text("".join(kept))
    (tmp_path / "first.scores").symlink_to(predictions.path.with_suffix(".scores"))
    return read_predictions(path)


def test_missing_sentences_are_refused_or_left_out(predictions, truth, tmp_path):
    part = without(predictions, tmp_path, 2)
    message = r"has no mask for \d+ of \d+ sentences, the first .*--partial"
    with pytest.raises(ValueError, match=message):
        score_predictions(part, truth, [PROTOCOLS["mmris"]])
    tables = score_predictions(part, truth, [PROTOCOLS["mmris"]], partial=True)
    assert len(tables["mmris"].counts) == len(part.place)


def test_predictions_of_another_split_are_refused(scenes, predictions):
    other = read_ground_truth(open_annotations(scenes.config, split="testA"))
    with pytest.raises(ValueError, match="has no mask for .* are of one split"):
        score_predictions(predictions, other, [PROTOCOLS["mmris"]])
    other = read_ground_truth(open_annotations(scenes.config, split="testA"))
    message = r"sentences that the annotations do not have, the first .* sent_id \d+\."
    with pytest.raises(ValueError, match=message):
        score_predictions(predictions, other, [PROTOCOLS["mmris"]], partial=True)


def test_predictions_for_more_sentences_are_refused(predictions, truth):
    with pytest.raises(ValueError, match="has masks for .* annotations do not have"):
        score_predictions(predictions, truth[:-1], [PROTOCOLS["mmris"]])


def test_masks_at_another_size_are_refused(predictions, truth, tmp_path):
    turned = without(
        predictions, tmp_path, 0, lambda line: line.replace("[70, 60]", "[60, 70]")
    )
    message = r"is of size \(height, width\) \(60, 70\).* of size \(70, 60\)"
    with pytest.raises(ValueError, match=message):
        score_predictions(turned, truth, [PROTOCOLS["mmris"]])


def test_a_protocol_without_sentences_is_refused(predictions, truth):
    nothing = dataclasses.replace(
        PROTOCOLS["mmris"], name="none", sentences=lambda sentence: False
    )
    with pytest.raises(ValueError, match="protocol none takes none of the sentences"):
        score_predictions(predictions, truth, [nothing])


def test_maps_are_taken_for_their_sentences(predictions, truth):
    """The order of sentences in the file need not be that of the annotations."""
    image = truth[0]
    turned = type(image)(image.index, image.image_id, image.size, image.sentences[::-1])
    (_, one), *_ = match_predictions(predictions, truth)
    (_, other), *_ = match_predictions(predictions, [turned, *truth[1:]])
    torch.testing.assert_close(one.logits, other.logits.flip(0))
    assert not torch.equal(one.logits, other.logits)
    assert [mask.area for mask in one.predicted[::-1]] == [
        mask.area for mask in other.predicted
    ]


def test_maps_of_a_picture_in_several_entries_are_refused(predictions, truth, tmp_path):
    """Each entry would take the one file of maps for its own."""

    def in_two(line):
        whole = json.loads(line)
        halves = []
        for part in (slice(0, 1), slice(1, None)):
            names = ("sent_ids", "expressions", "counts")
            halves.append({**whole, **{name: whole[name][part] for name in names}})
        assert all(half["sent_ids"] for half in halves)
        return "".join(json.dumps(half) + "\n" for half in halves)

    split = without(predictions, tmp_path, 0, in_two)
    with pytest.raises(ValueError, match="in 2 entries, .*: with soft scores a pict"):
        score_predictions(split, truth, [PROTOCOLS["lavt"]])
    bare = [dataclasses.replace(image, soft_file=None) for image in split.images]
    tables = score_predictions(
        dataclasses.replace(split, images=bare), truth, [PROTOCOLS["mmris"]]
    )
    ours = score_predictions(predictions, truth, [PROTOCOLS["mmris"]])
    assert tables["mmris"].scores() == ours["mmris"].scores()
