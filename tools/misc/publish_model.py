"""Publishes trained weights: ``python tools/misc/publish_model.py CHECKPOINT NAME``.

Makes ``weights/NAME.safetensors`` of a checkpoint that training wrote: the weights and
the words of the model and what of its config prediction needs, without the optimizer's
state, in a form that runs no code. Its place and checksum go into the metafile of the
method, from where ``mmris segment --model NAME`` and ``RefSegInferencer(model=NAME)``
know it, and into the method's README.

``--half`` stores matrices and kernels with 16 bits; ``--eight-bits`` beside it stores
the largest of them with 8 bits and a scale for each row, as many as needed. Both files
are then tested on the config's test data, and the small one is refused if a score
differs by more than 0.1, the last digit that is printed, or a precision by more than
0.5, which a few sentences at a threshold make.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from mmris.apis import RefSegInferencer
from mmris.apis.stored_config import stored_config
from mmris.cli.tool_files import load_tool
from mmris.utils import load_checkpoint_file
from mmris.utils.atomic_files import write_atomically
from mmris.utils.checkpoint_fit import state_of
from mmris.utils.config import PACKAGE_CONFIGS, load_config
from mmris.utils.config_overrides import KeyValueAction
from mmris.utils.model_index import read_model_index
from mmris.utils.tool_errors import run_tool
from mmris.utils.weight_archive import ENDING, in_8_bits, pack_weights
from mmris.utils.weight_entry import with_weights
from mmris.utils.weight_files import sha256_of
from mmris.version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mmris.utils.model_index import IndexedModel

MAX_BYTES = 5_000_000
# Room for names, shapes and config.
HEADER_BYTES = 128 * 1024
FOLDER = "weights"
# In percent: of means, and of precisions, by which a sentence counts or does not. Six
# sentences of 1200 make 0.5.
TOLERANCE = 0.1
PRECISION_TOLERANCE = 0.5


def make_parser() -> argparse.ArgumentParser:
    """The parser of the command line."""
    parser = argparse.ArgumentParser(
        description="Make a small, safe file of a checkpoint and enter it into the "
        "model index.",
        allow_abbrev=False,
    )
    parser.add_argument("checkpoint", help="checkpoint that training wrote")
    parser.add_argument("name", help="name of the model in the model index")
    parser.add_argument(
        "--half",
        action="store_true",
        help="store large tensors with 16 bits, if the scores stay the same",
    )
    parser.add_argument(
        "--eight-bits",
        action="store_true",
        help="with --half, store the largest tensors with 8 bits until the file is "
        "small enough, if the scores stay the same",
    )
    parser.add_argument(
        "--cfg-options",
        nargs="+",
        action=KeyValueAction,
        metavar="KEY=VALUE",
        help="with --half, change values of the config for the tests, such as "
        "test_dataloader.num_workers=0",
    )
    parser.add_argument(
        "--root",
        default=str(PACKAGE_CONFIGS.parent),
        metavar="FOLDER",
        help="folder with model-index.yml (%(default)s)",
    )
    parser.add_argument(
        "--debug", action="store_true", help="show the traceback of every error"
    )
    return parser


def publish(args: argparse.Namespace) -> int:
    """Write the file and the entry."""
    root = Path(args.root)
    model = model_of(args.name, root)
    contents = load_checkpoint_file(args.checkpoint)
    state = {
        name.removeprefix("module."): value
        for name, value in state_of(contents).items()
    }
    cfg = stored_config(contents, args.checkpoint).pretty_text
    meta = meta_of(contents, model, root)
    target = root / FOLDER / f"{args.name}{ENDING}"
    with tempfile.TemporaryDirectory() as temporary:
        draft = Path(temporary) / target.name
        draft.write_bytes(pack_weights(state, cfg=cfg, meta=meta))
        if args.half:
            full = scores_of(model.config, draft, args.cfg_options)
            small = half_of(state)
            if args.eight_bits:
                small = eight_bits_of(small, state)
            draft.write_bytes(pack_weights(small, cfg=cfg, meta=meta))
            check_size(draft, half=True)
            compare(full, scores_of(model.config, draft, args.cfg_options))
        check_size(draft, half=args.half)
        # Whoever uses it loads it like this.
        RefSegInferencer(checkpoint=draft, device="cpu")
        write_atomically(target, draft.read_bytes())
    sha256 = sha256_of(target)
    metafile = model.config.parent / "metafile.yml"
    text = metafile.read_text(encoding="utf-8")
    address = f"{FOLDER}/{target.name}"
    text = with_weights(text, args.name, address=address, sha256=sha256)
    write_atomically(metafile, text.encode())
    if root == PACKAGE_CONFIGS.parent:
        load_tool("misc/list_models").main(["--update-readmes"])
    print(f"wrote {target}, {target.stat().st_size / 1e6:.2f} MB, SHA-256 {sha256}")
    print(f"wrote {metafile}")
    return 0


def model_of(name: str, root: Path) -> IndexedModel:
    """The model that is published, with or without weights so far."""
    for model in read_model_index(root):
        if model.name == name:
            return model
    raise ValueError(
        f"the model index has no model {name!r}: give the name of a config, which "
        "'mmris models' lists, or add it to the metafile of its method"
    )


def meta_of(
    contents: Mapping[str, Any], model: IndexedModel, root: Path
) -> dict[str, Any]:
    """What is worth knowing of the weights."""
    config = os.path.relpath(model.config, root)
    iteration = (contents.get("meta") or {}).get("iter")
    commands = [result.command for result in model.results if result.command]
    return {
        "name": model.name,
        "iter": iteration if isinstance(iteration, int) else None,
        "command": commands[0] if commands else f"python tools/train.py {config}",
        "mmris": __version__,
    }


def half_of(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """A state dict with 16 bits where that saves something.

    Vectors, such as the statistics of norms, keep all bits.
    """
    halved = {}
    for name, value in state.items():
        is_large = value.is_floating_point() and value.ndim > 1
        halved[name] = value.half() if is_large else value
        if is_large and not halved[name].isfinite().all():
            raise ValueError(
                f"{name} has values up to {value.abs().max():.3g}, too large for 16 "
                "bits; publish without --half"
            )
    return halved


def eight_bits_of(
    halved: Mapping[str, torch.Tensor], state: Mapping[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    """A state dict with 8 bits for the largest tensors, until it is small enough."""
    small = dict(halved)
    largest = sorted(
        (name for name, value in halved.items() if value.dtype == torch.half),
        key=lambda name: (-halved[name].numel(), name),
    )
    for name in largest:
        size = sum(value.numel() * value.element_size() for value in small.values())
        if size <= MAX_BYTES - HEADER_BYTES:
            break
        small.update(in_8_bits(name, state[name]))
    return small


def scores_of(
    config: Path, weights: Path, options: Mapping[str, Any] | None
) -> dict[str, float]:
    """The scores of weights by tools/test.py."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "scores.json"
        cfg = load_config(config)
        cfg.merge_from_dict(dict(options or {}))
        cfg.dump(str(Path(folder) / config.name))
        words = [str(Path(folder) / config.name), str(weights), "--work-dir", folder]
        if load_tool("test").main([*words, "--metrics", str(file)]):
            raise ValueError(f"testing {weights} failed; see above")
        report = json.loads(file.read_text(encoding="utf-8"))
    return {name: float(value) for name, value in report["metrics"].items()}


def compare(full: Mapping[str, float], half: Mapping[str, float]) -> None:
    """Refuse weights of fewer bits that score otherwise."""
    for name, value in full.items():
        tolerance = PRECISION_TOLERANCE if name.startswith("Prec@") else TOLERANCE
        if abs(value - half[name]) > tolerance:
            raise ValueError(
                f"with fewer bits {name} is {half[name]:.2f}, not {value:.2f}; publish "
                "without --half, or make the model smaller"
            )


def check_size(file: Path, *, half: bool) -> None:
    """Refuse a file that is too large for the repository."""
    size = file.stat().st_size
    if size > MAX_BYTES:
        remedy = ", or store fewer bits with --half, and with --eight-bits"
        remedy = "" if half else remedy
        raise ValueError(
            f"the weights have {size / 1e6:.2f} MB, more than the "
            f"{MAX_BYTES / 1e6:.0f} MB that a repository can carry; make the model "
            f"smaller{remedy}"
        )


def main(argv: Sequence[str] | None = None) -> int:
    """Publish; 2 if something is wrong."""
    args = make_parser().parse_args(argv)
    return run_tool(lambda: publish(args), debug=args.debug)


if __name__ == "__main__":
    sys.exit(main())
