"""Trains a model: ``python tools/train.py CONFIG``. See ``--help`` for the options."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING

from mmengine.dist import is_main_process

from mmris.engine import Interrupted, InterruptionHook, build_runner
from mmris.utils import trusted_checkpoints
from mmris.utils.config import load_config, switch_dataset
from mmris.utils.config_check import check_config, check_custom_keys
from mmris.utils.config_options import (
    TRACKERS,
    add_tracker,
    check_work_dir,
    samples_a_step,
    scale_learning_rates,
    set_seed,
    set_work_dir,
    shorten_schedule,
    use_mixed_precision,
)
from mmris.utils.config_overrides import KeyValueAction, apply_overrides
from mmris.utils.launch import process_group
from mmris.utils.resume_command import resume_command
from mmris.utils.run_check import check_run
from mmris.utils.speed_options import pin_memory_for_gpu, use_speed_hooks
from mmris.utils.start_options import set_start
from mmris.utils.tiny_config import make_tiny
from mmris.utils.tool_errors import run_tool

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmengine.config import Config


def make_parser() -> argparse.ArgumentParser:
    """The parser of the command line."""
    parser = argparse.ArgumentParser(description="Train a model.", allow_abbrev=False)
    parser.add_argument("config", help="config file")
    parser.add_argument(
        "--work-dir",
        help="folder for checkpoints, logs and pictures; work_dirs/<config name> if "
        "neither this nor the config says, with --tiny work_dirs/<config name>_tiny",
    )
    parser.add_argument(
        "--resume",
        nargs="?",
        const="auto",
        metavar="CHECKPOINT",
        help="continue a run from this checkpoint; without a value from the newest of "
        "the work dir, if there is one",
    )
    parser.add_argument(
        "--load-from",
        metavar="CHECKPOINT",
        help="start a new run from the weights of this checkpoint, for fine-tuning",
    )
    parser.add_argument(
        "--tiny",
        action="store_true",
        help="make the model small and take generated scenes, to try a config out on a "
        "CPU",
    )
    parser.add_argument(
        "--dataset",
        metavar="NAME",
        help="train and validate on another dataset: a file of configs/_base_/datasets "
        "without .py, or a path",
    )
    parser.add_argument(
        "--max-iters",
        type=int,
        metavar="N",
        help="train N iterations, with learning rates, validation and logging to match",
    )
    parser.add_argument(
        "--amp", action="store_true", help="mixed precision, on the CPU in bfloat16"
    )
    parser.add_argument(
        "--auto-scale-lr",
        action="store_true",
        help="multiply learning rates by the number of samples a step of all processes "
        "together, over that of the config file alone",
    )
    parser.add_argument(
        "--seed", type=int, metavar="N", help="seed of all that is random"
    )
    parser.add_argument(
        "--deterministic",
        action="store_true",
        help="choose deterministic algorithms, which may be slower",
    )
    parser.add_argument(
        "--tracker",
        choices=sorted(TRACKERS),
        help="also log to this experiment tracker",
    )
    parser.add_argument(
        "--cfg-options",
        nargs="+",
        action=KeyValueAction,
        metavar="KEY=VALUE",
        help="change values of the config, such as train_dataloader.batch_size=8",
    )
    parser.add_argument(
        "--trust-checkpoint",
        action="store_true",
        help="read checkpoints even if that runs code that is in them",
    )
    parser.add_argument(
        "--debug", action="store_true", help="show the traceback of every error"
    )
    parser.add_argument(
        "--launcher",
        choices=["none", "pytorch", "slurm", "mpi"],
        default="none",
        help="what started the processes of this job",
    )
    # torch.distributed.launch hands over one or the other.
    parser.add_argument(
        "--local_rank", "--local-rank", type=int, default=0, help=argparse.SUPPRESS
    )
    return parser


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    return make_parser().parse_args(argv)


def prepare(args: argparse.Namespace) -> Config:
    """The config with the options applied."""
    cfg = load_config(args.config)
    if args.tiny:
        make_tiny(cfg)
    if args.dataset is not None:
        switch_dataset(cfg, args.dataset)
    samples = samples_a_step(cfg) if args.auto_scale_lr else None
    if args.cfg_options is not None:
        apply_overrides(cfg, args.cfg_options)
    if samples is not None:
        scale_learning_rates(cfg, base=samples)
    set_work_dir(cfg, args.work_dir)
    check_work_dir(cfg.work_dir)
    set_start(cfg, resume=args.resume, load_from=args.load_from)
    set_seed(cfg, seed=args.seed, deterministic=args.deterministic)
    if args.max_iters is not None:
        shorten_schedule(cfg, args.max_iters)
    if args.amp:
        use_mixed_precision(cfg)
    if args.tracker is not None:
        add_tracker(cfg, args.tracker)
    check_config(cfg)
    check_run(cfg)
    use_speed_hooks(cfg)
    pin_memory_for_gpu(cfg)
    return cfg


def train(args: argparse.Namespace, arguments: Sequence[str]) -> int:
    """Train until the end, or until a signal asks to stop."""
    with trusted_checkpoints() if args.trust_checkpoint else nullcontext():
        cfg = prepare(args)
        with process_group(cfg, args.launcher):
            runner = build_runner(cfg)
            check_custom_keys(runner.model, cfg)
            try:
                runner.train()
            except Interrupted as stop:
                if is_main_process():
                    command = resume_command(sys.argv[0], arguments)
                    print(f"{stop}. Go on with:\n    {command}", file=sys.stderr)
                return stop.exit_code
            finally:
                for hook in runner.hooks:
                    if isinstance(hook, InterruptionHook):
                        hook.after_train(runner)  # after an error nobody calls it
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Train; 2 if something is wrong, 130 or 143 if it was stopped."""
    args = parse_args(argv)
    os.environ.setdefault("LOCAL_RANK", str(args.local_rank))
    arguments = sys.argv[1:] if argv is None else argv
    return run_tool(lambda: train(args, arguments), debug=args.debug)


if __name__ == "__main__":
    sys.exit(main())
