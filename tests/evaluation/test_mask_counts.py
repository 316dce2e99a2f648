import numpy as np
import pytest
import torch

from mmris.datasets.masks import encode_mask
from mmris.evaluation import (
    MaskCounts,
    MaskRuns,
    count_masks,
    mean_iou,
    no_target_scores,
    overall_iou,
    precision_at,
)
from tests.references import overlap_scores as reference

SIZES = [(1, 1), (1, 9), (7, 3), (8, 12), (11, 6)]


def random_pairs(number, seed=0):
    """Pairs of masks of all densities, some of them empty, full or equal."""
    rng = np.random.default_rng(seed)
    for _ in range(number):
        size = SIZES[rng.integers(len(SIZES))]
        shares = rng.choice([0.0, 0.1, 0.5, 0.9, 1.0], 2)
        first, second = (rng.random(size) < share for share in shares)
        yield first, (first if rng.random() < 0.1 else second)


@pytest.fixture(scope="module")
def pairs():
    return list(random_pairs(10_000))


def plain(mask):
    return mask.tolist()


def test_ten_thousand_random_masks_agree_with_a_plain_count(pairs):
    expected = [reference.count(plain(p), plain(t)) for p, t in pairs]
    from_pixels, from_runs = [], []
    for predicted, truth in pairs:
        counts = count_masks(*(torch.from_numpy(x)[None] for x in (predicted, truth)))
        from_pixels.append(
            (
                int(counts.intersection[0]),
                int(counts.predicted[0]),
                int(counts.truth[0]),
            )
        )
        one, other = (
            MaskRuns.from_counts(encode_mask(x)["counts"], x.shape)
            for x in (predicted, truth)
        )
        from_runs.append((one.intersection(other), one.area, other.area))
    assert from_pixels == expected
    assert from_runs == expected


def test_all_scores_agree_with_a_plain_implementation(pairs):
    for some in (pairs, pairs[:7], pairs[7:8]):
        rows = [reference.count(plain(p), plain(t)) for p, t in some]
        counts = MaskCounts.of(*np.asarray(rows).T)
        expected = reference.scores([(plain(p), plain(t)) for p, t in some])
        found = {
            "oIoU": overall_iou(counts),
            "mIoU": mean_iou(counts),
            **{f"Prec@{x}": precision_at(counts, x) for x in (0.5, 0.6, 0.7, 0.8, 0.9)},
            **no_target_scores(counts),
        }
        found = {key: value for key, value in found.items() if "targeted" not in key}
        assert found == pytest.approx(expected, abs=1e-9)


def test_values_worked_out_by_hand():
    # I / U: 2 of 4, both empty, nothing of 3 predicted, 5 where there is nothing.
    counts = MaskCounts.of([2, 0, 0, 0], [3, 0, 0, 5], [3, 0, 3, 0])
    assert counts.union.tolist() == [4, 0, 3, 5]
    assert counts.iou().tolist() == [0.5, 1.0, 0.0, 0.0]
    assert counts.iou(empty=0.0).tolist() == [0.5, 0.0, 0.0, 0.0]
    assert overall_iou(counts) == pytest.approx(100 * 2 / 12)
    assert mean_iou(counts) == pytest.approx(37.5)
    assert mean_iou(counts, empty=0.0) == pytest.approx(12.5)
    assert precision_at(counts, 0.5) == 50.0
    assert precision_at(counts, 0.5, strict=True) == 25.0
    assert precision_at(counts, 0.5, strict=True, empty=0.0) == 0.0
    scores = no_target_scores(counts)
    assert scores["gIoU"] == pytest.approx(37.5)
    assert scores["cIoU"] == pytest.approx(100 * 2 / 12)
    assert scores["N-acc"] == 50.0
    assert scores["T-acc"] == 50.0
    assert scores["targeted Prec@0.7"] == 0.0


def test_without_a_sentence_of_a_kind_its_share_is_left_out():
    with_targets = MaskCounts.of([1], [1], [1])
    assert "N-acc" not in no_target_scores(with_targets)
    without = MaskCounts.of([0], [0], [0])
    assert set(no_target_scores(without)) == {"gIoU", "cIoU", "N-acc"}
    assert overall_iou(without) == 100.0


def test_sums_beyond_32_bits_are_exact():
    many = 3_000_000_000
    counts = MaskCounts.of([many, many], [many + 2, many], [many, many])
    assert overall_iou(counts) == 100.0 * (2 * many) / (2 * many + 2)


def test_the_order_of_sentences_changes_no_bit():
    rng = np.random.default_rng(0)
    truth = rng.integers(1, 1000, 5000)
    both = (rng.random(5000) * truth).astype(int)
    counts = MaskCounts.of(both, truth, truth)
    means = {mean_iou(counts.rows(rng.permutation(5000))) for _ in range(20)}
    assert len(means) == 1
    assert means.pop() == pytest.approx(100 * counts.iou().mean())


def test_rows_and_concatenation():
    counts = MaskCounts.of([1, 2, 3], [4, 5, 6], [7, 8, 9])
    some = counts.rows(np.array([True, False, True]))
    assert some.truth.tolist() == [7, 9]
    again = MaskCounts.concatenate([some, counts.rows(np.array([1]))])
    assert again.predicted.tolist() == [4, 6, 5]
    assert len(again) == 3


def test_nothing_to_score_is_refused():
    nothing = MaskCounts.of([], [], [])
    for score in (overall_iou, mean_iou, lambda counts: precision_at(counts, 0.5)):
        with pytest.raises(ValueError, match="there is no sentence to score"):
            score(nothing)
