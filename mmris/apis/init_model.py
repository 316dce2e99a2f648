"""A model from a config, a checkpoint, or both."""

from __future__ import annotations

import copy
import logging
from typing import TYPE_CHECKING, Any

from mmengine.config import Config
from mmengine.logging import print_log
from mmengine.registry import init_default_scope

from mmris.models import RefSegmentor
from mmris.models.text_encoders.word_list_state import unpack_words
from mmris.registry import MODELS
from mmris.utils import check_fit, load_checkpoint_file
from mmris.utils.checkpoint_fit import state_of
from mmris.utils.config import load_config
from mmris.utils.quiet_log import quiet_log

from .stored_config import stored_config

if TYPE_CHECKING:
    from pathlib import Path

    import torch

_WORD_LIST = "text_encoder._extra_state"


def init_model(
    config: str | Path | Config | None = None,
    checkpoint: str | Path | None = None,
    device: str | torch.device = "cpu",
) -> RefSegmentor:
    """Build the model of a config, ready to predict.

    A checkpoint alone is enough: training stores its config in it. That one is read as
    plain values and may name registered parts only (:mod:`mmris.apis.stored_config`),
    while a config file is Python and is executed.

    With a checkpoint neither the dataset nor a word list is needed, and no pretrained
    weights are fetched.

    Args:
        config: A config, or the path of one; None takes that of the checkpoint.
        checkpoint: Path of a checkpoint written by training; None leaves the weights
            random, with a warning.
        device: Where the model shall live.

    Returns:
        The model in evaluation mode, with the config as attribute ``cfg``.

    Raises:
        FileNotFoundError: Config or checkpoint is not there.
        TypeError: The model is no RefSegmentor.
        ValueError: Neither is given; or the checkpoint is broken, belongs to another
            config, or carries none or an unsafe one where it is needed.

    Example:
        >>> model = init_model("configs/baseline/baseline_tiny_shapes.py")
        >>> model.training
        False
    """
    if config is None and checkpoint is None:
        raise ValueError(
            "neither config nor checkpoint is given; give the checkpoint that a "
            "training wrote, or a config, or both"
        )
    contents = None if checkpoint is None else load_checkpoint_file(checkpoint)
    if config is None:
        config = stored_config(contents or {}, str(checkpoint))
        model = _build_stored(config, contents or {}, str(checkpoint))
    else:
        if not isinstance(config, Config):
            config = _read_config(config)
        model = _build(config, contents or {})
    if not isinstance(model, RefSegmentor):
        raise TypeError(
            f"model.type is {type(model).__name__}; inference works with RefSegmentor "
            "and classes derived from it. Give the config of a method"
        )
    if contents is None or checkpoint is None:
        _init_weights(model)
        print_log(
            "no checkpoint given: the weights are random and the masks mean nothing",
            logger="current",
            level=logging.WARNING,
        )
    else:
        _load_state(model, contents, checkpoint)
    model.cfg = config
    model.to(device)
    model.eval()
    return model


def load_weights(model: torch.nn.Module, checkpoint: str | Path) -> None:
    """Load the weights and the vocabulary of a checkpoint into a model.

    Args:
        model: The model.
        checkpoint: Path of a checkpoint written by training.

    Raises:
        FileNotFoundError: It is not there.
        ValueError: It is broken or belongs to another config.
    """
    _load_state(model, load_checkpoint_file(checkpoint), checkpoint)


def _init_weights(model: RefSegmentor) -> None:
    """Initialise without the report on each parameter that training wants."""
    with quiet_log():
        model.init_weights()


def _read_config(path: str | Path) -> Config:
    try:
        return load_config(path)
    except (SyntaxError, UnicodeDecodeError) as error:
        raise ValueError(f"config {path} cannot be read: {error}") from error


def _build(config: Config, contents: dict[str, Any]) -> RefSegmentor:
    # The parts of other libraries look up their own parts by the default scope.
    init_default_scope(config.get("default_scope", "mmris"))
    model: RefSegmentor = MODELS.build(_model_config(config, contents))
    return model


def _build_stored(
    config: Config, contents: dict[str, Any], checkpoint: str
) -> RefSegmentor:
    try:
        return _build(config, contents)
    # Its author may have written anything, and the parts of other libraries check
    # little of what they are told.
    except Exception as error:
        raise ValueError(
            f"no model can be built from the config in checkpoint {checkpoint}: "
            f"{_one_line(error)} Give the config file that it was trained with "
            "(argument 'config')"
        ) from error


def _model_config(config: Config, contents: dict[str, Any]) -> dict[str, Any]:
    """The config of the model, less files that the checkpoint makes unnecessary."""
    if config.get("model") is None:
        raise ValueError(
            f"config {config.filename or ''} has no 'model'; give the config of a "
            "method, not one of configs/_base_"
        )
    model: dict[str, Any] = copy.deepcopy(config.model)
    encoder = model.get("text_encoder")
    if not isinstance(encoder, dict) or encoder.get("vocabulary") is None:
        return model
    stored = state_of(contents).get(_WORD_LIST)
    if stored is not None and not unpack_words(stored).is_empty:
        encoder["vocabulary"] = None
    return model


def _load_state(
    model: torch.nn.Module, contents: dict[str, Any], checkpoint: str | Path
) -> None:
    try:
        check_fit(model, contents, source=checkpoint)
        # Without the prefix that a wrapper for several GPUs gives to names.
        state = {
            name.removeprefix("module."): value
            for name, value in state_of(contents).items()
        }
        model.load_state_dict(state)
    # What is no state dict at all fails anywhere.
    except (RuntimeError, TypeError, AttributeError) as error:
        raise ValueError(
            f"checkpoint {checkpoint} does not fit this config: {_one_line(error)} "
            "Use the config that it was trained with"
        ) from error


def _one_line(error: Exception) -> str:
    # The list of all parameters that differ fills screens.
    reason = " ".join(str(error).split()) or type(error).__name__
    return f"{reason[:300]} ..." if len(reason) > 300 else f"{reason.rstrip('.')}."
