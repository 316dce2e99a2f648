"""Galleries of a report: sentences with their picture, predictions and truth."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from .charts import RUNS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .cases import Case, Drawing, DrawnCase, Panel

_HEADINGS = {
    "best": "The best",
    "worst": "The worst",
    "random": "At random",
    "gained": "Gained most",
    "lost": "Lost most",
}


def galleries(
    chosen: Mapping[str, Sequence[Case]], drawing: Drawing, names: Sequence[str]
) -> dict[str, tuple[str, str]]:
    """Galleries by the name of their section.

    Args:
        chosen: Sentences of each.
        drawing: Their pictures.
        names: Of the runs.

    Returns:
        Heading and HTML of each.
    """
    note = ""
    if drawing.missing:
        note = (
            f'<p class="note">{len(drawing.missing)} pictures are not where the '
            f"annotations say, among them {escape(drawing.missing[0])}: masks are on "
            "grey.</p>"
        )
    shown = {}
    for key, cases in chosen.items():
        figures = "".join(
            _figure(case, drawing.cases[case.sent_id], names) for case in cases
        )
        content = f'<div class="cases">{figures}</div>' if figures else "<p>None.</p>"
        shown[key] = (_HEADINGS[key], note + content)
    return shown


def _figure(case: Case, drawn: DrawnCase, names: Sequence[str]) -> str:
    several = len(names) > 1
    panels = [_panel(drawn.picture, "picture", "the picture")]
    for place, name, iou, panel in zip(
        RUNS, names, case.ious, drawn.predicted, strict=False
    ):
        label = f"{name if several else 'prediction'}: IoU {100 * iou:.1f} %"
        alternative = f"the mask predicted by {name}"
        panels.append(_panel(panel, label, alternative, place if several else ""))
    truth = "truth" if drawn.targeted else "truth: no target"
    panels.append(_panel(drawn.truth, truth, "the true mask"))
    four = " four" if several else ""
    return (
        f'<figure class="case"><figcaption><q>{escape(drawn.text)}</q>'
        f"<small>sentence {case.sent_id}, image {drawn.image_id}</small></figcaption>"
        f'<div class="pictures{four}">{"".join(panels)}</div></figure>'
    )


def _panel(panel: Panel, label: str, alternative: str, run: str = "") -> str:
    color = f' class="{run}"' if run else ""
    return (
        f'<div><img src="{panel.address}" alt="{escape(alternative)}" '
        f'width="{panel.width}" height="{panel.height}" loading="lazy">'
        f"<span{color}>{escape(label)}</span></div>"
    )
