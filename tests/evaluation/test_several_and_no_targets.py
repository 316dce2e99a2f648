"""gRefCOCO from its files to the scores, against a plain reader and plain sums."""

import hashlib
import json

import numpy as np
import pytest
import torch
from pycocotools import mask as coco_mask

from mmris.datasets import ReferDataset
from mmris.datasets.masks import encode_mask
from mmris.evaluation import RefSegMetric, open_annotations, read_ground_truth
from mmris.evaluation.scored_image import decode_runs
from tests.load_tool import load_tool


@pytest.fixture(scope="module")
def folder(test_data):
    return test_data / "mini_refcoco" / "grefcoco"


def read_plainly(folder, split):
    """Mask and number of targets of each sentence, without mmris."""
    content = json.loads((folder / "instances.json").read_text())
    images = {entry["id"]: entry for entry in content["images"]}
    annotations = {entry["id"]: entry for entry in content["annotations"]}
    found = {}
    for reference in json.loads((folder / "grefs(unc).json").read_text()):
        if reference["split"] != split:
            continue
        image = images[reference["image_id"]]
        size = image["height"], image["width"]
        mask, number = np.zeros(size, bool), 0
        for ann_id in reference["ann_id"]:
            if ann_id == -1 or annotations[ann_id]["iscrowd"]:
                continue
            number += 1
            for polygon in annotations[ann_id]["segmentation"]:
                (code,) = coco_mask.frPyObjects([polygon], *size)
                mask |= coco_mask.decode(code) > 0
        for sentence in reference["sentences"]:
            found[sentence["sent_id"]] = mask, number
    return found


