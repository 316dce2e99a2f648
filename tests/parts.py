"""The smallest config of every registered part, for tests that combine them all."""

from __future__ import annotations

from tempfile import TemporaryDirectory

import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from mmris.models import (
    BaseTextEncoder,
    CoAttention,
    FusionBlock,
    FusionNeck,
    LevelAggregation,
    LevelExchange,
    MaskDecoder,
    RefDecodeHead,
    Reinjection,
    WordTextEncoder,
)
from mmris.models.decode_heads.boundary_enhancement_transformer import (
    SpatialTransformer,
)
from mmris.registry import MODELS
from tests import language_models
from tests.language_models import WORDS

# The word list of the smallest language model; gone when the tests end.
_FOLDER = TemporaryDirectory()

TEXT_ENCODERS = {
    "EmbeddingTextEncoder": {"num_embeddings": 20, "embedding_channels": 6},
    "LSTMTextEncoder": {
        "num_embeddings": 20,
        "embedding_channels": 6,
        "hidden_channels": 5,
        "bidirectional": True,
    },
    "GRUTextEncoder": {
        "num_embeddings": 20,
        "embedding_channels": 6,
        "hidden_channels": 7,
        "bidirectional": False,
    },
    "ProjectedGRUTextEncoder": {
        "num_embeddings": 20,
        "embedding_channels": 6,
        "hidden_channels": 5,
        "channels": 8,
    },
    "HuggingFaceTextEncoder": language_models.bert(_FOLDER.name),
    "CLIPTextEncoder": {
        "channels": 8,
        "num_layers": 1,
        "num_heads": 2,
        "projection_channels": None,
    },
}
NECKS = {
    "DecoderFusion": {
        "block": {"type": "ConcatBlock", "channels": 8, "out_channels": 8}
    },
    "EncoderFusion": {
        "block": {"type": "ConcatBlock", "channels": 8},
        "stages": (1, 3),
    },
    "ProgressiveComprehensionNeck": {
        "channels": 8,
        "out_channels": 12,
        "classifier_channels": 5,
        "rank": 2,
    },
    "SynchronousFusion": {"channels": 8, "grid_size": (5, 4), "num_heads": 2},
    "TextMultipliedNeck": {"channels": 8},
    "UnfusedLevelsNeck": {
        "neck": {
            "type": "DecoderFusion",
            "block": {"type": "ConcatBlock", "channels": 8},
            "in_indices": (1, 2, 3),
        },
    },
}
CO_ATTENTIONS = {
    "AsymmetricCoAttention": {"attention_channels": 4, "pool_sizes": (1, 2)},
    "VanillaCoAttention": {"attention_channels": 4},
}
REINJECTIONS = {
    "KeepScaleReinjection": {},
    "UnitFusedReinjection": {},
    "UnitReinjection": {},
}
FUSION_BLOCKS = {
    "CoAttentionBlock": {
        "channels": 8,
        "co_attention": {
            "type": "VanillaCoAttention",
            **CO_ATTENTIONS["VanillaCoAttention"],
        },
    },
    "ConcatBlock": {"channels": 8},
    "CrossModalAttentionBlock": {"attention_channels": 8},
    "MeanPairBlock": {},
    "PixelAttentionBlock": {"attention_channels": 8},
    "SamePixelAttentionBlock": {"attention_channels": 8},
    "SameWordAttentionBlock": {"attention_channels": 8},
    "SentenceAsWordBlock": {
        "block": {"type": "CrossModalAttentionBlock", "attention_channels": 8}
    },
    "WordAttentionBlock": {"attention_channels": 8},
    "WordPixelAttentionBlock": {"attention_channels": 8},
}
EXCHANGES = {
    "ChannelGatedExchange": {},
    "GatedExchange": {},
    "HierarchicalCrossModalExchange": {},
    "TextGuidedExchange": {"num_rounds": 2},
}
AGGREGATIONS = {
    "ConcatAggregation": {"channels": 6},
    "ContextualEmbeddingCascade": {
        "num_stages": 2,
        "num_embeddings": 3,
        "num_heads": 2,
        "first_map": {
            "type": "LongShortRangeAttention",
            "window_size": 5,
            "num_heads": 2,
            "dilations": (1, 2),
        },
        "alignment": {"type": "ProgressiveAlignmentNetwork"},
    },
    "Conv3dAggregation": {"channels": 6},
    "ConvLSTMAggregation": {
        "channels": 6,
        "kernel_size": 3,
        "coarsest_first": True,
    },
    "FPNAggregation": {"channels": 8},
    "GatedBidirectionalAggregation": {},
    "PeepholeConvLSTMAggregation": {"channels": 6},
    "PyramidPoolingAggregation": {
        "channels": 8,
        "pyramid_channels": 12,  # so that not all are silent by chance
        "scales": (1, 2, 3),
    },
    "SelfGatedAggregation": {},
    "SumAggregation": {},
}
MASK_DECODERS = {
    "ConvMaskDecoder": {"channels": 8, "num_convs": 1},
    "ConvUpsampleMaskDecoder": {"channels": 8, "up_channels": (6, 5)},
    "DeepUpsampleMaskDecoder": {"channels": 8, "last_channels": 5, "num_doublings": 1},
    "DeconvMaskDecoder": {"channels": (6, 4)},
    "ProgressiveUpsampleMaskDecoder": {"channels": (6, 4)},
    "ScoreMaskDecoder": {},
}
_NORM = {"norm_cfg": {"type": "BN"}}
_CONCAT = {"input_transform": "resize_concat"}
_FCN = {"type": "FCNHead", "channels": 8, "num_convs": 1, **_NORM, **_CONCAT}
# Each reads all levels, so that every parameter of a model is trained.
MMSEG_HEADS = {
    "FCNHead": {"head": _FCN},
    "DepthwiseSeparableFCNHead": {
        "head": {**_FCN, "type": "DepthwiseSeparableFCNHead", "num_convs": 2}
    },
    "PSPHead": {
        "head": {"type": "PSPHead", "channels": 8, "pool_scales": (1, 2), **_NORM}
        | _CONCAT
    },
    "ASPPHead": {
        "head": {"type": "ASPPHead", "channels": 8, "dilations": (1, 2), **_NORM}
        | _CONCAT
    },
    "DepthwiseSeparableASPPHead": {
        "head": {
            "type": "DepthwiseSeparableASPPHead",
            "channels": 8,
            "dilations": (1, 2),
            "c1_channels": 4,
            **_NORM,
            **_CONCAT,
        }
    },
    "UPerHead": {
        "head": {"type": "UPerHead", "channels": 8, "pool_scales": (1, 2), **_NORM}
    },
    "SegformerHead": {"head": {"type": "SegformerHead", "channels": 8, **_NORM}},
    "FPNHead": {"head": {"type": "FPNHead", "channels": 8, **_NORM}},
    "OCRHead": {
        "head": {"type": "OCRHead", "channels": 8, "ocr_channels": 6, **_NORM}
        | _CONCAT,
        "first_head": _FCN,
    },
}
DECODE_HEADS = {
    "BoundaryEnhancementHead": {},
    "MMSegDecodeHead": MMSEG_HEADS["UPerHead"],
    "MultiLevelDecodeHead": {
        "aggregation": {"type": "FPNAggregation", "channels": 8},
        "mask_decoder": {"type": "ConvMaskDecoder", "channels": 8, "num_convs": 1},
    },
    "TopDownDecodeHead": {},
}
BACKBONES = {
    "CLIPResNet": {"arch": "RN50", "base_channels": 4, "pooled_channels": 16},
    "mmseg.ResNetV1c": {"depth": 18, "base_channels": 8, "stem_channels": 8},
    "mmseg.SwinTransformer": {
        "embed_dims": 12,
        "depths": (1, 1, 1, 1),
        "num_heads": (1, 1, 2, 2),
        "window_size": 3,
        "drop_path_rate": 0.0,  # which keeps gradients from what it drops
    },
    "mmpretrain.ConvNeXt": {
        "arch": {"depths": [1, 1, 1, 1], "channels": [8, 12, 16, 20]},
        "out_indices": (0, 1, 2, 3),
        "gap_before_final_norm": False,
    },
}


