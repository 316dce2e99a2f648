"""Says whether the weights of a checkpoint are those of a model.

MMEngine loads what fits by name and size and logs the rest, so that the weights of
another model, or none at all, would be trained, tested and believed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from torch import nn

# Below this share of the model's weights a file is taken for a wrong one.
LEAST_SHARE = 0.5
_NAMED = 3
# Old checkpoints lack it, and only momentum of None reads it.
_OPTIONAL = "num_batches_tracked"
_WORD_TABLE = "text_encoder.embedding.weight"


@dataclass(frozen=True)
class CheckpointFit:
    """How the weights of a checkpoint compare with those of a model.

    Attributes:
        total: Weights of the model.
        missing: Names that only the model has.
        unexpected: Names that only the checkpoint has.
        reshaped: Names that both have, with the shapes in checkpoint and model.
    """

    total: int
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    reshaped: Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]]

    @property
    def matched(self) -> int:
        """Weights of the model that the checkpoint has at the same size."""
        return self.total - len(self.missing) - len(self.reshaped)

    @property
    def is_exact(self) -> bool:
        """Whether nothing is missing, unexpected or of another shape."""
        return not (self.missing or self.unexpected or self.reshaped)

    def differences(self) -> str:
        """The differences in words, the first names of each kind and their number."""
        shapes = [
            f"{name} {theirs} there, {ours} here"
            for name, (theirs, ours) in self.reshaped.items()
        ]
        parts = (
            _list("missing from the checkpoint", self.missing),
            _list("unknown to the model", self.unexpected),
            _list("of another shape", shapes),
        )
        return "; ".join(part for part in parts if part)


def _list(what: str, names: Sequence[str]) -> str:
    if not names:
        return ""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{len(names)} {what} ({', '.join(names[:_NAMED])}{more})"


def compare(model: nn.Module, state: Mapping[str, Any]) -> CheckpointFit:
    """Compare the weights of a checkpoint with those of a model.

    Args:
        model: The model.
        state: State dict of the checkpoint; names may begin with ``module.``, as those
            of models that were wrapped for several GPUs do.
    """
    theirs = {name.removeprefix("module."): value for name, value in state.items()}
    ours = model.state_dict()
    counted = [
        name for name in ours if not (name.endswith(_OPTIONAL) and name not in theirs)
    ]
    # Other entries, such as word lists, are compared by who reads them.
    reshaped = {
        name: (tuple(theirs[name].shape), tuple(ours[name].shape))
        for name in counted
        if isinstance(ours[name], Tensor)
        and isinstance(theirs.get(name), Tensor)
        and not name.endswith("_extra_state")
        and theirs[name].shape != ours[name].shape
    }
    return CheckpointFit(
        total=len(counted),
        missing=tuple(name for name in counted if name not in theirs),
        unexpected=tuple(name for name in theirs if name not in ours),
        reshaped=reshaped,
    )


def check_fit(
    model: nn.Module, checkpoint: Mapping[str, Any], *, source: str | Path
) -> None:
    """Refuse a checkpoint that is not exactly that of a model.

    Args:
        model: The model.
        checkpoint: The checkpoint, or its state dict.
        source: Where it comes from, for the message.

    Raises:
        ValueError: Weights are missing, unknown or of another shape.
    """
    fit = compare(model, state_of(checkpoint))
    if fit.is_exact:
        return
    if _WORD_TABLE in fit.reshaped:
        rows = fit.reshaped[_WORD_TABLE][0][0]
        remedy = (
            "It was trained with another vocabulary or another width of words: set "
            f"model.text_encoder.num_embeddings to {rows}, or use"
        )
    else:
        remedy = "Use"
    raise ValueError(
        f"checkpoint {source} does not fit this config: {fit.differences()}. {remedy} "
        "the config that it was trained with; training leaves it in its work dir"
    )


def check_start(
    model: nn.Module, checkpoint: Mapping[str, Any], *, source: str | Path
) -> str:
    """Refuse a checkpoint that has too little of what a model to fine-tune needs.

    Args:
        model: The model.
        checkpoint: The checkpoint, or its state dict.
        source: Where it comes from, for the message.

    Returns:
        A sentence that says what was found, for the log.

    Raises:
        ValueError: Less than half of the model's weights is there.
    """
    fit = compare(model, state_of(checkpoint))
    found = f"{fit.matched} of the {fit.total} weights of the model"
    if fit.matched < LEAST_SHARE * fit.total or fit.total == 0:
        raise ValueError(
            f"checkpoint {source} has only {found}: {fit.differences()}. Give the "
            "checkpoint of a model like this one to --load-from; to start a part from "
            "other weights, set init_cfg=dict(type='Pretrained', checkpoint=..., "
            "prefix=...) of that part"
        )
    rest = f"; the others start anew: {fit.differences()}" if not fit.is_exact else ""
    return f"{source} has {found}{rest}."


def state_of(checkpoint: Mapping[str, Any]) -> Mapping[str, Any]:
    """The state dict in a checkpoint, which may be one itself.

    Args:
        checkpoint: What a file holds.

    Raises:
        ValueError: Its ``state_dict`` is none.
    """
    state = checkpoint.get("state_dict", checkpoint)
    if not hasattr(state, "items"):
        raise ValueError(
            f"the state_dict of the checkpoint is a {type(state).__name__}, not a dict "
            "of weights; give a file written by training"
        )
    return dict(state)
