"""All combinations of parts, made from the registry.

A model is a row: a value for each factor. :func:`config_of` makes its config, of the
smallest configs of tests/parts.py. Which pairs are refused stands in tests/refused.py.
"""

from __future__ import annotations

import copy
import dataclasses
import functools
import itertools
from unittest import mock

from mmris.models.backbones import read_levels, read_stage_levels
from mmris.models.necks import encoder_fusion
from mmris.registry import MODELS
from tests import parts
from tests.pairwise import Row, Setting, covering_rows
from tests.refused import NEED_ONE_WIDTH, REFUSED

NONE, ABSENT = "none", "-"
# Necks that place a block.
PLACEMENTS = ("DecoderFusion", "EncoderFusion")
# The one head that has the slots below.
SLOTTED = "MultiLevelDecodeHead"
SLOTS = ("aggregation", "mask_decoder", "exchange")
WIDTH = 8
_STAGE_LEVELS = {}
CNN, TRANSFORMER = "mmseg.ResNetV1c", "mmseg.SwinTransformer"
DEFAULTS = {
    "neck": "DecoderFusion",
    "block": "ConcatBlock",
    "reinjection": NONE,
    "head": SLOTTED,
    "aggregation": "FPNAggregation",
    "mask_decoder": "ConvMaskDecoder",
    "exchange": NONE,
    "text_encoder": "EmbeddingTextEncoder",
    "backbone": CNN,
}


def _blocks():
    for block in parts.block_names():
        placed = parts.co_attention_names() if block == "CoAttentionBlock" else []
        yield from [f"{block}+{name}" for name in placed] or [block]


def _heads():
    for head in parts.head_names():
        placed = parts.MMSEG_HEADS if head == "MMSegDecodeHead" else []
        yield from [f"{head}+{name}" for name in placed] or [head]


@functools.cache
def factors():
    """Values by factor. What stands behind a plus sign is placed in what is before."""
    return {
        "neck": parts.neck_names(),
        "block": [*_blocks(), ABSENT],
        "reinjection": [NONE, *parts.reinjection_names()],
        "head": list(_heads()),
        "aggregation": [*parts.aggregation_names(), ABSENT],
        "mask_decoder": [*parts.mask_decoder_names(), ABSENT],
        "exchange": [NONE, *parts.exchange_names(), ABSENT],
        "text_encoder": parts.text_encoder_names(),
        "backbone": sorted(parts.BACKBONES),
    }


def row_of(**changes):
    """A row that differs from a plain model in some factors."""
    row = DEFAULTS | changes
    if row["head"] != SLOTTED:
        row |= dict.fromkeys(SLOTS, ABSENT)
    if row["neck"] not in PLACEMENTS:
        row |= {"block": ABSENT, "reinjection": NONE}
    return row


def name_of(row):
    return "-".join(value for value in row.values() if value not in (NONE, ABSENT))


def outer(value):
    """What is registered under the name before the plus sign."""
    return value.partition("+")[0]


def cannot_be_said(one: Setting, other: Setting) -> bool:
    """Whether a config has no place for one of two settings beside the other."""
    settings = {one.factor: one.value, other.factor: other.value}
    absent = {name for name in settings if settings[name] == ABSENT}
    if settings.keys() <= set(SLOTS):
        return len(absent) == 1
    if settings.keys() & set(SLOTS) and "head" in settings:
        return (settings["head"] == SLOTTED) == bool(absent)
    if "neck" not in settings:
        return "block" in absent and settings.get("reinjection", NONE) != NONE
    places = settings["neck"] in PLACEMENTS
    if "block" in settings:
        return places == bool(absent)
    return not places and settings.get("reinjection", NONE) != NONE


def refusal(row):
    """What the message has to say if the row is refused, else None."""
    values = set(map(outer, row.values()))
    return next((why for pair, why in REFUSED.items() if values >= set(pair)), None)


def _conflict(one, other):
    pair = frozenset((outer(one.value), outer(other.value)))
    return cannot_be_said(one, other) or pair in map(frozenset, REFUSED)


@functools.cache
def sample():
    """Few rows with every two parts that can stand in one model."""
    return covering_rows(factors(), _conflict)


@functools.cache
def everything():
    """All rows of the full run, by neck, block and backbone.

    On a CNN and on a transformer: every neck with every head and every text encoder;
    every block in both places with every head, with every text encoder and with every
    re-injection. On the CNN also every neck with every exchange and every aggregation,
    and every exchange, aggregation and mask decoder together.
    """
    values = factors()
    groups = {}
    for neck, backbone in itertools.product(values["neck"], values["backbone"]):
        for block in values["block"] if neck in PLACEMENTS else [ABSENT]:
            if neck in PLACEMENTS and block == ABSENT:
                continue
            own = {"neck": neck, "block": block, "backbone": backbone}
            rows = [row_of(**own, **change) for change in _changes(**own)]
            name = "-".join(own.values())
            groups[name] = list({name_of(row): row for row in rows}.values())
    return groups


