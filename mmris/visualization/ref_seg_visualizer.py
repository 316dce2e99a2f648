"""Pictures of expressions: the image, the prediction, the truth and the words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from mmengine.dist import master_only
from mmengine.visualization import Visualizer

from mmris.registry import VISUALIZERS

from .captions import draw_caption

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch
    from mmseg.structures import SegDataSample

# From the palette of Okabe and Ito, "Color Universal Design" (2008): orange and blue
# stay apart for every kind of colour vision, and in grey.
PREDICTION_COLOR = (230, 159, 0)
TRUTH_COLOR = (0, 114, 178)
_GAP = 4


@VISUALIZERS.register_module()
class RefSegVisualizer(Visualizer):
    """Draws one picture for an image and one of its expressions.

    From left to right: the image, the prediction (orange) and the truth (blue), each as
    a tint with a contour; below them the expression, its kind and the IoU. Pictures are
    enlarged or reduced, keeping their proportions, to a size that can be read.

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
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise ValueError(
                f"image has shape {image.shape} and type {image.dtype}; give (H, W, 3) "
                "uint8"
            )
        panels = [self._panel(image, "image", None, TRUTH_COLOR)]
        if prediction is not None:
            panels.append(
                self._panel(image, "prediction", prediction, PREDICTION_COLOR)
            )
        if truth is not None:
            panels.append(self._panel(image, "truth", truth, TRUTH_COLOR))
        gap = np.full((panels[0].shape[0], _GAP, 3), 255, dtype=np.uint8)
        row = np.hstack([part for panel in panels for part in (panel, gap)][:-1])
        words = f"\N{LEFT DOUBLE QUOTATION MARK}{expression}"
        words += "\N{RIGHT DOUBLE QUOTATION MARK}"
        if kind:
            words += f"  [{kind}]"
        if prediction is not None and truth is not None:
            words += f"  IoU {100 * mask_iou(prediction, truth):.1f}"
        size = self._font_size(panels[0])
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

    def _panel(
        self,
        image: np.ndarray,
        title: str,
        mask: np.ndarray | None,
        color: tuple[int, int, int],
    ) -> np.ndarray:
        height, width = image.shape[:2]
        longer = max(height, width)
        scale = min(max(longer, self.min_side), self.max_side) / longer
        size = max(round(width * scale), 1), max(round(height * scale), 1)
        # Enlarged pixels keep their edges, so that small pictures show what is in them.
        method = cv2.INTER_NEAREST if scale >= 1 else cv2.INTER_AREA
        panel = np.asarray(cv2.resize(image, size, interpolation=method))
        if mask is not None:
            if mask.shape != image.shape[:2]:
                raise ValueError(
                    f"the {title} has size {mask.shape} but the image "
                    f"{image.shape[:2]}; masks are drawn at the original size"
                )
            inside = cv2.resize(
                (mask != 0).astype(np.uint8), size, interpolation=cv2.INTER_NEAREST
            )
            panel = self._tint(panel, inside, color)
        heading = draw_caption(title, width=size[0], size=self._font_size(panel))
        return np.vstack([heading, panel])

    def _tint(
        self, panel: np.ndarray, inside: np.ndarray, color: tuple[int, int, int]
    ) -> np.ndarray:
        tinted = panel.astype(np.float32)
        tinted[inside > 0] *= 1 - self.alpha
        tinted[inside > 0] += self.alpha * np.asarray(color, dtype=np.float32)
        drawn = np.ascontiguousarray(tinted.round().astype(np.uint8))
        contours, _ = cv2.findContours(inside, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
        # White below the colour: seen on a background of the same colour as well.
        cv2.drawContours(drawn, contours, -1, (255, 255, 255), thickness=4)
        cv2.drawContours(drawn, contours, -1, color, thickness=2)
        return drawn

    def _font_size(self, panel: np.ndarray) -> int:
        return max(12, int(max(panel.shape[:2])) // 26)


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
