"""Trains a config with several seeds, tests each, and says mean and deviation.

The runs come one after the other, each in a folder of its own with its scores. Started
again after a stop it goes on: finished seeds are kept, the stopped one is resumed, and
seeds may be added. Options that it does not know go to tools/train.py.

Example:
    python tools/train_seeds.py configs/cmsa/cmsa_tiny_shapes.py --seeds 0 1 2 \
        --max-iters 500
"""

from __future__ import annotations

import argparse
import copy
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mmengine.registry import init_default_scope

from mmris.registry import DATASETS
from mmris.utils.config import load_config, switch_dataset
from mmris.utils.config_options import select_split
from mmris.utils.seed_runs import (
    SeedRunFailed,
    best_checkpoint,
    check_same_options,
    check_seeds,
    read_json,
    start_words,
    write_summary,
)
from mmris.utils.tool_errors import run_tool

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmengine.config import Config


def parse_args(argv: Sequence[str] | None) -> tuple[argparse.Namespace, list[str]]:
    """Read the command line: our options, and those for training."""
    parser = argparse.ArgumentParser(
        description="Train with several seeds; options not listed here go to "
        "tools/train.py.",
        allow_abbrev=False,
    )
    parser.add_argument("config", help="config file")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2], metavar="N")
    parser.add_argument(
        "--work-dir",
        help="folder of the runs; work_dirs/<config name>_seeds if not given",
    )
    parser.add_argument("--split", metavar="NAME", help="split to test on")
    parser.add_argument("--dataset", metavar="NAME", help="as of tools/train.py")
    parser.add_argument("--tiny", action="store_true", help="as of tools/train.py")
    parser.add_argument(
        "--cfg-options", nargs="+", metavar="KEY=VALUE", help="as of tools/train.py"
    )
    parser.add_argument(
        "--debug", action="store_true", help="show the traceback of every error"
    )
    return parser.parse_known_args(argv)


def shared_options(args: argparse.Namespace) -> list[str]:
    """What training and testing are both given.

    Args:
        args: Our options.
    """
    words = ["--dataset", args.dataset] if args.dataset else []
    if args.tiny:
        words.append("--tiny")
    if args.cfg_options:
        words += ["--cfg-options", *args.cfg_options]
    return words


def run(tool: str, words: Sequence[str]) -> int:
    """Run one of the tools beside this one.

    Args:
        tool: Name of its file.
        words: What it is given.

    Returns:
        Its exit code.
    """
    command = [sys.executable, str(Path(__file__).with_name(tool)), *words]
    return subprocess.run(command, check=False).returncode


def train_and_test(
    args: argparse.Namespace, more: Sequence[str], folder: Path, seed: int
) -> dict[str, float]:
    """One seed, or what it scored before.

    Args:
        args: Our options.
        more: Options of training only.
        folder: Of this seed.
        seed: The seed.

    Returns:
        Scores by key.
    """
    scores = folder / "scores.json"
    shared = shared_options(args)
    if not scores.is_file():
        words = [args.config, "--work-dir", str(folder), "--seed", str(seed)]
        words += [*start_words(folder, more), *shared]
        code = run("train.py", words)
        if code != 0:
            raise SeedRunFailed("training", seed, code)
        words = [args.config, str(best_checkpoint(folder)), "--metrics", str(scores)]
        words += ["--work-dir", str(folder / "test")]
        words += ["--split", args.split] if args.split else []
        words += [word for word in more if word == "--trust-checkpoint"]
        code = run("test.py", [*words, *shared])
        if code != 0:
            raise SeedRunFailed("testing", seed, code)
    found: dict[str, float] = read_json(scores)["metrics"]
    return found


def check_split(args: argparse.Namespace, cfg: Config) -> None:
    """Refuse a split that the data do not have now, and not after training.

    Args:
        args: Our options.
        cfg: The config, which is left as it is.
    """
    cfg = copy.deepcopy(cfg)
    if args.dataset:
        switch_dataset(cfg, args.dataset)
    select_split(cfg, args.split)
    init_default_scope(cfg.get("default_scope", "mmris"))
    DATASETS.build({**cfg.test_dataloader.dataset, "pipeline": []})


def train_all(args: argparse.Namespace, more: Sequence[str]) -> int:
    """All seeds, and the table."""
    check_seeds(args.seeds, more)
    cfg = load_config(args.config)
    if args.split:
        check_split(args, cfg)
    default = Path("work_dirs") / f"{Path(args.config).stem}_seeds"
    work_dir = Path(args.work_dir) if args.work_dir else default
    options = [args.config, *more, *shared_options(args)]
    options += ["--split", args.split] if args.split else []
    check_same_options(work_dir, options, cfg)
    scores = {}
    for seed in args.seeds:
        folder = work_dir / f"seed_{seed}"
        scores[seed] = train_and_test(args, more, folder, seed)
    summary = write_summary(work_dir, scores)
    print(f"\n{len(scores)} seeds: {', '.join(map(str, scores))}")
    for key, entry in summary.items():
        deviation = entry["deviation"]
        spread = "" if deviation is None else f" +- {deviation:.2f}"
        values = ", ".join(f"{scores[seed][key]:.2f}" for seed in scores)
        print(f"{key:>20}  {entry['mean']:.2f}{spread}   ({values})")
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Train; 2 if something is wrong, the code of a run that was stopped."""
    args, more = parse_args(argv)

    def action() -> int:
        try:
            return train_all(args, more)
        except SeedRunFailed as failure:
            print(f"error: {failure}", file=sys.stderr)
            return failure.code

    return run_tool(action, debug=args.debug)


if __name__ == "__main__":
    sys.exit(main())