def _changes(*, neck, block, backbone):
    """What is combined with a neck and its block."""
    if backbone not in (CNN, TRANSFORMER):
        yield {}
        return
    is_main = block in (DEFAULTS["block"], ABSENT)
    pairs = itertools.product(factors()["head"], factors()["text_encoder"])
    for head, text_encoder in pairs:
        plain = DEFAULTS["head"], DEFAULTS["text_encoder"]
        if is_main or head == plain[0] or text_encoder == plain[1]:
            yield {"head": head, "text_encoder": text_encoder}
    if block != ABSENT:
        yield from ({"reinjection": name} for name in factors()["reinjection"])
    if not is_main or backbone != CNN:
        return
    fillings = [
        [value for value in factors()[slot] if value != ABSENT] for slot in SLOTS
    ]
    for aggregation, mask_decoder, exchange in itertools.product(*fillings):
        if neck == DEFAULTS["neck"] or mask_decoder == DEFAULTS["mask_decoder"]:
            filling = aggregation, mask_decoder, exchange
            yield dict(zip(SLOTS, filling, strict=True))


def keeps_widths(row):
    """Whether the head gets levels of the backbone's widths."""
    joined = row["neck"] == "DecoderFusion" and row["reinjection"] != NONE
    return joined or row["neck"] in ("EncoderFusion", "UnfusedLevelsNeck")


def config_of(row: Row, *, remedy=True):
    """The config of a row.

    Args:
        row: A value for each factor.
        remedy: Whether levels get one width where parts need one and the neck gives
            others, as the message says.
    """
    config = parts.model_config(
        backbone=row["backbone"], text_encoder=row["text_encoder"]
    )
    config["backbone_levels"] = _levels(row["backbone"])
    config["neck"] = _neck(row)
    config["decode_head"] = _head(row)
    needs = {row[slot] for slot in SLOTS} & set(NEED_ONE_WIDTH)
    if remedy and needs and keeps_widths(row):
        config["decode_head"]["level_channels"] = WIDTH
    return copy.deepcopy(config)


@functools.cache
def _levels(backbone):
    module = MODELS.build({"type": backbone, **parts.BACKBONES[backbone]})
    return [dataclasses.asdict(level) for level in read_levels(module)]


def build(row, *, remedy=True):
    """The model of a row.

    What the stages of a backbone give is read once a backbone, not once a model: the
    backbones of tests/parts.py stay the same, and reading takes longer than building.
    """
    with mock.patch.object(encoder_fusion, "read_stage_levels", _stage_levels):
        return parts.build_model(config_of(row, remedy=remedy))


def _stage_levels(family, backbone):
    kind = type(backbone)
    if kind not in _STAGE_LEVELS:
        _STAGE_LEVELS[kind] = read_stage_levels(family, backbone)
    return _STAGE_LEVELS[kind]


def _neck(row):
    name = row["neck"]
    neck = {"type": name, **parts.NECKS[name]}
    if name not in PLACEMENTS:
        return neck
    neck["block"] = block = _block(row["block"])
    if not keeps_widths(row):
        # Of a block in a block, the inner one's.
        block.get("block", block)["out_channels"] = WIDTH
    if row["reinjection"] != NONE:
        kind = row["reinjection"]
        neck["reinjection"] = {"type": kind, **parts.REINJECTIONS[kind]}
    return neck


def _block(name):
    kind, _, co_attention = name.partition("+")
    block = copy.deepcopy({"type": kind, **parts.FUSION_BLOCKS[kind]})
    if co_attention:
        own = parts.CO_ATTENTIONS[co_attention]
        block["co_attention"] = {"type": co_attention, **own}
    return block


def _head(row):
    name = outer(row["head"])
    if name == "MMSegDecodeHead":
        return {"type": name, **parts.MMSEG_HEADS[row["head"].rpartition("+")[2]]}
    if name != SLOTTED:
        return {"type": name, **parts.DECODE_HEADS[name]}
    head = {"type": name}
    for slot, known in (
        ("exchange", parts.EXCHANGES),
        ("aggregation", parts.AGGREGATIONS),
        ("mask_decoder", parts.MASK_DECODERS),
    ):
        if row[slot] != NONE:
            head[slot] = {"type": row[slot], **known[row[slot]]}
    return head
