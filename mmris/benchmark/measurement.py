"""Measures one model in one mode, and what is kept of it."""

from __future__ import annotations

import copy
import time
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import torch

from .equality import Equality, compare, one_by_one
from .memory import measure_memory
from .passes import (
    BACKBONE,
    STEPS,
    WHOLE,
    build_optimizer,
    compiled,
    inference_passes,
    training_passes,
)
from .random_case import in_format
from .timing import Clock, Deadline, Spread, take_turns
from .work import Work, count_parameters, count_work

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from mmengine.config import Config

    from mmris.models import RefSegmentor

    from .modes import Mode
    from .passes import Pass
    from .random_case import RandomBatch

Phase = Literal["inference", "training"]


class Effort(NamedTuple):
    """How thoroughly to measure.

    Attributes:
        rounds: How often each call is timed.
        warm_up: How often it is called before.
        clock: What times are taken by on a CPU.
    """

    rounds: int = 10
    warm_up: int = 2
    clock: Clock = "wall"


@dataclass
class PartFigures:
    """What was measured of one call.

    Attributes:
        milliseconds: The times.
        ratio: Median over the rounds of its time relative to the backbone alone.
        gflop: Floating-point operations in 10^9, a multiplication and an addition
            being two; None where they were not counted.
        gigabytes: What its matrix products and convolutions read and write, in 10^9
            bytes, each operand once; None where it was not counted.
        megabytes: Most memory beyond what was there before, MB of 10^6 bytes.
        memory_kind: Who says so.
    """

    milliseconds: Spread
    ratio: float | None = None
    gflop: float | None = None
    gigabytes: float | None = None
    megabytes: float | None = None
    memory_kind: str | None = None


@dataclass
class Measurement:
    """One model in one mode.

    Attributes:
        config: Name of the config file, without folder and ending.
        phase: ``"inference"`` or ``"training"``.
        mode: Fields of the :class:`~mmris.benchmark.modes.Mode`.
        input_size: Height and width of the pictures.
        images: ``B``, number of pictures.
        expressions: ``K``, of each picture.
        words: Of each expression.
        parameters: In 10^6, by the name of the model's part; ``trained`` are those of
            all parts that training changes.
        parts: Figures by the name of the call.
        expressions_per_second: Of the whole.
        clock: What times were taken by: ``"wall"``, or the ``"processor"`` time of the
            process.
        first_call_seconds: The first call of the whole, compilation included.
        total_megabytes: All that a GPU's allocator held at the peak, weights, gradients
            and states of the optimizer included; None on a CPU.
        equality: How far the logits are from those of the plain path; of inference.
        loss: Of the first iteration of training, to compare modes by.
    """

    config: str
    phase: Phase
    mode: dict[str, Any]
    input_size: tuple[int, int]
    images: int
    expressions: int
    words: int
    parameters: dict[str, float] = field(default_factory=dict)
    parts: dict[str, PartFigures] = field(default_factory=dict)
    expressions_per_second: float | None = None
    clock: Clock = "wall"
    first_call_seconds: float | None = None
    total_megabytes: float | None = None
    equality: Equality | None = None
    loss: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def measure_inference(
    model: RefSegmentor,
    batch: RandomBatch,
    measurement: Measurement,
    *,
    mode: Mode,
    device: torch.device,
    effort: Effort,
    deadline: Deadline,
    alone: AbstractContextManager[object] | None = None,
) -> None:
    """Measure without gradients.

    Args:
        model: In evaluation mode, contiguous; it is so again afterwards.
        batch: What it is given.
        measurement: Filled.
        mode: How to run it.
        device: Where both live.
        effort: How often.
        deadline: When to stop.
        alone: Entered while times are taken, such as a lock.
    """
    reference = one_by_one(model, batch, device)
    batch = batch.in_format(mode.memory_format)
    with in_format(model, mode.memory_format), compiled(model, mode):
        passes = inference_passes(model, batch, mode, device)
        start = time.perf_counter()
        logits = passes[WHOLE](_nothing)
        _wait(device)
        measurement.first_call_seconds = time.perf_counter() - start
        measurement.equality = compare(logits, reference)
        del logits, reference
        with alone or nullcontext():
            _measure(passes, measurement, mode, device, effort, deadline)


