"""Builds the parts of a model by config, and says under which key one does not fit.

A part is known by what its place uses of it, not by its base class: whatever takes what
the place hands it and has what the place reads will do. What does not, another
library's head or loss for one, would fail much later, in words that name no key.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from mmris.registry import MODELS, TASK_UTILS
from mmris.utils.config_types import arguments_of, find_type, suggest_type

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mmengine.registry import Registry

_MMSEG_HEADS = "mmseg.models.decode_heads"
# What building raises where a value is wrong. Files and networks have errors of their
# own, which say what is missing.
_WRONG_VALUES = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)


@dataclass(frozen=True)
class PartKind:
    """What a place of a model wants of the part that stands there.

    Attributes:
        name: What such a part is called, with its article.
        remedy: What to do instead, for messages; ``{type}`` stands for the type that
            was given.
        methods: Methods that the place calls.
        attributes: Further attributes that the place reads of the built part.
        registry: Where such parts are registered.
    """

    name: str
    remedy: str
    methods: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()
    registry: Registry = MODELS

    def remedy_for(self, kind: Any = "...") -> str:
        """What to do instead.

        Args:
            kind: The type that was given.
        """
        return self.remedy.format(type=repr(kind))


_TABLES = "docs/en/combinations.md lists them"

DATA_PREPROCESSOR = PartKind(
    "a data preprocessor of expressions",
    "give dict(type='RefSegDataPreprocessor', mean=..., std=...), the mean and "
    "standard deviation, on the scale 0 to 255, with which the backbone was trained",
    methods=("restore_pictures",),
)
TEXT_ENCODER = PartKind(
    "a text encoder",
    f"choose LSTMTextEncoder, HuggingFaceTextEncoder or another one; {_TABLES}",
    attributes=("spec",),
)
BACKBONE = PartKind(
    "a backbone", "choose one of mmseg or mmpretrain, such as mmseg.ResNetV1c"
)
FUSION_NECK = PartKind(
    "a fusion neck",
    "choose DecoderFusion or another one that brings the words into the levels; "
    f"{_TABLES}",
    methods=("encode", "decode"),
    attributes=("spec",),
)
FUSION_BLOCK = PartKind(
    "a fusion block",
    f"choose ConcatBlock or another one; {_TABLES}",
    methods=("project", "fuse"),
    attributes=("out_channels",),
)
REINJECTION = PartKind("a reinjection", f"choose UnitReinjection; {_TABLES}")
CO_ATTENTION = PartKind(
    "a co-attention",
    f"choose AsymmetricCoAttention or VanillaCoAttention; {_TABLES}",
    attributes=("out_channels",),
)
DECODE_HEAD = PartKind(
    "a decode head of mmris",
    "choose MultiLevelDecodeHead or another one, or put a head of mmseg into "
    "dict(type='MMSegDecodeHead', head=dict(type={type}, ...))",
    methods=("own_losses",),
    attributes=("aux_names", "has_own_losses"),
)
LEVEL_EXCHANGE = PartKind(
    "an exchange between levels",
    f"choose GatedExchange or another one, or None; {_TABLES}",
    attributes=("spec",),
)
LEVEL_AGGREGATION = PartKind(
    "an aggregation of levels",
    f"choose SumAggregation or another one; {_TABLES}",
    attributes=("out_channels",),
)
MASK_DECODER = PartKind(
    "a mask decoder", f"choose ConvMaskDecoder or another one; {_TABLES}"
)
CASCADE_PART = PartKind(
    "a part of the cascade",
    "choose LongShortRangeAttention as first_map, ProgressiveAlignmentNetwork as "
    "alignment, or None",
)
OUTPUT_LOSS = PartKind(
    "a loss on named outputs of the head",
    "a loss on logits and masks goes into MaskLoss: dict(type='MaskLoss', "
    "name='loss_mask', loss=dict(type={type}, ...))",
    attributes=("reads",),
)
POST_PROCESSING = PartKind(
    "a refinement of logits by the picture",
    "choose DenseCRFPostProcessing, or None",
    methods=("__call__",),
    registry=TASK_UTILS,
)
TENSOR_LOSS = PartKind(
    "a loss on logits and masks",
    "choose BinaryCrossEntropyLoss, or mmseg.DiceLoss with use_sigmoid=True",
)


def find_part(key: str, config: Any, kind: PartKind) -> Callable[..., Any]:
    """The class that a config names.

    Args:
        key: Dotted key of the config.
        config: What stands there.
        kind: What is wanted.

    Returns:
        The class, or a function that builds.

    Raises:
        ValueError: There is no config, or its type names nothing.
    """
    if not isinstance(config, dict):
        raise ValueError(
            f"{key} is {config!r}, not the config of {kind.name}; {kind.remedy_for()}"
        )
    if "type" not in config:
        raise ValueError(
            f"{key} has no type, only {', '.join(map(str, config)) or 'nothing'}; "
            f"{kind.remedy_for()}"
        )
    name = config["type"]
    with kind.registry.switch_scope_and_registry(config.get("_scope_")) as registry:
        scope = registry.scope
    target = find_type(name, kind.registry.parent, scope)
    if target is None:
        raise ValueError(
            f"{key}.type is {name!r}, which is no registered {kind.registry.name}; "
            f"{suggest_type(name, kind.registry.parent, scope)}"
        )
    return cast("Callable[..., Any]", target)


def build_part(
    key: str,
    config: Any,
    kind: PartKind,
    given: Mapping[str, Any] | None = None,
) -> Any:
    """Build a part, once it is known to be of the kind that is wanted.

    Args:
        key: Dotted key of the config.
        config: What stands there.
        kind: What is wanted.
        given: Arguments that come from its place in the model.

    Returns:
        The part.

    Raises:
        ValueError: It is of another kind, or a value in its config is wrong. The
            message names the key.
    """
    given = given or {}
    target = find_part(key, config, kind)
    name = getattr(target, "__name__", str(target))
    _refuse_misfit(f"{key} is {name}", config, _faults(target, kind, given), kind)
    part = build_at(key, config, given, registry=kind.registry)
    wanted = (*kind.methods, *kind.attributes)
    lacking = [f"has no {wish}" for wish in wanted if not hasattr(part, wish)]
    _refuse_misfit(f"{key} is {name}", config, lacking, kind)
    return part


def build_at(
    key: str,
    config: dict[str, Any],
    given: Mapping[str, Any] | None = None,
    *,
    registry: Registry = MODELS,
) -> Any:
    """Build whatever a config names.

    Args:
        key: Dotted key of the config.
        config: With a type that is registered.
        given: Arguments that come from its place in the model.
        registry: Where its type is registered.

    Returns:
        The part.

    Raises:
        ValueError: A value in the config is wrong. The message names the key.
    """
    try:
        return registry.build({**config, **(given or {})})
    except _WRONG_VALUES as error:
        if "model." in str(error):  # it names the key already
            raise
        sort = "" if type(error) is ValueError else f"{type(error).__name__}: "
        said = error.args[0] if isinstance(error, KeyError) and error.args else error
        values = ", ".join(
            f"{name}={value!r}"
            for name, value in config.items()
            if isinstance(value, int | float | str | list | tuple | None)
        )
        raise ValueError(
            f"{key} cannot be built: {sort}{said}. Check the values in its config: "
            f"{values}"
        ) from error


def _faults(
    target: Callable[..., Any], kind: PartKind, given: Mapping[str, Any]
) -> list[str]:
    """What can be seen of a class before it is built."""
    if not inspect.isclass(target):
        return []
    faults = [f"has no {name}" for name in kind.methods if not hasattr(target, name)]
    known = arguments_of(target)
    if not known.takes_any:
        faults += [f"takes no {name}" for name in given if name not in known.names]
    if any(base.__module__.startswith(_MMSEG_HEADS) for base in target.__mro__):
        faults = ["is a decode head of mmseg"]
    return faults


def _refuse_misfit(
    what: str, config: dict[str, Any], faults: list[str], kind: PartKind
) -> None:
    if faults:
        raise ValueError(
            f"{what}, which is not {kind.name}: it {' and '.join(faults)}. "
            f"Instead, {kind.remedy_for(config['type'])}"
        )
