import dataclasses

import numpy as np
import pytest

from mmris.evaluation import (
    MaskCounts,
    ScoreTable,
    SentenceFacts,
    bootstrap_intervals,
    paired_differences,
)
from mmris.evaluation.protocols import PROTOCOLS

FACTS = SentenceFacts("cup", "", 1, 0, 1, 1, 1)


def table(seed, *, images=60, shift=0.0, protocol="mmris"):
    """Sentences of pictures that are harder or easier as a whole."""
    rng = np.random.default_rng(0)
    per_image = rng.integers(1, 6, images)
    image = np.repeat(np.arange(images) * 3, per_image)  # positions with gaps
    ease = np.repeat(rng.random(images), per_image)
    noise = np.random.default_rng(seed).normal(0, 0.05, len(image))
    truth = rng.integers(50, 500, len(image))
    both = (np.clip(ease + noise + shift, 0, 1) * truth).astype(np.int64)
    counts = MaskCounts.of(both, truth, truth)
    ids = tuple(range(len(image)))
    return ScoreTable(PROTOCOLS[protocol], counts, image, ids, (FACTS,) * len(image))


def plain_scores(rows):
    counts, iou = rows.counts, rows.iou
    return 100 * counts.intersection.sum() / counts.union.sum(), 100 * iou.mean()


def test_values_are_the_scores_and_intervals_hold_them():
    for protocol in ("mmris", "cris"):
        rows = table(1, protocol=protocol)
        intervals = bootstrap_intervals(rows, resamples=300)
        scores = rows.scores()
        assert set(intervals) == set(scores)
        for name, interval in intervals.items():
            assert interval.value == pytest.approx(scores[name])
            assert interval.low <= interval.value <= interval.high


def test_intervals_are_those_of_a_plain_bootstrap():
    rows = table(1)
    rng = np.random.default_rng(7)
    images = np.unique(rows.image)
    drawn = []
    for _ in range(1500):
        chosen = rng.choice(images, len(images))
        places = np.concatenate([np.flatnonzero(rows.image == i) for i in chosen])
        drawn.append(plain_scores(rows.rows(places)))
    expected = np.quantile(np.array(drawn), [0.025, 0.975], axis=0)
    found = bootstrap_intervals(rows, resamples=1500)
    for place, name in enumerate(("oIoU", "mIoU")):
        ends = [found[name].low, found[name].high]
        width = expected[1, place] - expected[0, place]
        np.testing.assert_allclose(ends, expected[:, place], atol=0.12 * width)


def test_pictures_are_drawn_and_not_sentences():
    """Sentences of one picture are alike: an interval from them would be too narrow."""
    rows = table(1, images=40)
    alone = dataclasses.replace(rows, image=np.arange(len(rows.image)))
    wide, narrow = (
        bootstrap_intervals(entry, resamples=500)["mIoU"] for entry in (rows, alone)
    )
    assert wide.high - wide.low > 1.3 * (narrow.high - narrow.low)


def test_more_pictures_give_narrower_intervals_and_seeds_the_same():
    few, many = (
        bootstrap_intervals(table(1, images=n), resamples=300)["mIoU"]
        for n in (40, 640)
    )
    assert few.high - few.low > 2.5 * (many.high - many.low)
    again = bootstrap_intervals(table(1, images=40), resamples=300)["mIoU"]
    assert again == few


def test_chunks_of_draws_are_the_draws(monkeypatch):
    whole = bootstrap_intervals(table(1), resamples=50)
    monkeypatch.setattr("mmris.evaluation.bootstrap._CHUNK", 7 * 60)
    assert bootstrap_intervals(table(1), resamples=50)["mIoU"].value == (
        whole["mIoU"].value
    )


def test_a_run_does_not_differ_from_itself():
    for entry in paired_differences(table(1), table(1), resamples=200).values():
        assert (entry.value, entry.low, entry.high, entry.p_value) == (0, 0, 0, 1)


def test_a_clear_gain_is_told_from_noise():
    worse, noise, better = table(1), table(2), table(3, shift=0.1)
    gain = paired_differences(worse, better, resamples=500)["mIoU"]
    assert gain.value > 3
    assert gain.low > 0
    assert gain.p_value == pytest.approx(1 / 501)
    chance = paired_differences(worse, noise, resamples=500)["mIoU"]
    assert chance.low < 0 < chance.high
    assert chance.p_value > 0.01
    loss = paired_differences(better, worse, resamples=500)["mIoU"]
    assert loss.value == pytest.approx(-gain.value)
    assert loss.p_value == gain.p_value


def test_p_values_are_even_where_there_is_nothing():
    """Of pairs of equal runs about a tenth have p below 0.1."""
    values = [
        paired_differences(table(2 * k), table(2 * k + 1), resamples=99)["mIoU"].p_value
        for k in range(1, 121)
    ]
    assert 0.04 < np.mean(np.array(values) <= 0.1) < 0.18


def test_other_sentences_are_refused():
    with pytest.raises(ValueError, match="have .* sentences, and not the same; score"):
        paired_differences(table(1), table(1, images=10))
