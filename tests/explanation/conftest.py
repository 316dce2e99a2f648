"""The published systems with the smallest parts, and what the tests show them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mmengine.config import Config

from tests import parts
from tests.apis.conftest import make_config

CASCADE = {
    "type": "MultiLevelDecodeHead",
    "aggregation": {
        "type": "ContextualEmbeddingCascade",
        "num_stages": 2,
        "num_embeddings": 3,
        "num_heads": 2,
        "first_map": {
            "type": "LongShortRangeAttention",
            "window_size": 3,
            "num_heads": 2,
            "dilations": (1, 2),
        },
        "alignment": {"type": "ProgressiveAlignmentNetwork"},
    },
    "mask_decoder": {"type": "ConvMaskDecoder", "channels": 8, "num_convs": 1},
}


def co_attention_neck(co_attention):
    block = {**parts.FUSION_BLOCKS["CoAttentionBlock"], "type": "CoAttentionBlock"}
    settings = parts.CO_ATTENTIONS[co_attention]
    block["co_attention"] = {"type": co_attention, **settings}
    return {"type": "EncoderFusion", "block": block, "stages": (1, 3)}


NECKS = {
    "cmsa": {
        "type": "DecoderFusion",
        "in_indices": (1, 2),
        "block": {
            "type": "CrossModalAttentionBlock",
            "attention_channels": 6,
            "out_channels": 8,
        },
    },
    "cmpc": {
        "type": "ProgressiveComprehensionNeck",
        "in_indices": (1, 2),
        **parts.NECKS["ProgressiveComprehensionNeck"],
    },
    "shnet": {"type": "SynchronousFusion", **parts.NECKS["SynchronousFusion"]},
    "cefnet": co_attention_neck("AsymmetricCoAttention"),
    "cefnet_vanilla": co_attention_neck("VanillaCoAttention"),
    "jmceln": {"type": "TextMultipliedNeck", "channels": 8},
}


def gated_head(aggregation, exchange=None):
    return {
        "type": "MultiLevelDecodeHead",
        "exchange": exchange,
        "aggregation": aggregation,
        "mask_decoder": {"type": "ConvMaskDecoder", "channels": 8, "num_convs": 1},
    }


HEADS = {
    "cmsa": gated_head({"type": "SumAggregation"}, {"type": "GatedExchange"}),
    "cmpc": gated_head({"type": "PeepholeConvLSTMAggregation", "channels": 6}),
    "shnet": gated_head(
        {"type": "Conv3dAggregation"}, {"type": "HierarchicalCrossModalExchange"}
    ),
    "cefnet": {"type": "BoundaryEnhancementHead"},
    "cefnet_vanilla": {"type": "TopDownDecodeHead"},
    "jmceln": CASCADE,
}
SYSTEMS = list(NECKS)
SENTENCES = ["the red circle left of the square", "circle"]


def build(system, *, size=(64, 96), keep_ratio=False, text_encoder="GRUTextEncoder"):
    """A model of a system with weights that make attention choose, and its config."""
    config = make_config(size=size, keep_ratio=keep_ratio, text_encoder=text_encoder)
    config = config.to_dict()
    config["model"]["neck"] = NECKS[system]
    head = HEADS.get(system)
    if head is not None:
        config["model"]["decode_head"] = head
    model = parts.build_model(config["model"])
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.startswith(("neck.", "decode_head.")) and parameter.ndim == 2:
                parameter.mul_(2)
            if "_comparison" in name:  # of co-attention, which start very small
                parameter.mul_(300)
    model.cfg = Config(config)
    return model.eval()


@pytest.fixture(scope="session")
def picture():
    generator = np.random.default_rng(0)
    small = generator.integers(0, 256, (5, 9, 3), dtype=np.uint8)
    return np.repeat(np.repeat(small, 10, axis=0), 10, axis=1)


@pytest.fixture(scope="session", params=SYSTEMS)
def system(request):
    return request.param


@pytest.fixture(scope="session")
def model(system):
    return build(system)
