"""Configs, modules and pretrained weights of Hugging Face's language models."""

from __future__ import annotations

import copy
import difflib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .hugging_face_families import FAMILIES, EncoderFamily, family_of
from .hugging_face_source import is_folder, library_class, unavailable

if TYPE_CHECKING:
    from torch import nn
    from transformers import PretrainedConfig

CONFIG_KEY = "model.text_encoder.config"
PRETRAINED_KEY = "model.text_encoder.pretrained"


def read_config(
    config: dict[str, Any] | str | None, pretrained: str | None
) -> tuple[PretrainedConfig, EncoderFamily]:
    """Read the config of a language model.

    Args:
        config: Its values, ``model_type`` among them, or the path of a config.json.
        pretrained: A folder or a name on the hub, instead.

    Returns:
        The config, of CLIP that of its text part, and the kind of model.

    Raises:
        FileNotFoundError: No such file or folder.
        OSError: The hub does not give it.
        ValueError: Neither or both are given, or it is no language model that is
            supported.
    """
    if (config is None) == (pretrained is None):
        raise ValueError(
            f"{'neither' if config is None else 'both'} of {CONFIG_KEY} and "
            f"{PRETRAINED_KEY} given; set config for random weights, or pretrained for "
            "a folder or a name on the Hugging Face hub"
        )
    if pretrained is not None:
        result = _config_of(pretrained)
        source = pretrained
    elif isinstance(config, str):
        result = _made_of(_read_json(config), source=config)
        source = config
    else:
        result = _made_of(dict(config or {}), source=CONFIG_KEY, checked=True)
        source = CONFIG_KEY
    family = family_of(result.model_type, source=source)
    return getattr(result, "text_config", result), family


def build_model(
    config: PretrainedConfig, family: EncoderFamily, *, projected: bool
) -> tuple[nn.Module, nn.Module | None]:
    """Make the modules of a language model, with random weights.

    Args:
        config: Its config.
        family: What kind it is.
        projected: Whether the sentence is projected as CLIP does.

    Returns:
        The module that maps ids to features of tokens, and the projection, if any.

    Raises:
        ValueError: The config makes no model, or this kind has no projection.
    """
    if projected and family.projected_class is None:
        raise ValueError(
            f"model.text_encoder.projected is True, but {config.model_type!r} has no "
            "projection of the sentence, only CLIP has; set it to False"
        )
    model_class = library_class(
        family.projected_class if projected else family.model_class
    )
    try:
        # A copy, because T5 writes into its config.
        model = model_class(copy.deepcopy(config), **family.model_arguments)
    except (ValueError, TypeError, KeyError, RuntimeError, ZeroDivisionError) as error:
        raise ValueError(
            f"the config of {config.model_type!r} makes no model: {error}; correct "
            f"{CONFIG_KEY}"
        ) from error
    return family.core_of(model), model.text_projection if projected else None


def load_pretrained(
    core: nn.Module,
    projection: nn.Module | None,
    *,
    pretrained: str,
    family: EncoderFamily,
) -> None:
    """Give the modules of :func:`build_model` their pretrained weights.

    Args:
        core: The module that maps ids to features of tokens.
        projection: The projection of the sentence, if any.
        pretrained: A folder or a name on the hub.
        family: What kind of model it is.

    Raises:
        OSError: There are no weights, or the hub does not give them.
        ValueError: They do not fit, or some are missing.
    """
    model_class = library_class(
        family.model_class if projection is None else family.projected_class
    )
    local = is_folder(pretrained, key=PRETRAINED_KEY)
    try:
        loaded, report = model_class.from_pretrained(
            str(Path(pretrained).expanduser()) if local else pretrained,
            local_files_only=local,
            output_loading_info=True,
            **family.model_arguments,
        )
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        raise unavailable(
            pretrained, "weights that fit its config", key=PRETRAINED_KEY, error=error
        ) from error
    missing = sorted(report["missing_keys"])
    if missing:
        raise ValueError(
            f"the weights of {pretrained}, named by {PRETRAINED_KEY}, lack "
            f"{len(missing)} that the model has, {missing[0]} among them; name a "
            f"complete {model_class.__name__}"
        )
    # Copied, not taken over: the module keeps its dtype, whatever the file has.
    core.load_state_dict(family.core_of(loaded).state_dict())
    if projection is not None:
        projection.load_state_dict(loaded.text_projection.state_dict())


def _config_of(pretrained: str) -> PretrainedConfig:
    local = is_folder(pretrained, key=PRETRAINED_KEY)
    source = str(Path(pretrained).expanduser()) if local else pretrained
    try:
        config: PretrainedConfig = library_class("AutoConfig").from_pretrained(
            source, local_files_only=local
        )
    except Exception as error:  # transformers 5 has classes of its own for them
        raise unavailable(
            pretrained, "config.json of a model", key=PRETRAINED_KEY, error=error
        ) from error
    return config


def _read_json(path: str) -> dict[str, Any]:
    file = Path(path).expanduser()
    if not file.is_file():
        raise FileNotFoundError(
            f"{CONFIG_KEY} is {path}, and there is no such file; give the path of a "
            "config.json, or its values as a dict"
        )
    try:
        values = json.loads(file.read_bytes())
    except ValueError as error:
        raise ValueError(
            f"{path}, named by {CONFIG_KEY}, is not JSON ({error}); give the "
            "config.json of a model"
        ) from error
    if not isinstance(values, dict):
        raise ValueError(
            f"{path}, named by {CONFIG_KEY}, holds a {type(values).__name__}; give the "
            "config.json of a model"
        )
    return values


def _made_of(
    values: dict[str, Any], *, source: str, checked: bool = False
) -> PretrainedConfig:
    model_type = values.pop("model_type", None)
    if model_type is None:
        raise ValueError(
            f"{source} has no model_type; add one of {sorted(FAMILIES)} to it"
        )
    family_of(model_type, source=source)
    if checked:
        _check_keys(values, model_type)
    try:
        config: PretrainedConfig = library_class("AutoConfig").for_model(
            model_type, **values
        )
    except Exception as error:  # transformers 5 has classes of its own for them
        raise ValueError(
            f"{source} is no config of {model_type!r}: {error}; correct it"
        ) from error
    return config


def _check_keys(values: dict[str, Any], model_type: str) -> None:
    # transformers keeps what it does not know, and a misspelt key does nothing.
    default = library_class("AutoConfig").for_model(model_type)
    known = {*default.to_dict(), *default.attribute_map}
    for key in values:
        if key not in known:
            close = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else "remove it"
            raise ValueError(
                f"{CONFIG_KEY} has {key!r}, which {model_type!r} does not know; {hint}"
            )
