"""Shows what a model is fed: items of a config's dataset after all transforms.

Draws the network's input, the masks and the sentences, as augmentation and resizing
leave them: one PNG file an item, and index.html with all of them, which needs no other
file and no network. Normalisation, the last step before the network, is not shown.

Example:
    python tools/analysis_tools/browse_dataset.py configs/cmsa/cmsa_tiny_shapes.py
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from mmengine.registry import init_default_scope

from mmris.registry import DATASETS
from mmris.utils.atomic_files import write_atomically
from mmris.utils.config import dataset_heads, load_config, switch_dataset
from mmris.utils.config_check import check_config
from mmris.utils.config_options import accepts_argument, select_split
from mmris.utils.config_overrides import KeyValueAction, apply_overrides
from mmris.utils.tool_errors import run_tool
from mmris.visualization.item_page import encode_png, item_page
from mmris.visualization.item_pictures import DrawnItem, draw_item

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmengine.config import Config

LOADERS = ("train", "val", "test")
PAGE = "index.html"


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description="Show items of a dataset after all transforms.", allow_abbrev=False
    )
    parser.add_argument("config", help="config file")
    parser.add_argument(
        "--split",
        default="train",
        metavar="NAME",
        help="train, val or test: the data of the config for that; any other, such as "
        "testB: this split as it is tested",
    )
    parser.add_argument(
        "--number", type=int, default=12, metavar="N", help="items, drawn at random"
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="of the choice and of the transforms"
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="new or empty folder; work_dirs/browse/<config name>_<split> if not given",
    )
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="replace what this program wrote to the folder before",
    )
    parser.add_argument(
        "--dataset",
        metavar="NAME",
        help="show another dataset: a file of configs/_base_/datasets without .py, or "
        "a path",
    )
    parser.add_argument(
        "--cfg-options",
        nargs="+",
        action=KeyValueAction,
        metavar="KEY=VALUE",
        help="change values of the config, such as train_dataloader.dataset.seed=3",
    )
    parser.add_argument(
        "--debug", action="store_true", help="show the traceback of every error"
    )
    return parser.parse_args(argv)


def prepare(args: argparse.Namespace) -> tuple[Config, str]:
    """The config with the options applied, and whose loader has the dataset."""
    if args.number < 1:
        raise ValueError(f"--number is {args.number}; give at least 1")
    if args.seed < 0:
        raise ValueError(f"--seed is {args.seed}; give 0 or more")
    cfg = load_config(args.config)
    if args.dataset is not None:
        switch_dataset(cfg, args.dataset)
    if args.cfg_options is not None:
        apply_overrides(cfg, args.cfg_options)
    loader = args.split
    if loader not in LOADERS:
        select_split(cfg, args.split)
        loader = "test"
    if cfg.get(f"{loader}_dataloader") is None:
        raise ValueError(f"--split {args.split}: the config has no {loader}_dataloader")
    check_config(cfg)
    return cfg, loader


def build_dataset(cfg: Config, loader: str, seed: int) -> Any:
    """The dataset with its transforms.

    Args:
        cfg: The config.
        loader: ``train``, ``val`` or ``test``.
        seed: Start of its random numbers.
    """
    section = cfg[f"{loader}_dataloader"].dataset
    for head in dataset_heads(section):
        if accepts_argument(head["type"], "seed"):
            head["seed"] = seed
    init_default_scope(cfg.get("default_scope", "mmris"))
    return DATASETS.build(section)


def check_folder(folder: Path, *, overwrite: bool) -> None:
    """Refuse a folder that holds something.

    Args:
        folder: The folder.
        overwrite: Whether what this program wrote before may go.

    Raises:
        FileExistsError: It is no folder, or holds something.
    """
    if folder.exists() and not folder.is_dir():
        raise FileExistsError(f"{folder} is a file; give a folder with --out")
    if not folder.is_dir() or not any(folder.iterdir()):
        return
    if not (folder / PAGE).is_file():
        raise FileExistsError(
            f"{folder} is not empty and was not written by this program; give another "
            "folder with --out"
        )
    if not overwrite:
        raise FileExistsError(
            f"{folder} holds items already; give another folder with --out, or "
            "--overwrite to replace them"
        )


def write_items(folder: Path, page: str, items: list[DrawnItem]) -> None:
    """Write page and pictures, in place of those from before.

    Args:
        folder: The folder, checked.
        page: The page.
        items: The items.
    """
    for path in folder.glob("item_*.png"):
        path.unlink()
    for item in items:
        image_id = re.sub(r"[^\w-]", "_", str(item.meta.get("image_id", "")))[:60]
        path = folder / f"item_{item.index:06d}_{image_id}.png"
        write_atomically(path, encode_png(item.picture))
    write_atomically(folder / PAGE, page.encode("utf-8"))


def facts_of(args: argparse.Namespace, dataset: Any, items: list[DrawnItem]) -> Any:
    """What stands at the top of the page.

    Args:
        args: The command line.
        dataset: The dataset.
        items: The items drawn.
    """
    sentences = [sentence for item in items for sentence in item.sentences]
    shares = [s.pixels / (s.size[0] * s.size[1]) for s in sentences if s.pixels]
    pipeline = getattr(getattr(dataset, "pipeline", None), "transforms", [])
    mirrored = sum(bool(item.meta.get("flip")) for item in items)
    facts = {
        "config": args.config,
        "dataset": type(dataset).__name__,
        "split": args.split,
        "items": f"{len(dataset)}, of which {len(items)} are shown (seed {args.seed})",
        "transforms": ", ".join(type(entry).__name__ for entry in pipeline),
        "sentences shown": len(sentences),
        "mirrored": f"{mirrored} of {len(items)}",
    }
    if shares:
        facts["pixels in a mask"] = (
            f"{100 * float(np.mean(shares)):.1f} percent on average"
        )
    return {name: value for name, value in facts.items() if value != ""}


def browse(args: argparse.Namespace) -> int:
    """Draw and write."""
    name = re.sub(r"[^\w+-]", "_", f"{Path(args.config).stem}_{args.split}")
    folder = args.out or Path("work_dirs") / "browse" / name
    check_folder(folder, overwrite=args.overwrite)
    cfg, loader = prepare(args)
    dataset = build_dataset(cfg, loader, args.seed)
    count = min(args.number, len(dataset))
    chosen = np.random.default_rng(args.seed).permutation(len(dataset))[:count]
    items = [draw_item(int(index), dataset[int(index)]) for index in sorted(chosen)]
    title = f"{name}: what the model is fed"
    write_items(folder, item_page(title, facts_of(args, dataset, items), items), items)
    print(f"{folder / PAGE}: {len(items)} of {len(dataset)} items")
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Browse; 2 if something is wrong."""
    args = parse_args(argv)
    return run_tool(lambda: browse(args), debug=args.debug)


if __name__ == "__main__":
    sys.exit(main())
