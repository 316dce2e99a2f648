"""What other projects' programs would report for the same predictions.

Numbers of different projects are seldom comparable: they are taken at different sizes
and thresholds, over different sentences, and compare differently. A protocol is such a
set of rules, read from a project's released program; docs/en/evaluation.md has them in
a table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from .mask_rules import (
    BicubicRule,
    DilatingRule,
    MaskRule,
    NetworkInputRule,
    SmallGridRule,
    StoredMaskRule,
    WarpedRule,
)
from .no_target_scores import NO_TARGET_NAMES, no_target_scores
from .overlap_scores import PRECISION_THRESHOLDS, mean_iou, overall_iou, precision_at

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .ground_truth import TrueSentence
    from .mask_counts import MaskCounts

Choice: TypeAlias = "Callable[[TrueSentence], bool]"


def every_sentence(sentence: TrueSentence) -> bool:
    """All sentences count."""
    return True


def first_sentence(sentence: TrueSentence) -> bool:
    """Of each object only the first sentence counts."""
    return sentence.position == 0


def last_sentence(sentence: TrueSentence) -> bool:
    """Of each object only the last sentence counts."""
    return sentence.position == sentence.num_sentences - 1


@dataclass(frozen=True)
class Protocol:
    """Rules that make a number.

    Attributes:
        name: Key of ``PROTOCOLS``.
        of: The projects whose programs have these rules.
        rule: How masks are made and compared.
        reports: The scores that the programs print, by mmris's names.
        sentences: Which of them count.
        strict: Whether ``Prec@X`` asks for an I / U above X rather than reaching it.
        empty: I / U where there is no target and nothing is predicted. Where a target
            has vanished because masks were made smaller, nothing predicted is 0.
    """

    name: str
    of: str
    rule: MaskRule
    reports: tuple[str, ...]
    sentences: Choice = every_sentence
    strict: bool = False
    empty: float = 1.0

    def chosen(self, sentences: Sequence[TrueSentence]) -> np.ndarray:
        """Which of N sentences count.

        Args:
            sentences: N sentences.

        Returns:
            ``(N,)`` bool.
        """
        return np.asarray([self.sentences(entry) for entry in sentences], dtype=bool)

    def empty_iou(self, targeted: np.ndarray) -> np.ndarray:
        """I / U of each sentence should both its masks be empty.

        Args:
            targeted: ``(N,)`` bool, whether a sentence has a target.

        Returns:
            ``(N,)`` float64.
        """
        return np.where(targeted, 0.0, self.empty)

    def scores(self, counts: MaskCounts, targeted: np.ndarray) -> dict[str, float]:
        """Scores in percent.

        Args:
            counts: Of the sentences that count, at least one.
            targeted: ``(N,)`` bool, whether a sentence has a target.

        Returns:
            ``oIoU``, ``mIoU`` and ``Prec@X``; where a sentence has no target, those of
            :func:`no_target_scores` besides.
        """
        empty = self.empty_iou(targeted)
        scores = {"oIoU": overall_iou(counts), "mIoU": mean_iou(counts, empty=empty)}
        for threshold in PRECISION_THRESHOLDS:
            scores[f"Prec@{threshold}"] = precision_at(
                counts, threshold, strict=self.strict, empty=empty
            )
        if not targeted.all():
            scores.update(no_target_scores(counts, targeted))
        return scores


_PRECISION = tuple(f"Prec@{value}" for value in PRECISION_THRESHOLDS)
_OVERLAP = ("oIoU", "mIoU", *_PRECISION)
_ALL = (
    Protocol("mmris", "mmris", StoredMaskRule(), (*_OVERLAP, *NO_TARGET_NAMES)),
    Protocol(
        "lavt",
        "LAVT: test.py",
        NetworkInputRule(align_corners=True),
        _OVERLAP,
        empty=0.0,
    ),
    # Where every sentence has a target its gIoU is mIoU and its cIoU is oIoU.
    Protocol(
        "rela",
        "ReLA (GRES)",
        NetworkInputRule(align_corners=False),
        ("oIoU", "mIoU", *_PRECISION[2:], *NO_TARGET_NAMES),
    ),
    Protocol(
        "cris",
        "CRIS: testing",
        WarpedRule(0.35),
        ("mIoU", *_PRECISION),
        strict=True,
        empty=0.0,
    ),
    Protocol(
        "cris-val",
        "CRIS: validation",
        WarpedRule(0.35),
        ("mIoU", *_PRECISION),
        sentences=first_sentence,
        strict=True,
        empty=0.0,
    ),
    Protocol(
        "cgformer",
        "CGFormer: testing",
        BicubicRule(0.5),
        _OVERLAP,
        strict=True,
        empty=0.0,
    ),
    Protocol(
        "cgformer-val",
        "CGFormer: validation",
        NetworkInputRule(align_corners=True),
        _OVERLAP,
        sentences=last_sentence,
        strict=True,
        empty=0.0,
    ),
    Protocol("cmpc", "CMSA, CMPC, CEFNet", DilatingRule(), _OVERLAP),
    Protocol("shnet", "SHNet", SmallGridRule(160, 0.4), _OVERLAP, strict=True),
    Protocol(
        "mmdet",
        "mmdetection: RefCOCO configs",
        StoredMaskRule(),
        ("oIoU", "mIoU"),
        sentences=first_sentence,
        empty=0.0,
    ),
    Protocol("sa2va", "Sa2VA", StoredMaskRule(), ("oIoU", "mIoU")),
)
PROTOCOLS: dict[str, Protocol] = {protocol.name: protocol for protocol in _ALL}


def find_protocols(names: Sequence[str], *, has_soft_scores: bool) -> list[Protocol]:
    """The protocols of these names.

    Args:
        names: Keys of ``PROTOCOLS``, or only ``all``.
        has_soft_scores: Whether the predictions have them.

    Returns:
        The protocols; of ``all`` those that the predictions can answer.

    Raises:
        ValueError: A name is unknown, or asks for soft scores that are not there.
    """
    if list(names) == ["all"]:
        return [
            protocol
            for protocol in _ALL
            if has_soft_scores or not protocol.rule.needs_soft_scores
        ]
    for name in names:
        if name not in PROTOCOLS:
            raise ValueError(
                f"--protocol {name}: there is none of this name; choose all or from "
                f"{', '.join(PROTOCOLS)}"
            )
        if PROTOCOLS[name].rule.needs_soft_scores and not has_soft_scores:
            raise ValueError(
                f"--protocol {name} makes masks at a size or threshold of its own, and "
                "these predictions have masks only. Write them with tools/test.py "
                "--out FILE --soft-scores"
            )
    return [PROTOCOLS[name] for name in names]