def registered(base: type) -> list[str]:
    """Names of our registered classes that derive from a base."""
    MODELS.import_from_location()
    return sorted(
        name
        for name, cls in MODELS.module_dict.items()
        if isinstance(cls, type)
        and issubclass(cls, base)
        and cls.__module__.startswith("mmris.")
    )


def text_encoder_names():
    return registered(BaseTextEncoder)


def neck_names():
    return registered(FusionNeck)


def head_names():
    return registered(RefDecodeHead)


def block_names():
    return registered(FusionBlock)


def co_attention_names():
    return registered(CoAttention)


def reinjection_names():
    return registered(Reinjection)


def exchange_names():
    return registered(LevelExchange)


def aggregation_names():
    return registered(LevelAggregation)


def mask_decoder_names():
    return registered(MaskDecoder)


def model_config(
    *,
    backbone="mmseg.ResNetV1c",
    text_encoder="EmbeddingTextEncoder",
    neck="DecoderFusion",
    decode_head="MultiLevelDecodeHead",
):
    return {
        "type": "RefSegmentor",
        "data_preprocessor": {
            "type": "RefSegDataPreprocessor",
            "mean": (120.0, 120.0, 120.0),
            "std": (60.0, 60.0, 60.0),
        },
        "text_encoder": {
            "type": text_encoder,
            "max_words": 12,
            **TEXT_ENCODERS[text_encoder],
        },
        "backbone": {"type": backbone, **BACKBONES[backbone]},
        "neck": {"type": neck, **NECKS[neck]},
        "decode_head": {"type": decode_head, **DECODE_HEADS[decode_head]},
        "losses": [
            {
                "type": "MaskLoss",
                "name": "loss_bce",
                "loss": {"type": "BinaryCrossEntropyLoss"},
            }
        ],
        "test_cfg": {"threshold": 0.5, "expressions_per_chunk": 4},
    }


