"""Where the page shows the answer of a model, with the choice of heat maps below it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ._gradio import gr

if TYPE_CHECKING:
    from .heat_maps import HeatMaps

# Length of :attr:`ResultPlace.choices`.
NUM_CHOICES = 4


@dataclass(frozen=True)
class ResultPlace:
    """The parts of a place.

    Attributes:
        drawn: Column, picture, legend, button for downloading.
        choices: Kind of map, expression, place in the model, word or item. The style
            sheet shows them while heat maps are looked at.
    """

    drawn: list[Any]
    choices: list[Any]


def build_place(number: int) -> ResultPlace:
    """Make a place in the page that is being built.

    Args:
        number: 1 or 2.
    """
    with gr.Column(
        visible=False, elem_classes="result", elem_id=f"result-{number}"
    ) as column:
        picture = gr.Image(
            show_label=False,
            interactive=False,
            container=False,
            buttons=["fullscreen"],
            elem_id=f"overlay-{number}",
        )
        with gr.Column(elem_classes="maps", elem_id=f"maps-{number}"):
            with gr.Row():
                kind = _choice("Heat map of", f"kind-{number}", scale=3, min_width=200)
                expression = _choice("Expression", f"expression-{number}", scale=2)
                place = _choice("Where in the model", f"place-{number}", scale=2)
            item = gr.Radio([], label="Word or part", elem_id=f"item-{number}")
        legend = gr.HTML(elem_id=f"legend-{number}")
        button = gr.DownloadButton(
            "Download masks", size="sm", elem_id=f"download-{number}"
        )
    return ResultPlace(
        [column, picture, legend, button], [kind, expression, place, item]
    )


def _choice(
    label: str, element: str, *, scale: int, min_width: int = 130
) -> gr.Dropdown:
    return gr.Dropdown(
        [], label=label, elem_id=element, scale=scale, min_width=min_width
    )


def choices_of(heat: HeatMaps | None) -> list[Any]:
    """New values of :attr:`ResultPlace.choices`.

    Args:
        heat: The heat maps of the answer; None if there is none.
    """
    if heat is None:
        return [gr.skip()] * NUM_CHOICES
    chosen = heat.choice
    return [
        gr.update(
            choices=[(title, kind) for kind, title in heat.offered.items()],
            value=chosen.kind,
        ),
        _offer(heat.expressions, chosen.expression),
        _offer(heat.places, chosen.place),
        _offer(heat.items, chosen.item),
    ]


def _offer(choices: list[tuple[str, Any]], value: Any) -> Any:
    """Nothing to choose among is not shown."""
    known = any(own == value for _, own in choices)
    first = choices[0][1] if choices else None
    return gr.update(
        choices=choices, value=value if known else first, visible=len(choices) > 1
    )
