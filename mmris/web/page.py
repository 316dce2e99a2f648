"""The page: a picture and sentences go in, coloured masks come out.

Needs gradio, the extra ``web``.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._gradio import gr
from .answers import Answer
from .drawing import HEAT_MAP, VIEWS, View, write_masks
from .example_scenes import write_example_scenes
from .heat_maps import HeatMaps
from .limits import Limits, RateLimit, RefusedError, check_text, read_picture
from .map_events import offer_maps
from .maps import probability_maps
from .result_place import build_place, choices_of
from .serving import RefusingBlocks, client_of, politely

if TYPE_CHECKING:
    from mmris.apis import RefSegInferencer

NO_MODEL = "nothing"
_EMPTY = """<div id="empty"><div><strong>The masks appear here</strong>Drop a picture,
write what you are looking for, and press <b>Find</b>.<br>Or start with one of the
examples.</div></div>"""
# Seconds without use, after which a result is forgotten.
_FORGET_AFTER = 1800


class WebPage:
    """The page and what it does.

    Args:
        models: Models by name; the first is chosen at the start.
        limits: What one request may ask for.
        folder: Where example pictures and masks for downloading go.

    Raises:
        ValueError: There is no model.
    """

    def __init__(
        self, models: dict[str, RefSegInferencer], limits: Limits, folder: Path
    ) -> None:
        if not models:
            raise ValueError("models is empty; give at least one")
        self.models = models
        self.limits = limits
        self.folder = folder
        self.rate_limit = RateLimit(limits.requests_per_minute)

    def segment(
        self, path: str | None, text: str, first: str, second: str, client: str
    ) -> list[Answer]:
        """Ask one model or two.

        Args:
            path: The picture.
            text: Expressions, one a line.
            first: Name of a model.
            second: Name of another, or :data:`NO_MODEL`.
            client: Address of who asks.

        Raises:
            RefusedError: The page does not do this.
        """
        self.rate_limit.check(client)
        names = [first] if second in (first, NO_MODEL) else [first, second]
        unknown = [name for name in names if name not in self.models]
        if unknown:
            raise RefusedError(
                "There is no such model here. Please choose from the list."
            )
        expressions = check_text(text, self.limits)
        picture = read_picture(path, self.limits)
        results = []
        for name in names:
            maps = probability_maps(self.models[name], picture, expressions)
            results.append(Answer(name, maps, HeatMaps(self.models[name], maps)))
        return results

    def masks_file(self, result: Answer, threshold: float) -> str:
        """Write the masks of a result for downloading.

        Args:
            result: The result.
            threshold: Probability above which a pixel is inside.
        """
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        return str(write_masks(result.maps, folder, threshold=threshold))

    def build(self) -> gr.Blocks:
        """Make the page."""
        examples = write_example_scenes(self.folder)
        names = list(self.models)
        threshold = self.models[names[0]].model.settings.threshold
        with RefusingBlocks(
            title="mmris: find what you say",
            analytics_enabled=False,
            delete_cache=(600, 3600),
        ) as page:
            state = gr.State([], time_to_live=_FORGET_AFTER)
            gr.HTML(
                "<h1>Find what you say</h1><p>Name things in a picture and get their "
                "masks: referring image segmentation with mmris.</p>",
                elem_id="top",
            )
            with gr.Row(equal_height=False):
                with gr.Column(scale=4, min_width=320, elem_id="ask"):
                    asked = self._ask(names)
                    gr.HTML("Or try a generated scene:", elem_id="or", padding=False)
                    gallery = gr.Gallery(
                        [path for path, _ in examples],
                        columns=len(examples),
                        height=92,
                        show_label=False,
                        allow_preview=False,
                        interactive=False,
                        container=False,
                        buttons=[],
                        elem_id="examples",
                    )
                with gr.Column(scale=7, min_width=320, elem_id="answer"):
                    with gr.Row(elem_id="controls"):
                        view = gr.Radio(
                            [(name.capitalize(), name) for name in VIEWS],
                            value=VIEWS[0],
                            label="Show",
                            scale=3,
                            min_width=290,
                            elem_id="view",
                        )
                        level = gr.Slider(
                            0.05,
                            0.95,
                            threshold,
                            step=0.01,
                            label="Threshold",
                            scale=2,
                            min_width=150,
                            elem_id="threshold",
                        )
                        opacity = gr.Slider(
                            0,
                            1,
                            0.5,
                            step=0.05,
                            label="Opacity",
                            scale=2,
                            min_width=150,
                            elem_id="opacity",
                        )
                    empty = gr.HTML(_EMPTY)
                    with gr.Row(elem_id="results"):
                        places = [build_place(number) for number in (1, 2)]
            controls = [view, level, opacity]
            drawn = [part for place in places for part in place.drawn]
            choices = [part for place in places for part in place.choices]

            def choose(event: gr.SelectData) -> tuple[str, str]:
                return examples[int(event.index)]

            picked = gallery.select(
                choose,
                outputs=asked[:2],
                api_visibility="private",
                show_progress="hidden",
            )
            asking = {
                "fn": self._find,
                "inputs": [*asked, *controls, state],
                "outputs": [state, empty, *drawn, *choices],
                "concurrency_id": "models",
                "concurrency_limit": 1,
                "show_progress_on": [empty, places[0].drawn[1]],
            }
            gr.on([self._button.click, asked[1].submit], api_name="segment", **asking)
            picked.success(api_visibility="private", **asking)
            drawing: dict[str, Any] = {
                "api_visibility": "private",
                "concurrency_limit": 2,
                "trigger_mode": "always_last",
                "show_progress": "hidden",
            }
            gr.on(
                [view.change, level.input, opacity.input],
                self._draw,
                inputs=[state, *controls],
                outputs=drawn,
                **drawing,
            )
            for number, place in enumerate(places):
                offer_maps(place, number, [state, *controls], drawing, self.rate_limit)
        page.queue(max_size=self.limits.queue)
        return page

    def _ask(self, names: list[str]) -> list[Any]:
        """What a person fills in: picture, text and models."""
        picture = gr.Image(
            type="filepath",
            image_mode=None,
            label="Picture",
            sources=["upload", "clipboard"],
            height=280,
            elem_id="picture",
        )
        # Gradio would open, and perhaps decode, whatever was sent.
        picture.preprocess = lambda payload: payload.path if payload else None
        text = gr.Textbox(
            label="What are you looking for?",
            placeholder="the red circle on the left\nthe largest square",
            info="One thing a line.",
            lines=3,
            max_lines=self.limits.expressions,
            elem_id="text",
        )
        with gr.Row():
            first = gr.Dropdown(
                names, value=names[0], label="Model", elem_id="model", min_width=140
            )
            second = gr.Dropdown(
                [NO_MODEL, *names],
                value=NO_MODEL,
                label="Compare with",
                elem_id="compare",
                min_width=140,
                interactive=len(names) > 1,
            )
        self._button = gr.Button("Find", variant="primary", elem_id="find")
        gr.HTML(
            f"JPEG, PNG or WebP, up to {self.limits.megabytes} MB and "
            f"{self.limits.megapixels} megapixels; up to {self.limits.expressions} "
            "things at a time. Shift + Enter finds, too.",
            elem_id="hint",
            padding=False,
        )
        return [picture, text, first, second]

    def _find(  # one argument for each part of the page
        self,
        path: str | None,
        text: str,
        first: str,
        second: str,
        view: View,
        threshold: float,
        opacity: float,
        before: list[Answer] | None,
        request: gr.Request,
    ) -> list[Any]:
        with politely():
            results = self.segment(path, text, first, second, client_of(request))
            if view == HEAT_MAP:
                # Who looks at a kind of map goes on with it.
                for result, old in zip(results, before or [], strict=False):
                    kind = old.heat.choice.kind
                    result.heat.look(result.heat.choose(kind, 0))
            drawn = self._draw(results, view, threshold, opacity)
        heats = [result.heat for result in results]
        choices = [new for heat in [*heats, None][:2] for new in choices_of(heat)]
        return [results, gr.update(visible=False), *drawn, *choices]

    def _draw(
        self, results: list[Answer], view: View, threshold: float, opacity: float
    ) -> list[Any]:
        """New values of both places; no model is asked."""
        view = view if view in VIEWS else VIEWS[0]
        values: list[Any] = []
        for result in results[:2]:
            values += [
                gr.update(visible=True),
                *result.drawn(view, threshold=threshold, opacity=opacity),
                gr.update(value=self.masks_file(result, threshold), visible=True),
            ]
        hidden = [gr.update(visible=False), None, "", gr.update(visible=False)]
        return values + hidden * (2 - len(results[:2]))
