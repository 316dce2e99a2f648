"""The calls that are measured: a model's parts, all of it, and a training step."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import torch
from mmengine.config import ConfigDict
from mmengine.optim import build_optim_wrapper

from mmris.engine.compilation import compile_parts
from mmris.utils.quiet_log import quiet_log

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mmengine.config import Config
    from torch import Tensor
    from torch.optim import Optimizer

    from mmris.models import RefSegmentor

    from .modes import Mode
    from .random_case import RandomBatch

BACKBONE = "backbone alone"
TEXT = "text encoder"
IMAGE = "image part (backbone and neck)"
EXPRESSION = "expression part of the neck"
HEAD = "decode head"
WHOLE = "whole"
# The steps of an iteration of training, in order.
STEPS = ("forward and losses", "backward", "optimizer")


class Pass(Protocol):
    """A call that is measured."""

    def __call__(self, mark: Callable[[], None]) -> Any:
        """Do the work.

        Args:
            mark: To be called between steps.
        """


def inference_passes(
    model: RefSegmentor, batch: RandomBatch, mode: Mode, device: torch.device
) -> dict[str, Pass]:
    """The parts of a model and all of it, without gradients.

    Where the words work inside the backbone, its later stages belong to the expression
    part of the neck, and the backbone alone is a run without words.

    Compiled, there are only the whole and, not compiled, the backbone alone.

    Args:
        model: In evaluation mode, in the mode's memory format.
        batch: Likewise.
        mode: How to run it.
        device: Where it lives.

    Returns:
        Calls by name, the whole last; it gives logits, ``(N, 1, h, w)``.
    """
    images, sentences, index = batch.images, batch.sentences, batch.image_index

    def whole(mark: Callable[[], None]) -> Tensor:
        return torch.cat(list(model.decode_chunks(images, sentences, index)))

    calls: dict[str, Callable[[], Any]] = {BACKBONE: lambda: model.backbone(images)}
    if not mode.compiled:
        with torch.no_grad(), mode.precise(device):
            text = model.text_encoder(sentences)
            encoded = model.encode_image(images)
            fused = model.neck.decode(model.backbone, encoded, text, index)
        calls |= {
            TEXT: lambda: model.text_encoder(sentences),
            IMAGE: lambda: model.encode_image(images),
            EXPRESSION: lambda: model.neck.decode(model.backbone, encoded, text, index),
            HEAD: lambda: model.decode_head(fused),
        }
    passes: dict[str, Pass] = {
        name: lambda mark, call=call: call() for name, call in calls.items()
    }
    passes[WHOLE] = whole
    return {
        name: _without_gradients(call, mode, device) for name, call in passes.items()
    }


def training_passes(
    model: RefSegmentor,
    batch: RandomBatch,
    optimizer: Optimizer,
    mode: Mode,
    device: torch.device,
) -> dict[str, Pass]:
    """An iteration of training, and the backbone alone forth and back.

    A frozen backbone is run forth only.

    Args:
        model: In training mode, in the mode's memory format.
        batch: Likewise.
        optimizer: Of the model.
        mode: How to run it; the backbone alone is not compiled.
        device: Where it lives.

    Returns:
        Calls by name; the whole gives the loss and has the steps ``STEPS``.
    """

    def whole(mark: Callable[[], None]) -> Tensor:
        optimizer.zero_grad(set_to_none=True)
        with mode.precise(device):
            losses = model(batch.images, batch.samples, batch.image_index, "loss")
            loss: Tensor
            loss, _ = model.parse_losses(losses)
        mark()
        loss.backward()  # type: ignore[no-untyped-call]  # in torch
        mark()
        optimizer.step()
        return loss

    def backbone(mark: Callable[[], None]) -> None:
        model.backbone.zero_grad(set_to_none=True)
        with mode.precise(device):
            levels = model.backbone(batch.images)
            trained = [level for level in levels if level.requires_grad]
            total = sum(level.float().mean() for level in trained)
        if isinstance(total, torch.Tensor):
            total.backward()  # type: ignore[no-untyped-call]  # in torch

    return {BACKBONE: backbone, WHOLE: whole}


def build_optimizer(model: RefSegmentor, config: Config) -> Optimizer:
    """The optimizer that the config trains with, its groups of parameters included.

    Args:
        model: The model.
        config: With an ``optim_wrapper``.

    Raises:
        ValueError: It has none.
    """
    wrapper = config.get("optim_wrapper")
    if wrapper is None:
        raise ValueError(
            "the config has no optim_wrapper, which says how to train; measure "
            "inference only, or give the config of a method"
        )
    # In single precision: the scaling of losses is not what is measured.
    plain = {**wrapper.to_dict(), "type": "OptimWrapper"}
    for key in ("dtype", "precision", "loss_scale"):
        plain.pop(key, None)
    with quiet_log():
        optimizer: Optimizer = build_optim_wrapper(model, ConfigDict(plain)).optimizer
    return optimizer


@contextmanager
def compiled(model: RefSegmentor, mode: Mode) -> Iterator[None]:
    """While active, the model is compiled if the mode says so, as by its config.

    Args:
        model: Not compiled; it is so again afterwards.
        mode: How to run it.
    """
    if not mode.compiled:
        yield
        return
    # Sizes are those of one batch; a function compiled for another is not reused.
    torch.compiler.reset()
    undo = compile_parts(model, {"dynamic": False, "backend": mode.backend})
    try:
        yield
    finally:
        undo()


def _without_gradients(call: Pass, mode: Mode, device: torch.device) -> Pass:
    def without(mark: Callable[[], None]) -> Any:
        with torch.no_grad(), mode.precise(device):
            return call(mark)

    return without
