"""What happens when somebody chooses among the heat maps of an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._gradio import gr
from .answers import Answer, answer_at
from .drawing import HEAT_MAP, View, shown_size
from .result_place import NUM_CHOICES, ResultPlace, choices_of
from .serving import client_of, politely

if TYPE_CHECKING:
    from .limits import RateLimit


def offer_maps(
    place: ResultPlace,
    number: int,
    shown: list[Any],
    drawing: dict[str, Any],
    rate_limit: RateLimit,
) -> None:
    """Let the choices below a picture change it.

    A new kind or expression asks the model, in the same queue as the masks, and counts
    as a request; another word or place of the same kind only draws.

    Args:
        place: Where the answer is shown.
        number: Of the answer, from 0.
        shown: The answers and the controls above the picture.
        drawing: How drawing is queued.
        rate_limit: Counts what the model is asked.
    """
    picture, legend = place.drawn[1:3]
    kind, expression, where, item = place.choices
    changed = [picture, legend, *place.choices]

    def look(  # one argument for each part of the page
        answers: list[Answer],
        view: View,
        threshold: float,
        opacity: float,
        kind: str,
        expression: int,
        request: gr.Request,
    ) -> list[Any]:
        with politely():
            answer = answer_at(answers, number)
            choice = answer.heat.choose(kind, expression)
            if answer.heat.must_ask(choice):
                rate_limit.check(client_of(request))
            answer.heat.look(choice)
            return _redrawn(answer, view, threshold, opacity)

    def show(
        answers: list[Answer],
        view: View,
        threshold: float,
        opacity: float,
        where: str | None,
        item: int | None,
    ) -> list[Any]:
        with politely():
            answer = answer_at(answers, number)
            answer.heat.show(where, item)
            return _redrawn(answer, view, threshold, opacity)

    def point(
        answers: list[Answer],
        view: View,
        threshold: float,
        opacity: float,
        event: gr.SelectData,
    ) -> list[Any]:
        with politely():
            answer = answer_at(answers, number)
            zoom = shown_size(answer.maps)[1] / answer.maps.picture.shape[1]
            column, row = (value / zoom for value in event.index)
            if view != HEAT_MAP or not answer.heat.point_at(row, column):
                return [gr.skip()] * (2 + NUM_CHOICES)
            return _redrawn(answer, view, threshold, opacity)

    gr.on(
        [kind.input, expression.input],
        look,
        inputs=[*shown, kind, expression],
        outputs=changed,
        api_visibility="private",
        concurrency_id="models",
        trigger_mode="always_last",
        show_progress_on=picture,
    )
    gr.on(
        [where.input, item.input],
        show,
        inputs=[*shown, where, item],
        outputs=changed,
        **drawing,
    )
    picture.select(point, inputs=shown, outputs=changed, **drawing)


def _redrawn(answer: Answer, view: View, threshold: float, opacity: float) -> list[Any]:
    """Picture, legend and choices of an answer."""
    return [
        *answer.drawn(view, threshold=threshold, opacity=opacity),
        *choices_of(answer.heat),
    ]
