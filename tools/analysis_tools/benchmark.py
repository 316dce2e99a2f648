"""Times, memory, FLOPs and parameters of models, by part and mode.

Neither data nor pretrained weights are needed: weights and pictures are random, and so
are the sentences, of as many words as asked for. The calls that are compared take turns
in one process, so that what else the machine does meets all of them; a ratio is the
median of the ratios within a round. Calls before the first round are not counted, nor
is compilation. Every mode's logits are compared with those of the plain path: one
forward a sentence, float32 without TensorFloat-32, not compiled.

The backbone alone is always measured beside the whole. Compiled, the whole is, as by
compile=True in its config, and the backbone alone is not. Training is an iteration with
the config's losses and optimizer.
MB are 10^6 bytes: on a GPU of its allocator, on a CPU of the process (Linux only), and
beyond what was there before the call. A multiplication and an addition are two FLOP.

Compilation takes minutes, of a processor mostly. With --turns the same FILE, programs
that are started together compile together and take times one after the other.

With --time-limit the program stops in time and writes what there is; --json is written
anew after every measurement.

Examples:
    python tools/analysis_tools/benchmark.py --preset paper --threads 2 --json cpu.json
    python tools/analysis_tools/benchmark.py --preset paper --device cuda \
        --precisions fp32 tf32 bf16 --modes eager compiled \
        --phases inference training --time-limit 500 --json gpu.json
"""

from __future__ import annotations

import argparse
import gc
import shlex
import sys
import time
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from filelock import FileLock

from mmris.benchmark import (
    PRECISIONS,
    PRESETS,
    Deadline,
    Effort,
    Measurement,
    Mode,
    Record,
    build_random_model,
    describe_machine,
    input_size,
    measure_inference,
    measure_limits,
    measure_training,
    parameters_by_part,
    random_batch,
)
from mmris.benchmark.tables import parts_table, remarks, title
from mmris.utils.config import PACKAGE_CONFIGS, load_config
from mmris.utils.config_overrides import KeyValueAction, apply_overrides
from mmris.utils.tool_errors import run_tool

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager

    from mmengine.config import Config

    from mmris.models import RefSegmentor


