"""What the processes of a job send each other in a step of training.

Starts processes on the CPUs of this machine, which exchange gradients as a training by
a launcher does. "received" is what the machine's network counters say, of all that runs
on it; where other programs talk, too, measure in a network of its own:

    unshare --net bash -c "ip link set lo up && python tools/analysis_tools/..."

The last columns are computed: what each of N processes receives of a ring, which
averages S bytes with 2 S (N - 1) / N.

Example:
    python tools/analysis_tools/measure_communication.py --preset paper
"""

from __future__ import annotations

import argparse
import socket
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import torch
import torch.multiprocessing as mp

from mmris.benchmark import PRESETS
from mmris.benchmark.communication import measure_in_group
from mmris.benchmark.tables import markdown
from mmris.utils.config import PACKAGE_CONFIGS
from mmris.utils.tool_errors import run_tool

if TYPE_CHECKING:
    from collections.abc import Sequence

COMPUTED = (8, 64, 512)
MEGABYTE = 1e6


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line.

    Args:
        arguments: The words after the program's name; None takes the real ones.
    """
    parser = argparse.ArgumentParser(
        description="Measure what is sent in a step of training.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("configs", nargs="*", help="paths of configs")
    parser.add_argument("--preset", choices=PRESETS, help="configs to measure as well")
    parser.add_argument("--processes", type=int, default=2, help="how many to start")
    parser.add_argument(
        "--debug", action="store_true", help="show the traceback of every error"
    )
    return parser.parse_args(arguments)


def row(path: str, found: dict[str, float | None]) -> list[str]:
    """The row of a config.

    Args:
        path: Of the config.
        found: What was measured.
    """
    gradients, received = float(found["gradients"] or 0), found["received"]
    megabytes = [gradients, float(found["buffers"] or 0), received]
    return [
        Path(path).stem,
        f"{float(found['trained'] or 0) / 1e6:.1f}",
        *("-" if size is None else f"{size / MEGABYTE:.1f}" for size in megabytes),
        *(f"{2 * gradients * (n - 1) / n / MEGABYTE:.0f}" for n in COMPUTED),
    ]


def run(args: argparse.Namespace) -> int:
    """Print the table.

    Args:
        args: The command line.

    Raises:
        ValueError: No config is given, or fewer than two processes.
    """
    names = [str(PACKAGE_CONFIGS / name) for name in PRESETS.get(args.preset, [])]
    paths = [*args.configs, *names]
    if not paths:
        raise ValueError("no config is given; give paths of configs, or --preset paper")
    if args.processes < 2:
        raise ValueError(f"--processes is {args.processes}; give at least 2")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "results.pth"
        arguments = (args.processes, address, paths, results)
        mp.spawn(measure_in_group, args=arguments, nprocs=args.processes)
        found = torch.load(results, weights_only=True)
    head = ["a step of", "trained, 10^6", "gradients, MB", "buffers, MB"]
    head += [f"received by each of {args.processes}, MB"]
    head += [f"of {n}, MB" for n in COMPUTED]
    print(markdown(head, [row(*pair) for pair in zip(paths, found, strict=True)]))
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program.

    Args:
        arguments: The words after the program's name; None takes the real ones.
    """
    args = parse_args(arguments)
    return run_tool(lambda: run(args), debug=args.debug)


if __name__ == "__main__":
    sys.exit(main())