def measure_training(
    model: RefSegmentor,
    batch: RandomBatch,
    measurement: Measurement,
    *,
    config: Config,
    mode: Mode,
    device: torch.device,
    effort: Effort,
    deadline: Deadline,
    alone: AbstractContextManager[object] | None = None,
) -> None:
    """Measure iterations of training, from the same weights whatever the mode.

    Args:
        model: Contiguous; it is so again afterwards, in evaluation mode and with the
            weights that it had.
        batch: What it is given.
        measurement: Filled.
        config: Says the optimizer.
        mode: How to run it.
        device: Where both live.
        effort: How often.
        deadline: When to stop.
        alone: Entered while times are taken, such as a lock.
    """
    batch = batch.in_format(mode.memory_format)
    before = copy.deepcopy(model.state_dict())
    torch.manual_seed(0)  # of dropout
    with in_format(model, mode.memory_format), compiled(model, mode):
        optimizer = build_optimizer(model, config)
        model.train()
        passes = training_passes(model, batch, optimizer, mode, device)
        start = time.perf_counter()
        measurement.loss = passes[WHOLE](_nothing).item()
        _wait(device)
        measurement.first_call_seconds = time.perf_counter() - start
        with alone or nullcontext():
            _measure(passes, measurement, mode, device, effort, deadline)
    model.zero_grad(set_to_none=True)
    model.load_state_dict(before)
    model.eval()


def parameters_by_part(model: RefSegmentor) -> dict[str, float]:
    """How many parameters each part of a model has.

    Args:
        model: The model.

    Returns:
        In 10^6, of each part, of ``whole`` and of what is ``trained``.
    """
    parts = {
        "backbone": model.backbone,
        "text encoder": model.text_encoder,
        "neck": model.neck,
        "decode head": model.decode_head,
    }
    counts = {name: count_parameters(part)[0] for name, part in parts.items()}
    counts["whole"], counts["trained"] = count_parameters(model)
    return counts


def _measure(
    passes: dict[str, Pass],
    measurement: Measurement,
    mode: Mode,
    device: torch.device,
    effort: Effort,
    deadline: Deadline,
) -> None:
    measurement.clock = effort.clock
    for _ in range(effort.warm_up):
        for call in passes.values():
            call(_nothing)
    laps = take_turns(
        passes,
        device=device,
        rounds=effort.rounds,
        deadline=deadline,
        clock=effort.clock,
    )
    totals = {name: [sum(lap) for lap in rows] for name, rows in laps.items()}
    for name, call in passes.items():
        figures = PartFigures(
            Spread.of(totals[name]), _median_ratio(totals[name], totals[BACKBONE])
        )
        _weigh(call, figures, mode, device)
        if name == WHOLE and device.type == "cuda":
            held = torch.cuda.max_memory_allocated(device)
            measurement.total_megabytes = held / 1e6
        measurement.parts[name] = figures
    for step, name in enumerate(STEPS if len(laps[WHOLE][0]) > 1 else ()):
        times = [lap[step] for lap in laps[WHOLE]]
        ratio = _median_ratio(times, totals[BACKBONE])
        measurement.parts[name] = PartFigures(Spread.of(times), ratio)
    count = measurement.images * measurement.expressions
    seconds = measurement.parts[WHOLE].milliseconds.median / 1000
    measurement.expressions_per_second = count / seconds


def _weigh(call: Pass, figures: PartFigures, mode: Mode, device: torch.device) -> None:
    """Work and memory of one call; a compiled one's work is not seen."""
    counts: list[Work] = []

    def run() -> None:
        counts.append(count_work(lambda: call(_nothing)))

    def run_compiled() -> None:
        call(_nothing)

    peak = measure_memory(run_compiled if mode.compiled else run, device)
    if not counts and not mode.compiled:
        run()
    if counts:
        figures.gflop, figures.gigabytes = counts[0]
    if peak is not None:
        figures.megabytes, figures.memory_kind = peak


def _median_ratio(times: list[float], others: list[float]) -> float:
    return median(one / other for one, other in zip(times, others, strict=True))


def _nothing() -> None:
    """No mark between steps."""


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
