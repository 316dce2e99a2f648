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


def test_reaching_and_being_above_a_threshold():
    counts = MaskCounts.of([1, 0], [2, 0], [1, 0])  # 1 / 2, and both empty
    assert PROTOCOLS["mmris"].scores(counts)["Prec@0.5"] == 100.0
    assert PROTOCOLS["lavt"].scores(counts)["Prec@0.5"] == 50.0
    assert PROTOCOLS["cris"].scores(counts)["Prec@0.5"] == 0.0
    assert PROTOCOLS["sa2va"].scores(counts)["mIoU"] == 75.0
    assert PROTOCOLS["cris"].scores(counts)["mIoU"] == 25.0


def test_scores_of_sentences_without_target_come_where_there_are_any():
    targeted = MaskCounts.of([1], [2], [1])
    assert "gIoU" not in PROTOCOLS["rela"].scores(targeted)
    without = MaskCounts.of([0], [0], [0])
    assert PROTOCOLS["rela"].scores(without)["N-acc"] == 100.0


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
