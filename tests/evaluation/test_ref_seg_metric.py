import numpy as np
import pytest
import torch

from mmris.evaluation import RefSegMetric


def sample(predicted, truth, kinds=None, first_id=0):
    count = len(predicted)
    return {
        "pred_sem_seg": {"data": torch.as_tensor(predicted).bool()},
        "gt_sem_seg": {"data": torch.as_tensor(truth).to(torch.uint8)},
        "sent_ids": list(range(first_id, first_id + count)),
        "kinds": kinds or [""] * count,
    }


def score(samples, batch=1):
    metric = RefSegMetric()
    for start in range(0, len(samples), batch):
        metric.process(None, samples[start : start + batch])
    return metric.evaluate(len(samples))


def test_values_worked_out_by_hand():
    # I/U: 1/2, 2/3, 0/2, 4/4.
    truth = np.zeros((4, 2, 3), int)
    guess = np.zeros((4, 2, 3), int)
    truth[0, 0, :2], guess[0, 0, 1:2] = 1, 1
    truth[1, 0, :3], guess[1, 0, :2] = 1, 1
    truth[2, 0, 0], guess[2, 1, 2] = 1, 1
    truth[3, :, :2], guess[3, :, :2] = 1, 1
    scores = score(
        [sample(guess, truth, kinds=["attribute", "attribute", "place", "place"])]
    )
    assert scores["oIoU"] == pytest.approx(100 * 7 / 11)
    assert scores["mIoU"] == pytest.approx(100 * (1 / 2 + 2 / 3 + 0 + 1) / 4)
    assert scores["Prec@0.5"] == 75.0  # 1/2 counts: at least, not above
    assert scores["Prec@0.6"] == 50.0
    assert scores["Prec@0.7"] == scores["Prec@0.9"] == 25.0
    assert scores["mIoU_attribute"] == pytest.approx(100 * (1 / 2 + 2 / 3) / 2)
    assert scores["mIoU_place"] == pytest.approx(50.0)
    assert set(scores) == {
        *("oIoU", "mIoU", "mIoU_attribute", "mIoU_place"),
        *(f"Prec@{x}" for x in (0.5, 0.6, 0.7, 0.8, 0.9)),
    }


def test_empty_masks():
    empty, full = np.zeros((1, 2, 2), int), np.ones((1, 2, 2), int)
    assert score([sample(empty, empty)])["mIoU"] == 100.0
    assert score([sample(empty, empty)])["oIoU"] == 100.0
    assert score([sample(full, empty)])["mIoU"] == 0.0
    assert score([sample(empty, full)])["mIoU"] == 0.0


def test_every_sentence_counts_once_whatever_the_images_and_batches():
    generator = np.random.default_rng(0)
    counts = [7, 1, 3, 40, 2]
    samples, pairs, first = [], [], 0
    for count in counts:
        height, width = generator.integers(3, 9, 2)
        masks = generator.random((2, count, height, width)) < 0.5
        samples.append(sample(masks[0], masks[1], first_id=first))
        pairs.extend(zip(*masks, strict=True))
        first += count
    iou = [(p & t).sum() / (p | t).sum() for p, t in pairs]
    for batch in (1, 2, 5):
        scores = score(samples, batch)
        assert scores["mIoU"] == pytest.approx(100 * np.mean(iou))
        both, union = (
            sum((p & t).sum() for p, t in pairs),
            sum((p | t).sum() for p, t in pairs),
        )
        assert scores["oIoU"] == pytest.approx(100 * both / union)
        for x in (0.5, 0.7):
            share = np.mean([value >= x for value in iou])
            assert scores[f"Prec@{x}"] == pytest.approx(100 * share)


def test_one_entry_an_image_survives_the_cut_to_the_length_of_the_dataset():
    masks = np.ones((7, 2, 2), int)
    metric = RefSegMetric()
    metric.process(None, [sample(masks, masks), sample(masks[:1] * 0, masks[:1])])
    assert len(metric.results) == 2
    assert metric.evaluate(size=2)["mIoU"] == pytest.approx(100 * 7 / 8)


def test_masks_of_different_shapes_are_refused():
    with pytest.raises(ValueError, match="LoadRefMasks stands after RefResize"):
        score([sample(np.ones((1, 2, 3)), np.ones((1, 3, 2)))])


def test_options_add_scores():
    truth, guess = np.zeros((2, 3, 20, 30), int)
    truth[0, 2:12, 2:12] = guess[0, 2:12, 2:12] = 1
    truth[1, 5:10, 5:10] = guess[1, 5:10, 6:11] = 1
    entry = sample(guess, truth)
    entry.update(
        expressions=["cup", "left cup", "the red cup on top"],
        category_ids=[1, 1, 2],
        ann_ids=[[3], [4, 5], []],
        num_distractors=[1, 1, 0],
    )
    metric = RefSegMetric(
        no_target_scores=True,
        boundary_iou=True,
        breakdowns=["words_refcoco", "category", "targets"],
    )
    metric.process(None, [entry])
    scores = metric.evaluate(1)
    second = 100 * 20 / 30
    assert scores["mIoU"] == scores["gIoU"] == pytest.approx((200 + second) / 3)
    assert scores["N-acc"] == scores["T-acc"] == 100.0
    assert scores["boundary IoU"] == pytest.approx(100 * (1 + 8 / 24 + 1) / 3)
    assert scores["mIoU_words_1-2"] == pytest.approx((100 + second) / 2)
    assert scores["oIoU_category_1"] == pytest.approx(100 * 120 / 130)
    assert scores["mIoU_category_none"] == scores["mIoU_words_4-5"] == 100.0
    assert scores["mIoU_targets_several"] == pytest.approx(second)


