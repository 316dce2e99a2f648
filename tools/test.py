"""Scores a checkpoint: ``python tools/test.py CONFIG CHECKPOINT``. See ``--help``."""

from __future__ import annotations

import argparse
import json
import os
import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING

from mmengine.dist import is_main_process

from mmris.engine import build_runner
from mmris.utils import trusted_checkpoints
from mmris.utils.atomic_files import write_atomically
from mmris.utils.config import load_config, switch_dataset
from mmris.utils.config_check import check_config
from mmris.utils.config_options import (
    check_work_dir,
    keep_testing_only,
    select_split,
    set_work_dir,
)
from mmris.utils.config_overrides import KeyValueAction, apply_overrides
from mmris.utils.launch import process_group
from mmris.utils.prediction_output import add_prediction_writer
from mmris.utils.run_check import check_run
from mmris.utils.speed_options import pin_memory_for_gpu, use_speed_hooks
from mmris.utils.start_options import check_checkpoint
from mmris.utils.tiny_config import make_tiny
from mmris.utils.tool_errors import run_tool

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmengine.config import Config


def make_parser() -> argparse.ArgumentParser:
    """The parser of the command line."""
    parser = argparse.ArgumentParser(
        description="Score a checkpoint.", allow_abbrev=False
    )
    parser.add_argument("config", help="config file")
    parser.add_argument("checkpoint", help="checkpoint file")
    parser.add_argument(
        "--work-dir",
        help="folder for the log; work_dirs/<config name>/test if not given",
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
        help="test on another dataset: a file of configs/_base_/datasets without .py, "
        "or a path",
    )
    parser.add_argument(
        "--split", metavar="NAME", help="test on this split of the dataset, as testB"
    )
    parser.add_argument(
        "--metrics", metavar="FILE", help="write the scores to this file, as JSON"
    )
    parser.add_argument(
        "--out",
        metavar="FILE",
        help="write the masks to this file, .jsonl; tools/analysis_tools/score.py "
        "scores them",
    )
    parser.add_argument(
        "--soft-scores",
        action="store_true",
        help="with --out, write the network's maps too, for other thresholds and rules",
    )
    parser.add_argument(
        "--show-dir",
        metavar="FOLDER",
        help="draw image, words, prediction and truth into this folder",
    )
    parser.add_argument(
        "--show-interval",
        type=int,
        default=1,
        metavar="N",
        help="with --show-dir, draw every N-th image",
    )
    parser.add_argument(
        "--cfg-options",
        nargs="+",
        action=KeyValueAction,
        metavar="KEY=VALUE",
        help="change values of the config, such as test_dataloader.num_workers=0",
    )
    parser.add_argument(
        "--trust-checkpoint",
        action="store_true",
        help="read the checkpoint even if that runs code that is in it",
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
    if args.cfg_options is not None:
        apply_overrides(cfg, args.cfg_options)
    if args.split is not None:
        select_split(cfg, args.split)
    set_work_dir(cfg, args.work_dir, subfolder="test")
    check_work_dir(cfg.work_dir)
    cfg.load_from = check_checkpoint(args.checkpoint, "the second argument")
    cfg.resume = False
    keep_testing_only(cfg)
    if args.show_dir is not None:
        hook = cfg.default_hooks.get("visualization") or {}
        hook = {"type": "RefVisualizationHook", **hook}
        hook.update(test_out_dir=args.show_dir, test_interval=args.show_interval)
        cfg.default_hooks["visualization"] = hook
    check_config(cfg)
    check_run(cfg)
    use_speed_hooks(cfg)
    pin_memory_for_gpu(cfg)
    add_prediction_writer(cfg, args.out, soft_scores=args.soft_scores)
    return cfg


def test(args: argparse.Namespace) -> int:
    """Score."""
    with trusted_checkpoints() if args.trust_checkpoint else nullcontext():
        cfg = prepare(args)
        with process_group(cfg, args.launcher):
            metrics = build_runner(cfg).test()
            if args.metrics is not None and is_main_process():
                write_metrics(args, metrics)
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Score; 2 if something is wrong."""
    args = parse_args(argv)
    os.environ.setdefault("LOCAL_RANK", str(args.local_rank))
    return run_tool(lambda: test(args), debug=args.debug)


def write_metrics(args: argparse.Namespace, metrics: dict[str, float]) -> None:
    """Write the scores and what they belong to."""
    report = {
        "config": args.config,
        "checkpoint": args.checkpoint,
        "dataset": args.dataset,
        "split": args.split,
        "metrics": metrics,
    }
    write_atomically(args.metrics, (json.dumps(report, indent=2) + "\n").encode())


if __name__ == "__main__":
    sys.exit(main())
