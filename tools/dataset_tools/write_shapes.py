"""Writes generated scenes to disk in the layout of REFER, as RefCOCO is published.

The files are::

    <out>/images/mscoco/images/train2014/COCO_train2014_<12 digits>.jpg
    <out>/shapes/instances.json
    <out>/shapes/refs(unc).p
    <out>/shapes/scenes.json       how the scenes were made

Every shape is an annotation with polygons that give back its mask exactly; references
point at those that sentences speak of. A sentence has its kind in the field ``kind``.
Read the folder with ``dict(type="ReferDataset", dataset="shapes", partition="unc",
data_root=<out>, split=...)``.

Example:
    python tools/dataset_tools/write_shapes.py data/scenes --num-train 4000
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from mmris.datasets.shapes.argument_checks import SPLITS
from mmris.datasets.shapes.refer_layout import write_refer_layout
from mmris.datasets.shapes_ref_dataset import DEFAULT_KIND_SHARES

if TYPE_CHECKING:
    from collections.abc import Sequence


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line.

    Args:
        arguments: The words after the program's name; None takes the real ones.
    """
    parser = argparse.ArgumentParser(
        description="Write generated scenes to disk in the layout of REFER.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("out", type=Path, help="folder to write, new or empty")
    for split, number in zip(SPLITS, (4000, 200, 200, 200), strict=True):
        parser.add_argument(
            f"--num-{split}", type=int, default=number, help=f"scenes of {split}, or 0"
        )
    parser.add_argument(
        "--image-size", type=int, nargs=2, default=[96, 96], metavar=("H", "W")
    )
    parser.add_argument("--expressions-per-scene", type=int, default=6)
    parser.add_argument(
        "--num-objects", type=int, nargs=2, default=[3, 7], metavar=("LOW", "HIGH")
    )
    parser.add_argument(
        "--kind-shares",
        nargs="+",
        default=[f"{kind}={share}" for kind, share in DEFAULT_KIND_SHARES.items()],
        metavar="KIND=SHARE",
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the scenes")
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="replace what this program wrote to the folder before",
    )
    args = parser.parse_args(arguments)
    args.error = parser.error
    return args


def read_shares(entries: Sequence[str]) -> dict[str, float]:
    """Read shares from the command line.

    Args:
        entries: ``kind=share`` each.

    Raises:
        ValueError: An entry has another form.
    """
    shares = {}
    for entry in entries:
        kind, _, share = entry.partition("=")
        try:
            shares[kind] = float(share)
        except ValueError:
            raise ValueError(
                f"--kind-shares has {entry!r}; write KIND=SHARE, such as attribute=0.4"
            ) from None
    return shares


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program.

    Args:
        arguments: The words after the program's name; None takes the real ones.
    """
    args = parse_args(arguments)
    try:
        counts = write_refer_layout(
            args.out,
            num_images={split: getattr(args, f"num_{split}") for split in SPLITS},
            options={
                "image_size": tuple(args.image_size),
                "expressions_per_scene": args.expressions_per_scene,
                "num_objects": tuple(args.num_objects),
                "kind_shares": read_shares(args.kind_shares),
                "scene_seed": args.seed,
            },
            overwrite=args.overwrite,
        )
    except (OSError, ValueError) as error:
        args.error(str(error))
    print(f"{args.out}: " + ", ".join(f"{n} {name}" for name, n in counts.items()))


if __name__ == "__main__":
    main()