@pytest.mark.parametrize(
    "thresholds", [[7], [0.5, 1.01], [0], [-0.5], [True], [np.nan], [np.inf], ["0.5"]]
)
def test_thresholds_that_no_ratio_reaches_are_refused(thresholds):
    message = "precision_thresholds of RefSegMetric has .*above 0 and at most 1"
    with pytest.raises(ValueError, match=message):
        RefSegMetric(precision_thresholds=thresholds)
    with pytest.raises(ValueError, match="name each threshold once"):
        RefSegMetric(precision_thresholds=[0.5, 0.5])


def test_a_threshold_of_1_asks_for_the_true_mask_itself():
    truth = np.ones((2, 2, 3), int)
    guess = truth.copy()
    guess[1, 0, 0] = 0
    metric = RefSegMetric(precision_thresholds=[0.8, 1])
    metric.process(None, [sample(guess, truth)])
    scores = metric.evaluate(1)
    assert scores["Prec@1"] == 50.0
    assert scores["Prec@0.8"] == 100.0


def test_unknown_breakdowns_are_refused():
    with pytest.raises(ValueError, match="breakdowns of RefSegMetric has 'length'"):
        RefSegMetric(breakdowns=["length"])


def test_breakdowns_need_what_they_are_made_from():
    metric = RefSegMetric(breakdowns=["size"])
    with pytest.raises(ValueError, match="need 'expressions' .* PackRefInputs"):
        metric.process(None, [sample(np.ones((1, 2, 2)), np.ones((1, 2, 2)))])


def dealt(entries, size):
    """Scores of entries as they come from all processes."""
    metric = RefSegMetric()
    metric.process(None, entries)
    metric._size = size
    return metric.compute_metrics(metric.results)


def test_the_names_are_those_of_the_scores():
    """In their order: the first is what a hook takes for 'auto'."""
    metric = RefSegMetric(
        precision_thresholds=[0.5, 0.25],
        no_target_scores=True,
        boundary_iou=True,
        breakdowns=["targets"],
        prefix="val",
    )
    masks = np.zeros((2, 4, 4), int)
    masks[0, 1:3] = 1
    facts = {
        "expressions": ["left", "none"],
        "category_ids": [1, -1],
        "num_distractors": [0, 0],
        "ann_ids": [[1], []],
    }
    metric.process(None, [{**sample(masks, masks, kinds=["place", ""]), **facts}])
    given = list(metric.evaluate(1))
    names = metric.score_names()
    open_ends = ("val/mIoU_", "val/oIoU_")
    fixed = [name for name in given if not name.startswith(open_ends)]
    assert [name for name in names if not name.endswith("*")] == fixed
    assert [name for name in names if name.endswith("*")] == [
        f"{e}*" for e in open_ends
    ]
    assert RefSegMetric().score_names()[:2] == ["oIoU", "mIoU"]
    assert "oIoU_*" not in RefSegMetric().score_names()


def test_images_that_were_dealt_twice_count_once():
    """Whatever the way of dealing: by cutting, blocks of images would lose one."""
    rng = np.random.default_rng(0)
    images = []
    for index in range(7):
        masks = rng.random((2, 3, 6, 7)) < 0.5
        entry = sample(masks[0], masks[1], first_id=10 * index)
        images.append({**entry, "image_id": index, "expressions": ["a", "b", "c"]})
    expected = dealt(images, 7)
    as_cards = [0, 1, 2, 3, 4, 5, 6, 0, 1]  # 3 processes, one image in turn to each
    as_blocks = [0, 3, 6, 1, 4, 0, 2, 5, 1]  # 0 1 2, 3 4 5, 6 0 1
    for order in (as_cards, as_blocks, as_blocks[::-1]):
        scores = dealt([images[index] for index in order], 7)
        assert scores == expected, order


def test_items_that_a_dataset_has_twice_count_twice():
    good = sample(np.ones((1, 2, 2)), np.ones((1, 2, 2)))
    bad = sample(np.zeros((1, 2, 2)), np.ones((1, 2, 2)), first_id=5)
    assert dealt([good, good, bad], 3)["mIoU"] == pytest.approx(200 / 3)
    # And once more in the padding.
    assert dealt([good, good, bad, good], 3)["mIoU"] == pytest.approx(200 / 3)


def test_sentences_of_two_datasets_with_one_number_are_two():
    one = sample(np.ones((1, 2, 2)), np.ones((1, 2, 2)))
    other = sample(np.zeros((1, 2, 2)), np.ones((1, 2, 2)))
    one["expressions"], other["expressions"] = ["left cup"], ["the red cup"]
    assert dealt([one, other, one], 2)["mIoU"] == pytest.approx(50)
