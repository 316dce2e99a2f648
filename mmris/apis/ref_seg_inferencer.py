"""Masks for pictures and expressions, in two lines."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import torch
from mmengine.dataset import pseudo_collate

from mmris.models.segmentors import restore_logits
from mmris.registry import INFERENCERS

from .inference_pipeline import inference_pipeline
from .init_model import init_model
from .pairing import pair
from .pictures import to_bgr
from .published_checkpoint import published_checkpoint
from .ref_seg_prediction import RefSegPrediction

if TYPE_CHECKING:
    from pathlib import Path

    from mmengine.config import Config

    from .pairing import Expressions
    from .pictures import ChannelOrder, Picture


@INFERENCERS.register_module()
class RefSegInferencer:
    """Segments what expressions refer to.

    The picture goes through the transforms of the config's testing and once through
    the part of the model that needs no words, whatever the number of its expressions;
    these are fused and decoded in groups of ``model.test_cfg.expressions_per_chunk``.
    Masks come back at the picture's own size.

    Args:
        config: A config, or the path of one; None takes the one in the checkpoint.
        checkpoint: Path of a checkpoint written by training; None leaves the weights
            random, with a warning.
        device: Such as ``"cpu"`` or ``"cuda:1"``; None takes a GPU if there is one.
        model: Name of a model of the model index that has trained weights, instead of
            config and checkpoint.
        threshold: Probability above which a pixel belongs to the mask; None takes that
            of the config.

    Raises:
        FileNotFoundError: Config or checkpoint is not there.
        TypeError: The model is no RefSegmentor.
        ValueError: Neither config nor checkpoint nor a model is given, they do not fit,
            there is no such model or device, or the threshold is no probability.

    Example:
        >>> from mmris.apis import RefSegInferencer
        >>> config = "configs/baseline/baseline_tiny_shapes.py"
        >>> segment = RefSegInferencer(config, device="cpu")
        >>> picture = np.zeros((48, 64, 3), dtype=np.uint8)
        >>> found = segment(picture, ["the circle", "the square"], channel_order="rgb")
        >>> found.masks.shape, found.scores.shape
        ((2, 48, 64), (2,))
    """

    def __init__(
        self,
        config: str | Path | Config | None = None,
        checkpoint: str | Path | None = None,
        device: str | torch.device | None = None,
        *,
        model: str | None = None,
        threshold: float | None = None,
    ) -> None:
        self.device = _select_device(device)
        if model is not None:
            if config is not None or checkpoint is not None:
                raise ValueError(
                    f"model {model!r} is given beside config or checkpoint, and has "
                    "both itself; give one or the other"
                )
            checkpoint = published_checkpoint(model)
        self.model = init_model(config, checkpoint, self.device)
        if threshold is not None:
            self.model.settings = replace(self.model.settings, threshold=threshold)
        self.pipeline = inference_pipeline(self.model.cfg)

    @overload
    def __call__(
        self,
        images: Picture,
        expressions: Expressions,
        *,
        channel_order: ChannelOrder | None = None,
        with_logits: bool = False,
    ) -> RefSegPrediction: ...

    @overload
    def __call__(
        self,
        images: list[Any] | tuple[Any, ...],
        expressions: Expressions,
        *,
        channel_order: ChannelOrder | None = None,
        with_logits: bool = False,
    ) -> list[RefSegPrediction]: ...

    def __call__(
        self,
        images: Picture | list[Any] | tuple[Any, ...],
        expressions: Expressions,
        *,
        channel_order: ChannelOrder | None = None,
        with_logits: bool = False,
    ) -> RefSegPrediction | list[RefSegPrediction]:
        """Segment.

        Args:
            images: A path, a Pillow image or an array, ``(H, W, 3)`` or ``(H, W)``
                uint8; or a list of them, of any sizes, taken one after the other.
            expressions: For one image a string or a list of K strings. For a list of
                images one string for all, or a list with one list of strings for each;
                a flat list of strings is ambiguous and refused.
            channel_order: ``"rgb"`` or ``"bgr"``, the order of the channels of arrays
                of colour, which are refused without it. The other kinds of picture
                need none.
            with_logits: Whether to return the logits as well, 4 bytes for each pixel
                and expression.

        Returns:
            The prediction for one image; for a list of images a list of them.

        Raises:
            FileNotFoundError: No such picture.
            TypeError: A picture or an expression is of no known kind.
            ValueError: A picture is damaged, or an array of unknown order; an
                expression is blank; or expressions do not go with the images.
        """
        pairs = pair(images, expressions)
        if not isinstance(images, (list, tuple)):
            picture = to_bgr(images, channel_order=channel_order)
            return self._segment(picture, pairs[0][1], with_logits)
        predictions = []
        for position, (image, texts) in enumerate(pairs):
            name = f"images[{position}]"
            picture = to_bgr(image, channel_order=channel_order, name=name)
            predictions.append(self._segment(picture, texts, with_logits))
        return predictions

    @torch.no_grad()
    def _segment(
        self, picture: np.ndarray, expressions: list[str], with_logits: bool
    ) -> RefSegPrediction:
        """Segment one picture, ``(h, w, 3)`` in BGR order.

        As ``RefSegmentor.predict``, but the maps of the picture's own size, which are
        by far the largest, exist for one expression at a time.
        """
        model = self.model
        item = {"img": picture, "img_path": "", "expressions": expressions}
        batch = model.data_preprocessor(pseudo_collate([self.pipeline(item)]), False)
        inputs, (sample,) = batch["inputs"], batch["data_samples"]
        input_size = (inputs.shape[-2], inputs.shape[-1])
        threshold = torch.logit(torch.tensor(model.settings.threshold)).item()
        masks, scores, kept = [], [], []
        index = batch["image_index"]
        for chunk in model.decode_chunks(inputs, expressions, index):
            for logits in chunk:
                (restored,) = restore_logits(
                    logits[None].float(),
                    input_size=input_size,
                    content_box=sample.get("content_box", (0, 0, *input_size)),
                    original_size=picture.shape[:2],
                )
                mask = restored > threshold
                masks.append(mask.cpu().numpy())
                scores.append(_score(restored, mask))
                if with_logits:
                    kept.append(restored.cpu().numpy())
        return RefSegPrediction(
            expressions=expressions,
            masks=np.stack(masks),
            scores=np.asarray(scores, dtype=np.float32),
            logits=np.stack(kept) if with_logits else None,
        )


def _score(logits: torch.Tensor, mask: torch.Tensor) -> float:
    """Mean probability over the mask, 0 if it is empty."""
    inside = logits[mask]
    return inside.sigmoid().mean().item() if len(inside) else 0.0


def _select_device(device: str | torch.device | None) -> torch.device:
    if device is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(device)
    except (RuntimeError, TypeError):
        raise ValueError(
            f"device is {device!r}; give 'cpu', 'cuda' or a number of a GPU as in "
            "'cuda:1', or None to choose"
        ) from None
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if chosen.type == "cuda" and (chosen.index or 0) >= count:
        raise ValueError(
            f"device is {str(device)!r}, but torch sees {count} GPUs here; give 'cpu', "
            "or None to choose"
        )
    return chosen
