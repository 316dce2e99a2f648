"""Sentences without any text, which real annotation files have a few of."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from mmengine.logging import print_log

if TYPE_CHECKING:
    from pathlib import Path


def leave_out_blank_sentences(
    references: list[dict[str, Any]], path: Path
) -> list[dict[str, Any]]:
    """Leave out sentences without text, with a warning, and references without any.

    Args:
        references: References of :class:`BaseRefDataset`.
        path: The file they are from, for the warning.

    Returns:
        Those that have a sentence with text; their lists of sentences are changed.
    """
    blank = []
    for reference in references:
        sentences = reference["sentences"]
        blank += [s["sent_id"] for s in sentences if not s["text"].strip()]
        reference["sentences"] = [s for s in sentences if s["text"].strip()]
    if blank:
        print_log(
            f"{path}: {len(blank)} sentences have no text and are left out, the first "
            f"of them sent_id {blank[0]}",
            logger="current",
            level=logging.WARNING,
        )
    return [reference for reference in references if reference["sentences"]]
