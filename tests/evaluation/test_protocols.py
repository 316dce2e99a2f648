import numpy as np
import pytest

from mmris.evaluation import MaskCounts, find_protocols
from mmris.evaluation.mask_rules import StoredMaskRule
from mmris.evaluation.protocols import PROTOCOLS
from tests.conftest import REPOSITORY
from tests.evaluation.made_images import true_sentence


def sentences():
    mask = np.ones((2, 2), bool)
    places = [(0, 3), (1, 3), (2, 3), (0, 1)]
    return [true_sentence(mask, k, *place) for k, place in enumerate(places)]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mmris", [True] * 4),
        ("mmdet", [True, False, False, True]),
        ("cris", [True] * 4),
        ("cris-val", [True, False, False, True]),
        ("cgformer-val", [False, False, True, True]),
    ],
)
def test_which_sentences_count(name, expected):
    assert PROTOCOLS[name].chosen(sentences()).tolist() == expected


def score(name, counts, targeted=None):
    targets = counts.truth > 0 if targeted is None else np.asarray(targeted)
    return PROTOCOLS[name].scores(counts, targets)


def test_reaching_and_being_above_a_threshold():
    counts = MaskCounts.of([1, 0], [2, 0], [1, 0])  # 1 / 2, and both empty
    assert score("mmris", counts)["Prec@0.5"] == 100.0
    assert score("lavt", counts)["Prec@0.5"] == 50.0
    assert score("cris", counts)["Prec@0.5"] == 0.0
    assert score("sa2va", counts)["mIoU"] == 75.0
    assert score("cris", counts)["mIoU"] == 25.0


@pytest.mark.parametrize(
    ("names", "reaches"),
    [
        (("mmris", "lavt", "rela", "cmpc", "mmdet", "sa2va"), 100.0),
        (("cris", "cris-val", "cgformer", "cgformer-val", "shnet"), 0.0),
    ],
)
def test_who_counts_a_sentence_just_at_the_threshold(names, reaches):
    for name in names:
        for place, threshold in enumerate((0.5, 0.6, 0.7, 0.8, 0.9)):
            just = MaskCounts.of([5 + place], [5 + place], [10])
            assert score(name, just)[f"Prec@{threshold}"] == reaches, name
    assert {*names} <= set(PROTOCOLS)


def test_every_protocol_is_in_that_test():
    marks = test_who_counts_a_sentence_just_at_the_threshold.pytestmark
    cases = marks[0].args[1]
    assert {name for names, _ in cases for name in names} == set(PROTOCOLS)


def test_scores_of_sentences_without_target_come_where_there_are_any():
    targeted = MaskCounts.of([1], [2], [1])
    assert "gIoU" not in score("rela", targeted)
    without = MaskCounts.of([0], [0], [0])
    assert score("rela", without)["N-acc"] == 100.0


def test_an_object_that_vanished_with_its_picture_is_a_target_still():
    """At the size of the input a small true mask may be empty."""
    counts = MaskCounts.of([0, 0, 0], [0, 3, 0], [0, 0, 0])
    scores = score("rela", counts, [True, True, False])
    assert scores["gIoU"] == scores["mIoU"] == pytest.approx(100 / 3)
    assert scores["N-acc"] == 100.0
    assert scores["T-acc"] == 50.0
    assert scores["targeted Prec@0.7"] == 0.0
    assert "N-acc" not in score("rela", counts, [True] * 3)
    assert score("shnet", counts, [True] * 3)["mIoU"] == 0.0


def test_every_protocol_says_what_its_program_prints():
    counts = MaskCounts.of([1, 0], [2, 0], [1, 0])
    for name, protocol in PROTOCOLS.items():
        assert set(protocol.reports) <= set(score("mmris", counts)), name
    assert "oIoU" not in PROTOCOLS["cris"].reports
    assert "Prec@0.5" not in PROTOCOLS["rela"].reports


def test_all_are_those_that_can_be_answered():
    everything = find_protocols(["all"], has_soft_scores=True)
    assert [entry.name for entry in everything] == list(PROTOCOLS)
    answerable = find_protocols(["all"], has_soft_scores=False)
    assert {type(entry.rule) for entry in answerable} == {StoredMaskRule}
    assert [entry.name for entry in answerable] == ["mmris", "mmdet", "sa2va"]


def test_unknown_and_unanswerable_protocols_are_refused():
    with pytest.raises(
        ValueError, match="--protocol lavt480: .*choose all or from mmr"
    ):
        find_protocols(["lavt480"], has_soft_scores=True)
    message = "--protocol lavt makes masks at a size .*--out FILE --soft-scores"
    with pytest.raises(ValueError, match=message):
        find_protocols(["mmris", "lavt"], has_soft_scores=False)


def test_the_page_has_every_protocol():
    text = (REPOSITORY / "docs/en/evaluation.md").read_text(encoding="utf-8")
    for name in PROTOCOLS:
        assert f"| `{name}` |" in text
