"""Completes and checks the config of a decode head of MMSegmentation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmris.structures import FusedSpec

# Those that tests train and run; none needs compiled operators. The value says whether
# the head always reads several levels.
SUPPORTED_HEADS: dict[str, bool] = {
    "ASPPHead": False,
    "DepthwiseSeparableASPPHead": False,
    "DepthwiseSeparableFCNHead": False,
    "FCNHead": False,
    "FPNHead": True,
    "OCRHead": False,
    "PSPHead": False,
    "SegformerHead": True,
    "UPerHead": True,
}

# With avg_non_ignore the mean is over all pixels, none of which is ignored, and mmseg
# does not warn.
_LOSS = {"type": "CrossEntropyLoss", "use_sigmoid": True, "avg_non_ignore": True}


def complete_head_config(
    config: dict[str, Any], in_features: FusedSpec, *, key: str, use_head_loss: bool
) -> dict[str, Any]:
    """Fill in what the neck decides and what a mask of one class needs.

    Args:
        config: What the user wrote.
        in_features: What the neck gives.
        key: Where it stands below ``model.decode_head``, for messages.
        use_head_loss: Whether the head's own loss is used.

    Returns:
        A config that builds the head; ``in_index`` is explicit and not negative.

    Raises:
        ValueError: The head is not supported, or an option does not fit.
    """
    where = f"model.decode_head.{key}"
    if not isinstance(config, dict):
        raise ValueError(
            f"{where} is {config!r}; give the config of a head of mmseg, such as "
            "dict(type='FCNHead', channels=...)"
        )
    kind = str(config.get("type")).removeprefix("mmseg.")
    if kind not in SUPPORTED_HEADS:
        raise ValueError(
            f"{where}.type is {config.get('type')!r}; supported heads of mmseg are "
            f"{', '.join(SUPPORTED_HEADS)}"
        )
    for name in ("num_classes", "out_channels", "threshold"):
        if name in config:
            raise ValueError(
                f"{where}.{name} is given, but a mask has one class and one logit, and "
                "its threshold is model.test_cfg.threshold; leave it out"
            )
    _check_sampler(config.get("sampler"), where, use_head_loss)
    index = _level_index(config, SUPPORTED_HEADS[kind], in_features, where)
    complete = {
        **config,
        "type": f"mmseg.{kind}",
        # Without it the head's nested defaults are looked for in mmris's scope.
        "_scope_": "mmseg",
        "in_index": index,
        "num_classes": 2,
        "out_channels": 1,
        # Never read, model.test_cfg.threshold decides; mmseg would choose 0.3.
        "threshold": 0.5,
        "loss_decode": _loss(config.get("loss_decode"), where, use_head_loss),
    }
    _fill(complete, "in_channels", _pick(in_features.channels, index), where)
    if kind == "FPNHead":
        strides = [level.stride for level in in_features.levels]
        _fill(complete, "feature_strides", _pick(strides, index), where)
    if kind == "DepthwiseSeparableASPPHead":
        _fill(complete, "c1_in_channels", in_features.channels[0], where)
    return complete


def _level_index(
    config: dict[str, Any], reads_several: bool, in_features: FusedSpec, where: str
) -> int | list[int]:
    """The levels that the head reads: a number, or a list for several."""
    transform = config.get("input_transform")
    if transform not in (None, "resize_concat") or (reads_several and transform):
        raise ValueError(
            f"{where}.input_transform is {transform!r}; leave it out, or say "
            "'resize_concat' for a head that reads one map, to give it several levels"
        )
    several = reads_several or transform is not None
    number = len(in_features.levels)
    index = config.get("in_index", list(range(number)) if several else number - 1)
    is_list = isinstance(index, (list, tuple)) and len(index) > 0
    if not (is_list if several else isinstance(index, int)):
        wanted = (
            "a list of levels"
            if several
            else "one level, or set input_transform='resize_concat'"
        )
        raise ValueError(f"{where}.in_index is {index!r}; give {wanted}")
    levels = list(index) if is_list else [index]
    if any(not -number <= level < number for level in levels):
        raise ValueError(
            f"{where}.in_index is {index!r}, but model.neck gives {number} levels; "
            f"choose among 0 to {number - 1}"
        )
    positive = [level % number for level in levels]
    return positive if several else positive[0]


def _pick(values: Sequence[int], index: int | list[int]) -> int | list[int]:
    if isinstance(index, int):
        return values[index]
    return [values[level] for level in index]


def _fill(
    config: dict[str, Any], name: str, value: int | list[int], where: str
) -> None:
    given = config.get(name, value)
    given = list(given) if isinstance(given, tuple) else given
    if given != value:
        raise ValueError(
            f"{where}.{name} is {given}, but the levels that it reads have {value}; "
            "leave it out"
        )
    config[name] = value


def _loss(config: Any, where: str, use_head_loss: bool) -> dict[str, Any]:
    if config is None:
        return dict(_LOSS)
    if not use_head_loss:
        raise ValueError(
            f"{where}.loss_decode is given and not used; set "
            "model.decode_head.use_head_loss=True, or move it to model.losses"
        )
    kind = config.get("type") if isinstance(config, dict) else config
    if kind not in ("CrossEntropyLoss", "mmseg.CrossEntropyLoss") or not config.get(
        "use_sigmoid"
    ):
        raise ValueError(
            f"{where}.loss_decode is {config}; with one logit mmseg's heads learn by "
            "CrossEntropyLoss with use_sigmoid=True only (softmax over one logit is "
            "always 1, DiceLoss would take the background for the object). Any other "
            "loss stands in model.losses, in a MaskLoss"
        )
    if not str(config.get("loss_name", "loss_ce")).startswith("loss"):
        raise ValueError(
            f"{where}.loss_decode.loss_name is {config['loss_name']!r}; it must start "
            "with 'loss' to count in training"
        )
    return {**_LOSS, **config}


def _check_sampler(config: dict[str, Any] | None, where: str, used: bool) -> None:
    if config is not None and not used:
        raise ValueError(
            f"{where}.sampler is given and not used: it picks pixels for the head's "
            "own loss; set model.decode_head.use_head_loss=True, or leave it out"
        )
    if config is not None and config.get("thresh") is not None:
        raise ValueError(
            f"{where}.sampler.thresh is {config['thresh']}: mmseg's sampler compares "
            "it with a softmax over classes, and there is one logit; leave it out, "
            "min_kept alone keeps the pixels of the largest loss"
        )
