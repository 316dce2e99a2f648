"""How a neck's time, work and memory grow with positions and words."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import log
from statistics import median
from typing import TYPE_CHECKING, Any

import torch

from mmris.models import EncoderFusion

from .memory import measure_memory
from .modes import PLAIN
from .passes import BACKBONE, EXPRESSION, IMAGE, inference_passes
from .random_case import random_batch
from .timing import take_turns
from .work import count_flops

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mmris.models import RefSegmentor

    from .measurement import Effort
    from .passes import Pass
    from .random_case import RandomBatch

_NECK = "neck"
_DECODE = "its expression part"


@dataclass(frozen=True)
class GrowthPoint:
    """What a neck took for one picture and one expression.

    Attributes:
        config: Name of the config file, without folder and ending.
        size: Height and width of the picture in pixels.
        words: Of the expression.
        milliseconds: Median time of both parts of the neck. Where words work inside the
            backbone, whose stages are then run by the neck, the time of the backbone
            alone is taken off.
        gflop: Their work in 10^9, the backbone's taken off likewise.
        megabytes: Most memory that the expression part needs beyond its inputs, MB of
            10^6 bytes; with the backbone's stages where they are part of it. None where
            it cannot be measured.
    """

    config: str
    size: tuple[int, int]
    words: int
    milliseconds: float
    gflop: float
    megabytes: float | None

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def measure_neck(
    model: RefSegmentor,
    *,
    name: str,
    size: tuple[int, int],
    words: int,
    device: torch.device,
    effort: Effort,
) -> GrowthPoint:
    """Measure a neck for one picture and one expression, without gradients.

    Args:
        model: In evaluation mode.
        name: Of the config.
        size: Height and width of the picture.
        words: Of the expression.
        device: Where the model lives.
        effort: How often.
    """
    batch = random_batch(size=size, images=1, expressions=1, words=words, device=device)
    passes = _passes(model, batch, device)
    calls = {key: lambda mark, call=call: call() for key, call in passes.items()}
    for _ in range(effort.warm_up):
        for call in passes.values():
            call()
    laps = take_turns(calls, device=device, rounds=effort.rounds, clock=effort.clock)
    times = {key: [sum(lap) for lap in rows] for key, rows in laps.items()}
    work = {key: count_flops(passes[key]) for key in passes if key != _DECODE}
    if _NECK in passes:
        rounds, gflop = times[_NECK], work[_NECK]
    else:
        rounds = [
            image + expression - backbone
            for image, expression, backbone in zip(
                times[IMAGE], times[_DECODE], times[BACKBONE], strict=True
            )
        ]
        gflop = work[IMAGE] + count_flops(passes[_DECODE]) - work[BACKBONE]
    peak = measure_memory(passes[_DECODE], device)
    megabytes = None if peak is None else peak.megabytes
    return GrowthPoint(name, size, words, median(rounds), gflop, megabytes)


def exponent(sizes: Sequence[float], values: Sequence[float]) -> float:
    """The power of the size that a value grows with, by least squares of logarithms.

    Args:
        sizes: Numbers of positions or words, at least two different ones.
        values: What was measured there, positive.

    Raises:
        ValueError: There is nothing to fit.
    """
    if len(set(sizes)) < 2 or min(values) <= 0:
        raise ValueError(
            f"no growth can be read from {list(values)} at {list(sizes)}: two "
            "different sizes and positive values are needed"
        )
    x, y = [log(size) for size in sizes], [log(value) for value in values]
    middle, level = sum(x) / len(x), sum(y) / len(y)
    products = sum((a - middle) * (b - level) for a, b in zip(x, y, strict=True))
    return products / sum((a - middle) ** 2 for a in x)


def _passes(
    model: RefSegmentor, batch: RandomBatch, device: torch.device
) -> dict[str, Callable[[], Any]]:
    if isinstance(model.neck, EncoderFusion):
        found = inference_passes(model, batch, PLAIN, device)
        names = {BACKBONE: BACKBONE, IMAGE: IMAGE, EXPRESSION: _DECODE}
        return {new: _unmarked(found[old]) for old, new in names.items()}
    neck, backbone, index = model.neck, model.backbone, batch.image_index
    with torch.no_grad():
        levels = backbone(batch.images)
        text = model.text_encoder(batch.sentences)
        projected = neck.project(neck.select(levels))

    @torch.no_grad()
    def decode() -> Any:
        return neck.decode(backbone, projected, text, index)

    @torch.no_grad()
    def whole() -> Any:
        encoded = neck.project(neck.select(levels))
        return neck.decode(backbone, encoded, text, index)

    return {_NECK: whole, _DECODE: decode}


def _unmarked(call: Pass) -> Callable[[], Any]:
    return lambda: call(lambda: None)
