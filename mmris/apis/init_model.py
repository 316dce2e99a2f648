"""A model from a config and, usually, a checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mmengine.config import Config
from mmengine.logging import print_log
from mmengine.registry import init_default_scope

from mmris.registry import MODELS
from mmris.utils import load_checkpoint_file

if TYPE_CHECKING:
    import torch

    from mmris.models import RefSegmentor


def init_model(
    config: str | Path | Config,
    checkpoint: str | Path | None = None,
    device: str | torch.device = "cpu",
) -> RefSegmentor:
    """Build the model of a config, ready to predict.

    Args:
        config: A config, or the path of one.
        checkpoint: Path of a checkpoint written by training; None leaves the weights
            random, with a warning.
        device: Where the model shall live.

    Returns:
        The model in evaluation mode, with the config as attribute ``cfg``.

    Raises:
        FileNotFoundError: Config or checkpoint is not there.
        ValueError: The checkpoint is broken or belongs to another config.

    Example:
        >>> model = init_model("configs/baseline/baseline_tiny_shapes.py")
        >>> model.training
        False
    """
    if not isinstance(config, Config):
        if not Path(config).is_file():
            raise FileNotFoundError(f"no config at {config}")
        config = Config.fromfile(config)
    # The parts of other libraries look up their own parts by the default scope.
    init_default_scope(config.get("default_scope", "mmris"))
    model: RefSegmentor = MODELS.build(config.model)
    if checkpoint is None:
        model.init_weights()
        print_log(
            "no checkpoint given: the weights are random and the masks mean nothing",
            logger="current",
            level=30,
        )
    else:
        load_weights(model, checkpoint)
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
    contents = load_checkpoint_file(checkpoint)
    state = contents.get("state_dict", contents)
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise ValueError(
            f"checkpoint {checkpoint} does not fit this config: {error}. Use "
            "the config it was trained with; it stands in the work dir of the training"
        ) from error