def build_model(config):
    """A model with a vocabulary and lively statistics in its normalisations."""
    torch.manual_seed(0)
    model = MODELS.build(config)
    if isinstance(model.text_encoder, WordTextEncoder):
        model.text_encoder.build_vocabulary(WORDS)
    model.init_weights()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.5, 2)
            # mmseg starts the last norm of a residual block at zero, which keeps
            # gradients from the block's convolutions.
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
        if getattr(module, "gamma", None) is not None:
            # ConvNeXt scales what its blocks add by a millionth when training starts.
            torch.nn.init.uniform_(module.gamma, 0.5, 1.5)
        if isinstance(module, SpatialTransformer):
            # Of zeros, which keep gradients from all that leads to them.
            torch.nn.init.normal_(module.delta.weight, std=0.1)
    return model


def make_item(count, size=(64, 96), original=(50, 83), image_id=0, masks_at=None):
    """One dataset item: an image with ``count`` expressions and their masks."""
    generator = torch.Generator().manual_seed(100 * count + image_id)
    image = torch.randint(0, 256, (3, *size), dtype=torch.uint8, generator=generator)
    height, width = masks_at or original
    sample = SegDataSample(
        metainfo={
            "image_id": image_id,
            "ori_shape": original,
            "img_shape": size,
            "content_box": (0, 0, *size),
        }
    )
    lengths = torch.randint(1, 7, (count,), generator=generator).tolist()
    sample.expressions = [
        " ".join(WORDS[(k + j) % len(WORDS)] for j in range(length))
        for k, length in enumerate(lengths)
    ]
    masks = torch.rand(count, height, width, generator=generator) < 0.5
    sample.gt_sem_seg = PixelData(data=masks.to(torch.uint8))
    return {"inputs": image, "data_samples": sample}


def collate(items):
    return {key: [item[key] for item in items] for key in items[0]}


def predict(model, items):
    model.eval()
    with torch.no_grad():
        return model.test_step(collate(items))


def assert_same(one, other):
    """Equal to 1e-5 of the largest logit: random weights make logits of any size."""
    scale = max(1.0, other.abs().max().item())
    torch.testing.assert_close(one, other, rtol=0, atol=1e-5 * scale)
