"""Pictures of expressions: the image, the prediction, the truth and the words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from mmengine.dist import master_only
from mmengine.visualization import Visualizer

from mmris.registry import VISUALIZERS

from .captions import draw_caption
from .legend import draw_legend
from .overlays import draw_mask, draw_numbers, fit
from .palette import PREDICTION_COLOR, TRUTH_COLOR, LineStyle, line_style

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch
    from mmseg.structures import SegDataSample

    from .palette import Color

_GAP = 4
# More of an expression does not help to recognise it.
_MAX_CHARACTERS = 300


@VISUALIZERS.register_module()
class RefSegVisualizer(Visualizer):
    """Draws one picture for an image and one of its expressions.

    From left to right: the image, the truth (blue) and the prediction (orange), each as
    a tint with an outline; below them the expression, its kind and the IoU. Pictures
    are enlarged or reduced, keeping their proportions, to a size that can be read.
    :meth:`draw_overlay` puts the masks of all expressions on one picture instead.

    Args:
        name: Name of the instance.
        vis_backends: Where pictures, scalars and the config go.
        save_dir: Folder for backends that write files.
        alpha: Opacity of the tint, from 0 to 1.
        min_side: A panel whose longer side is shorter is enlarged to this, in pixels.
        max_side: A panel whose longer side is longer is reduced to this, in pixels.

    Raises:
        ValueError: An argument is out of its range.
    """

    def __init__(
        self,
        name: str = "visualizer",  # MMEngine looks for it among positional arguments
        *,
        vis_backends: Sequence[dict[str, Any]] | None = None,
        save_dir: str | None = None,
        alpha: float = 0.45,
        min_side: int = 256,
        max_side: int = 640,
    ) -> None:
        if not 0 <= alpha <= 1:
            raise ValueError(f"visualizer.alpha is {alpha}; give a number from 0 to 1")
        if not 0 < min_side <= max_side:
            raise ValueError(
                f"visualizer.min_side is {min_side} and max_side {max_side}; give "
                "positive numbers with min_side <= max_side"
            )
        super().__init__(
            name,
            vis_backends=None if vis_backends is None else list(vis_backends),
            save_dir=save_dir,
        )
        self.alpha = alpha
        self.min_side = min_side
        self.max_side = max_side

    def draw_expression(
        self,
        image: np.ndarray,
        expression: str,
        *,
        prediction: np.ndarray | None = None,
        truth: np.ndarray | None = None,
        kind: str = "",
    ) -> np.ndarray:
        """Draw an image with one expression.

        Args:
            image: ``(H, W, 3)`` uint8 in RGB order; left as it is.
            expression: The words.
            prediction: ``(H, W)``, True or non-zero where the network sees the object.
            truth: ``(H, W)`` of the same kind.
            kind: Group of the expression, ``""`` for none.

        Returns:
            ``(H', W', 3)`` uint8 in RGB order.

        Raises:
            ValueError: The image is no RGB picture, or a mask has another size.
        """
        _check_image(image)
        panels = [self._panel(image, "image", None, TRUTH_COLOR)]
        if truth is not None:
            panels.append(self._panel(image, "truth", truth, TRUTH_COLOR))
        if prediction is not None:
            panels.append(
                self._panel(image, "prediction", prediction, PREDICTION_COLOR)
            )
        gap = np.full((panels[0].shape[0], _GAP, 3), 255, dtype=np.uint8)
        row = np.hstack([part for panel in panels for part in (panel, gap)][:-1])
        note = ""
        if prediction is not None and truth is not None:
            note = f"IoU {100 * mask_iou(prediction, truth):.1f}"
        words = _words(expression, kind, note)
        size = _font_size(self._fit(image))
        return np.vstack([row, draw_caption(words, width=row.shape[1], size=size)])

    @master_only
    def add_datasample(
        self,
        name: str,
        image: np.ndarray,
        data_sample: SegDataSample,
        *,
        max_expressions: int | None = None,
        step: int = 0,
    ) -> None:
        """Draw an image with its expressions and hand the pictures to the backends.

        Args:
            name: Start of the pictures' names; the expression's number follows.
            image: ``(H, W, 3)`` uint8 in RGB order, at the original size.
            data_sample: Has ``expressions`` and, of those that it has, ``kinds``,
                ``pred_sem_seg`` and ``gt_sem_seg``.
            max_expressions: Draw so many from the first on; None draws all.
            step: The iteration.
        """
        for number, picture in enumerate(
            self.draw_datasample(image, data_sample, max_expressions=max_expressions)
        ):
            self.add_image(f"{name}_{number}", picture, step)

    def draw_datasample(
        self,
        image: np.ndarray,
        data_sample: SegDataSample,
        *,
        max_expressions: int | None = None,
    ) -> list[np.ndarray]:
        """Draw an image with its expressions.

        Args:
            image: ``(H, W, 3)`` uint8 in RGB order, at the original size.
            data_sample: As for :meth:`add_datasample`.
            max_expressions: Draw so many from the first on; None draws all.

        Returns:
            One picture an expression.
        """
        expressions = data_sample.expressions[:max_expressions]
        kinds = data_sample.get("kinds") or [""] * len(expressions)
        masks = [
            [None] * len(expressions) if field is None else _to_numpy(field.data)
            for field in (
                data_sample.get("pred_sem_seg"),
                data_sample.get("gt_sem_seg"),
            )
        ]
        return [
            self.draw_expression(
                image, expression, prediction=prediction, truth=truth, kind=kind
            )
            for expression, kind, prediction, truth in zip(
                expressions, kinds, *masks, strict=False
            )
        ]

    def draw_overlay(
        self,
        image: np.ndarray,
        masks: np.ndarray,
        expressions: Sequence[str],
        *,
        kinds: Sequence[str] | None = None,
        notes: Sequence[str] | None = None,
    ) -> np.ndarray:
        """Draw the masks of several expressions on one picture, with a legend below.

        Each has a colour of its own, an outline and, if there are several, a number;
        after seven the colours come again with dashed outlines.

        Args:
            image: ``(H, W, 3)`` uint8 in RGB order; left as it is.
            masks: ``(K, H, W)``, True or non-zero inside.
            expressions: K strings.
            kinds: Groups of the K expressions, ``""`` for none.
            notes: What shall stand after each expression, such as its score.

        Returns:
            ``(H', W', 3)`` uint8 in RGB order.

        Raises:
            ValueError: The image is no RGB picture, a mask has another size, or there
                are more or fewer of one thing than of another.
        """
        _check_image(image)
        count = len(expressions)
        kinds = [""] * count if kinds is None else kinds
        notes = [""] * count if notes is None else notes
        if count == 0 or any(len(part) != count for part in (masks, kinds, notes)):
            raise ValueError(
                f"got {count} expressions, {len(masks)} masks, {len(kinds)} kinds and "
                f"{len(notes)} notes; give as many of each, at least one"
            )
        picture = self._fit(image)
        styles = [line_style(number) for number in range(count)]
        inside = [self._fit_mask(mask, image, "mask") for mask in masks]
        for mask, style in zip(inside, styles, strict=True):
            picture = draw_mask(picture, mask, style, alpha=self.alpha)
        size = _font_size(picture)
        if count > 1:
            picture = draw_numbers(picture, inside, styles, size=size)
        legend = draw_legend(
            [_words(*parts) for parts in zip(expressions, kinds, notes, strict=True)],
            styles,
            width=picture.shape[1],
            size=size,
            alpha=self.alpha,
            numbered=count > 1,
        )
        return np.vstack([picture, legend])

    def _panel(
        self,
        image: np.ndarray,
        title: str,
        mask: np.ndarray | None,
        color: Color,
    ) -> np.ndarray:
        panel = self._fit(image)
        if mask is not None:
            inside = self._fit_mask(mask, image, title)
            panel = draw_mask(panel, inside, LineStyle(color), alpha=self.alpha)
        heading = draw_caption(
            title, width=panel.shape[1], size=_font_size(panel), max_lines=1
        )
        return np.vstack([heading, panel])

    def _fit(self, picture: np.ndarray) -> np.ndarray:
        return fit(picture, min_side=self.min_side, max_side=self.max_side)

    def _fit_mask(self, mask: np.ndarray, image: np.ndarray, title: str) -> np.ndarray:
        if mask.shape != image.shape[:2]:
            raise ValueError(
                f"the {title} has size {mask.shape} but the image "
                f"{image.shape[:2]}; masks are drawn at the original size"
            )
        return self._fit((mask != 0).astype(np.uint8))


def _check_image(image: np.ndarray) -> None:
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(
            f"image has shape {image.shape} and type {image.dtype}; give (H, W, 3) "
            "uint8"
        )


def _font_size(panel: np.ndarray) -> int:
    return min(max(12, int(max(panel.shape[:2])) // 30), 22)


def _words(expression: str, kind: str, note: str) -> str:
    words = "\N{LEFT DOUBLE QUOTATION MARK}" + _shortened(expression)
    words += "\N{RIGHT DOUBLE QUOTATION MARK}"
    words += f" [{kind}]" if kind else ""
    return words + (f" \N{MIDDLE DOT} {note}" if note else "")


def _shortened(expression: str) -> str:
    """An expression that leaves room for what comes after it."""
    if len(expression) <= _MAX_CHARACTERS:
        return expression
    return expression[:_MAX_CHARACTERS].rstrip() + "\N{HORIZONTAL ELLIPSIS}"


def mask_iou(prediction: np.ndarray, truth: np.ndarray) -> float:
    """Intersection over union of two masks, from 0 to 1; of two empty ones it is 1.

    Args:
        prediction: ``(H, W)``, True or non-zero inside.
        truth: ``(H, W)`` of the same kind.
    """
    inside, expected = prediction != 0, truth != 0
    union = int(np.logical_or(inside, expected).sum())
    return int(np.logical_and(inside, expected).sum()) / union if union else 1.0


def _to_numpy(masks: torch.Tensor) -> np.ndarray:
    return np.asarray(masks.detach().cpu().numpy())
