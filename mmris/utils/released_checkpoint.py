"""What the converters of the systems' released checkpoints share."""

from __future__ import annotations

import argparse
import io
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from mmengine.registry import init_default_scope

from mmris.models import WordTextEncoder
from mmris.registry import MODELS

from .atomic_files import write_atomically
from .checkpoint import load_checkpoint_file
from .checkpoint_fit import CheckpointFit, compare, state_of
from .config_overrides import KeyValueAction
from .quiet_log import quiet_log

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mmengine.config import Config
    from torch import Tensor, nn

# Words of a text encoder, which no release keeps in its checkpoints.
WORDS = ("text_encoder.embedding.weight", "text_encoder._extra_state")


def released_parser(description: str) -> argparse.ArgumentParser:
    """A parser for config, checkpoint and result.

    Args:
        description: What the converter does.
    """
    parser = argparse.ArgumentParser(description=description, allow_abbrev=False)
    parser.add_argument("config", help="config of the system")
    parser.add_argument("checkpoint", type=Path, help="checkpoint of the release")
    parser.add_argument("out", type=Path, help="checkpoint of mmris to write")
    parser.add_argument(
        "--cfg-options",
        nargs="+",
        action=KeyValueAction,
        metavar="KEY=VALUE",
        help="change values of the config, such as model.text_encoder.vocabulary=FILE",
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace OUT if it is there"
    )
    parser.add_argument(
        "--trust-checkpoint",
        action="store_true",
        help="read the checkpoints even if that runs code that is in them",
    )
    parser.add_argument(
        "--debug", action="store_true", help="show the traceback of every error"
    )
    return parser


def parse_released(
    parser: argparse.ArgumentParser, arguments: Sequence[str] | None
) -> argparse.Namespace:
    """Read the command line; ends the program where the result is there already.

    Args:
        parser: Of :func:`released_parser`.
        arguments: The words after the program's name; None takes the real ones.
    """
    args = parser.parse_args(arguments)
    if args.out.exists() and not args.overwrite:
        parser.error(f"{args.out} is there already; name another, or say --overwrite")
    return args


def build_bare_model(cfg: Config) -> nn.Module:
    """The model, with words if the config names them, else without weights.

    Args:
        cfg: Its config; the backbone's own weights are not fetched.
    """
    init_default_scope(cfg.get("default_scope", "mmris"))
    cfg.model.backbone.init_cfg = None
    model: nn.Module = MODELS.build(cfg.model)
    encoder: Any = model.text_encoder
    with quiet_log():
        encoder.init_weights()  # reads the vectors of the words
    return model


def has_words(model: nn.Module) -> bool:
    """Whether a model knows words.

    Args:
        model: With a text encoder.
    """
    encoder = model.text_encoder
    return isinstance(encoder, WordTextEncoder) and not encoder.vocabulary.is_empty


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a checkpoint.

    Args:
        path: Its file.

    Raises:
        ValueError: It has none.
    """
    contents = state_of(load_checkpoint_file(path))
    found = {name: value for name, value in contents.items() if torch.is_tensor(value)}
    if not found:
        raise ValueError(
            f"{path} has no tensors, neither at its top nor under state_dict; give a "
            "checkpoint"
        )
    return found


def renamed(name: str, *tables: Sequence[tuple[str, str]]) -> str:
    """A name after one rule of each table, if one fits.

    Args:
        name: Of a weight.
        tables: Patterns, each with what takes its place; the first that fits counts.
    """
    for rules in tables:
        for pattern, replacement in rules:
            if re.match(pattern, name):
                name = re.sub(f"^{pattern}", replacement, name)
                break
    return name


def check_fit(
    model: nn.Module,
    state: dict[str, Tensor],
    *,
    elsewhere: Iterable[str] = WORDS,
    system: str,
    remedy: str,
) -> None:
    """Make sure that a model gets all its weights, in the shapes that it has.

    Args:
        model: The model.
        state: What was converted, by the model's names.
        elsewhere: Beginnings of names that may be missing.
        system: Whose weights they are.
        remedy: What to do about it.

    Raises:
        ValueError: Some are missing or of another shape.
    """
    fit = compare(model, state)
    allowed = tuple(elsewhere)
    lacking = tuple(name for name in fit.missing if not name.startswith(allowed))
    if lacking or fit.reshaped:
        wrong = CheckpointFit(fit.total, lacking, (), fit.reshaped)
        raise ValueError(
            f"the weights of {system} are not those of this model: "
            f"{wrong.differences()}. {remedy}"
        )


def write_converted(path: Path, layout: str, state: dict[str, Tensor]) -> None:
    """Write a checkpoint.

    Args:
        path: Its file.
        layout: Whose names the weights had.
        state: The weights.
    """
    content = io.BytesIO()
    torch.save({"meta": {"layout": layout}, "state_dict": state}, content)
    write_atomically(path, content.getvalue())