def guesses(truth, seed=0):
    """The true mask, a part of it, nothing, or something else."""
    rng = np.random.default_rng(seed)
    made = {}
    for sent_id, (mask, _) in truth.items():
        kind = rng.integers(4)
        guess = mask.copy()
        if kind == 1:
            guess[: mask.shape[0] // 2] = False
        elif kind == 2:
            guess[:] = False
        elif kind == 3:
            guess[10:90, 20:70] = True
        made[sent_id] = guess
    return made


def plain_scores(truth, predicted):
    """As ReLA's evaluation goes through the sentences, one after the other."""
    sum_iou = sum_both = sum_union = 0
    right_nothing = wrong_nothing = found = missed = 0
    reached = {0.7: 0, 0.8: 0, 0.9: 0}
    for sent_id, (mask, number) in truth.items():
        guess = predicted[sent_id]
        both = int((mask & guess).sum())
        union = int((mask | guess).sum())
        if number == 0:
            if guess.any():
                wrong_nothing += 1
                sum_union += union
            else:
                right_nothing += 1
                sum_iou += 1
            continue
        if guess.any():
            found += 1
        else:
            missed += 1
        sum_iou += both / union
        sum_both += both
        sum_union += union
        for threshold in reached:
            reached[threshold] += both / union >= threshold
    return {
        "gIoU": 100 * sum_iou / len(truth),
        "cIoU": 100 * sum_both / sum_union,
        "N-acc": 100 * right_nothing / (right_nothing + wrong_nothing),
        "T-acc": 100 * found / (found + missed),
        **{
            f"targeted Prec@{threshold}": 100 * count / (found + missed)
            for threshold, count in reached.items()
        },
    }


@pytest.mark.parametrize("split", ["train", "val", "testA", "testB"])
def test_the_truth_is_that_of_the_official_program(folder, split):
    content = json.loads((folder.parent / "expected.json").read_text())["grefcoco"]
    expected = {
        int(number): entry
        for number, entry in content["sentences"].items()
        if entry["split"] == split
    }
    seen = set()
    for image in read_ground_truth(open_annotations(folder, split=split)):
        for sentence in image.sentences:
            entry = expected[sentence.sent_id]
            seen.add(sentence.sent_id)
            assert sentence.facts.area == sentence.runs.area == entry["area"]
            mask = decode_runs([sentence.runs])[0].numpy()
            code = hashlib.sha256(np.packbits(mask).tobytes()).hexdigest()
            assert code == entry["mask_sha256"]
            assert (sentence.facts.num_targets == 0) == entry["no_target"]
    assert seen == set(expected)
    without = sum(entry["no_target"] for entry in expected.values())
    assert without == content["splits"][split]["num_no_target_sentences"] > 0


@pytest.mark.parametrize("split", ["val", "testA", "testB"])
def test_scores_are_those_of_plain_sums(folder, split, tmp_path, capsys):
    truth = read_plainly(folder, split)
    predicted = guesses(truth)
    expected = plain_scores(truth, predicted)
    assert 0 < expected["N-acc"] < 100
    assert 0 < expected["T-acc"] < 100
    results = [
        {"sent_id": number, "segmentation": encode_mask(mask)}
        for number, mask in predicted.items()
    ]
    (tmp_path / "theirs.json").write_text(json.dumps(results))
    words = [str(tmp_path / "theirs.json"), str(folder), "--split", split]
    words += ["--json", str(tmp_path / "scores.json"), "--breakdown", "targets"]
    assert load_tool("analysis_tools/score").main([*words, "--intervals"]) == 0
    report = json.loads((tmp_path / "scores.json").read_text())["protocols"]["mmris"]
    for name, value in expected.items():
        assert report["scores"][name] == pytest.approx(value, abs=1e-9), name
        low, high = report["intervals"][name]
        assert low <= value + 1e-9
        assert high >= value - 1e-9
    assert report["scores"]["mIoU"] == report["scores"]["gIoU"]
    groups = report["groups"]
    assert list(groups) == ["targets_none", "targets_1", "targets_several"]
    assert groups["targets_none"]["mIoU"] == pytest.approx(expected["N-acc"])
    numbers = [min(number, 2) for _, number in truth.values()]
    counted = [entry["sentences"] for entry in groups.values()]
    assert counted == [numbers.count(k) for k in range(3)]
    assert "targets_several" in capsys.readouterr().out


def test_the_metric_of_a_run_says_the_same(folder):
    """Through the dataset's items, as validation and testing have them."""
    truth = read_plainly(folder, "val")
    predicted = guesses(truth, seed=1)
    dataset = ReferDataset(
        dataset="grefcoco",
        partition="unc",
        split="val",
        data_root=str(folder.parent),
        test_mode=True,
    )
    metric = RefSegMetric(no_target_scores=True, breakdowns=["targets"])
    for index in range(len(dataset)):
        item = dataset.get_data_info(index)
        masks = [np.stack([predicted[k] for k in item["sent_ids"]])]
        masks.append(np.stack([truth[k][0] for k in item["sent_ids"]]))
        fields = ("sent_ids", "kinds", "expressions", "category_ids", "ann_ids")
        sample = {name: item[name] for name in (*fields, "num_distractors")}
        for name, values in zip(("pred_sem_seg", "gt_sem_seg"), masks, strict=True):
            sample[name] = {"data": torch.from_numpy(values)}
        metric.process(None, [sample])
    scores = metric.evaluate(len(dataset))
    for name, value in plain_scores(truth, predicted).items():
        assert scores[name] == pytest.approx(value, abs=1e-9), name


def test_a_report_has_them(folder, tmp_path):
    truth = read_plainly(folder, "val")
    for name, seed in (("a", 0), ("b", 2)):
        results = [
            {"sent_id": number, "segmentation": encode_mask(mask)}
            for number, mask in guesses(truth, seed).items()
        ]
        (tmp_path / f"{name}.json").write_text(json.dumps(results))
    out = tmp_path / "report.html"
    words = [str(tmp_path / "a.json"), str(folder), "--split", "val"]
    words += ["--out", str(out), "--breakdown", "targets", "--cases", "9"]
    tool = load_tool("analysis_tools/report")
    for more in ([], ["--compare", str(tmp_path / "b.json")]):
        assert tool.main([*words, *more]) == 0
        text = out.read_text(encoding="utf-8")
        for part in ("N-acc", "T-acc", "gIoU", "truth: no target", "nothing in the pi"):
            assert part in text