class Group(NamedTuple):
    """Measurements that share a model.

    Attributes:
        path: Of the config.
        phase: ``"inference"`` or ``"training"``.
        compiled: Whether the model is compiled.
    """

    path: str
    phase: str
    compiled: bool


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line.

    Args:
        arguments: The words after the program's name; None takes the real ones.
    """
    parser = argparse.ArgumentParser(
        description="Measure time, memory and work of models, by part and mode.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("configs", nargs="*", help="paths of configs")
    parser.add_argument("--preset", choices=PRESETS, help="configs to measure as well")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:1")
    parser.add_argument("--precisions", nargs="+", choices=PRECISIONS, default=["fp32"])
    parser.add_argument(
        "--modes", nargs="+", choices=["eager", "compiled"], default=["eager"]
    )
    parser.add_argument(
        "--layouts",
        nargs="+",
        choices=["contiguous", "channels_last"],
        default=["contiguous"],
        help="of weights and pictures in memory",
    )
    parser.add_argument(
        "--phases", nargs="+", choices=["inference", "training"], default=["inference"]
    )
    parser.add_argument("--images", type=int, default=1, help="in inference")
    parser.add_argument(
        "--expressions", type=int, nargs="+", default=[1], help="of each image"
    )
    parser.add_argument("--training-images", type=int, default=2)
    parser.add_argument("--training-expressions", type=int, default=1)
    parser.add_argument("--words", type=int, default=20, help="of each expression")
    parser.add_argument(
        "--input-size",
        type=int,
        nargs=2,
        metavar=("HEIGHT", "WIDTH"),
        help="instead of the config's",
    )
    parser.add_argument("--rounds", type=int, default=10, help="that are timed")
    parser.add_argument("--warm-up", type=int, default=2, help="calls before them")
    parser.add_argument("--threads", type=int, default=1, help="of the CPU")
    parser.add_argument(
        "--clock",
        choices=["wall", "processor"],
        default="wall",
        help="on a CPU; processor time is steadier where other programs run",
    )
    parser.add_argument("--backend", default="inductor", help="of torch.compile")
    parser.add_argument(
        "--turns",
        type=Path,
        metavar="FILE",
        help="several benchmarks with the same file compile at once and time in turns",
    )
    parser.add_argument(
        "--time-limit", type=float, metavar="SECONDS", help="stop before it is over"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write results there")
    parser.add_argument(
        "--cfg-options",
        nargs="+",
        action=KeyValueAction,
        metavar="KEY=VALUE",
        help="change values of every config",
    )
    parser.add_argument(
        "--debug", action="store_true", help="show the traceback of every error"
    )
    return parser.parse_args(arguments)


def groups(args: argparse.Namespace) -> list[Group]:
    """What to measure, what is compiled last: it takes long.

    Args:
        args: The command line.

    Raises:
        ValueError: No config is given.
    """
    names = [str(PACKAGE_CONFIGS / name) for name in PRESETS.get(args.preset, [])]
    paths = [*args.configs, *names]
    if not paths:
        raise ValueError("no config is given; give paths of configs, or --preset paper")
    return [
        Group(path, phase, compiled == "compiled")
        for compiled in ("eager", "compiled")
        if compiled in args.modes
        for phase in args.phases
        for path in paths
    ]


def measurements(
    args: argparse.Namespace, group: Group, config: Config
) -> Iterator[tuple[Measurement, Mode]]:
    """What to measure of one model.

    Args:
        args: The command line.
        group: The model.
        config: Its config.
    """
    training = group.phase == "training"
    size = tuple(args.input_size or input_size(config))
    for layout in args.layouts:
        for precision in args.precisions:
            mode = Mode(
                precision, group.compiled, layout == "channels_last", args.backend
            )
            for expressions in (
                [args.training_expressions] if training else args.expressions
            ):
                yield (
                    Measurement(
                        Path(group.path).stem,
                        group.phase,
                        asdict(mode),
                        size,
                        args.training_images if training else args.images,
                        expressions,
                        args.words,
                    ),
                    mode,
                )


class Benchmark:
    """Runs groups until the time is over, and goes on after a failure.

    Args:
        args: The command line.
        record: Filled.
    """

    def __init__(self, args: argparse.Namespace, record: Record) -> None:
        self.args = args
        self.record = record
        self.device = torch.device(args.device)
        self.deadline = Deadline(args.time_limit)
        self.alone = turn(args.turns)
        # The longest so far, by whether it was compiled.
        self.longest = {True: 0.0, False: 0.0}

    def run(self, group: Group) -> None:
        """Measure one model in all its modes.

        Args:
            group: The model.
        """
        model: RefSegmentor | None = None
        config = load_config(group.path)
        if self.args.cfg_options:
            apply_overrides(config, self.args.cfg_options)
        for measurement, mode in measurements(self.args, group, config):
            if not self.deadline.allows(self.longest[group.compiled]):
                self._leave_out(measurement)
                continue
            start = time.monotonic()
            try:
                if model is None:
                    model = build_random_model(
                        config, size=measurement.input_size, device=self.device
                    )
                self._measure(model, config, measurement, mode)
            # One model that fails, for want of memory for instance, must not cost the
            # results of the others.
            except Exception as error:
                if self.args.debug:
                    raise
                self._fail(measurement, error)
            self._release()
            duration = time.monotonic() - start
            self.longest[group.compiled] = max(self.longest[group.compiled], duration)

    def _measure(
        self, model: RefSegmentor, config: Config, measurement: Measurement, mode: Mode
    ) -> None:
        measurement.parameters = parameters_by_part(model)
        batch = random_batch(
            size=measurement.input_size,
            images=measurement.images,
            expressions=measurement.expressions,
            words=measurement.words,
            device=self.device,
        )
        how: dict[str, Any] = {
            "mode": mode,
            "device": self.device,
            "effort": Effort(self.args.rounds, self.args.warm_up, self.args.clock),
            "deadline": self.deadline,
            "alone": self.alone,
        }
        if measurement.phase == "inference":
            measure_inference(model, batch, measurement, **how)
        else:
            measure_training(model, batch, measurement, config=config, **how)
        self.record.add(measurement)
        found = measurement.to_dict()
        print(f"\n{title(found)}\n\n{parts_table(found)}\n\n{remarks(found)}")
        sys.stdout.flush()

    def _fail(self, measurement: Measurement, error: Exception) -> None:
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:500]
        print(f"\n{title(measurement.to_dict())}\n\nfailed: {reason}", flush=True)
        self.record.failures.append({**_key(measurement), "error": reason})
        self.record.save()

    def _leave_out(self, measurement: Measurement) -> None:
        print(f"\n{title(measurement.to_dict())}\n\nleft out: no time", flush=True)
        self.record.left_out.append(_key(measurement))
        self.record.save()

    def _release(self) -> None:
        torch.compiler.reset()
        gc.collect()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()


def _key(measurement: Measurement) -> dict[str, Any]:
    found = measurement.to_dict()
    names = ("config", "phase", "mode", "input_size", "images", "expressions", "words")
    return {name: found[name] for name in names}


def turn(path: Path | None) -> AbstractContextManager[object]:
    """What only one of several benchmarks is within at a time.

    Args:
        path: The file of ``--turns``.
    """
    return nullcontext() if path is None else FileLock(path)


def benchmark(args: argparse.Namespace, arguments: Sequence[str]) -> int:
    """Measure everything.

    Args:
        args: The command line.
        arguments: Its words.

    Returns:
        1 if a measurement failed, else 0.
    """
    torch.set_num_threads(args.threads)
    device = torch.device(args.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError("--device cuda: this host has no GPU; give --device cpu")
    command = _command(arguments)
    with turn(args.turns):
        limits = measure_limits(device, args.precisions, args.clock)
    machine = {**describe_machine(device), "limits": limits._asdict()}
    record = Record(command, machine, args.json)
    run = Benchmark(args, record)
    for group in groups(args):
        run.run(group)
    record.save()
    if record.failures or record.left_out:
        print(
            f"\n{len(record.measurements)} measured, {len(record.failures)} failed, "
            f"{len(record.left_out)} left out for want of time"
        )
    return 1 if record.failures else 0


def _command(arguments: Sequence[str]) -> str:
    """The command line, less where results go: that is the matter of one machine."""
    words = ["python", "tools/analysis_tools/benchmark.py"]
    skip = False
    for word in arguments:
        if not skip and not word.startswith("--json="):
            skip = word == "--json"
            words += [] if skip else [word]
        else:
            skip = False
    return shlex.join(words)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program.

    Args:
        arguments: The words after the program's name; None takes the real ones.
    """
    args = parse_args(arguments)
    words = sys.argv[1:] if arguments is None else arguments
    return run_tool(lambda: benchmark(args, words), debug=args.debug)


if __name__ == "__main__":
    sys.exit(main())
