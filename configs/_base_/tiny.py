# What --tiny makes of the parts of a model: small enough to train on a CPU.
#
# Arguments not named here stay as the config has them: which parts there are, how they
# are joined, how often they are applied. So does what a config switches off with None,
# False or 0. A part that has no sizes stands here with an empty dict; a type that does
# not stand here is refused.

# Instead of what the config has, unless that is switched off. A sequence is cut to the
# length that it has in the config.
sizes = {
    # ----- text encoders
    "EmbeddingTextEncoder": dict(num_embeddings=200, embedding_channels=64),
    "LSTMTextEncoder": dict(
        num_embeddings=200, embedding_channels=64, hidden_channels=64
    ),
    "GRUTextEncoder": dict(
        num_embeddings=200, embedding_channels=64, hidden_channels=64
    ),
    "ProjectedGRUTextEncoder": dict(
        num_embeddings=200, embedding_channels=64, hidden_channels=64, channels=64
    ),
    "CLIPTextEncoder": dict(
        channels=64, num_layers=2, num_heads=2, projection_channels=64
    ),
    # ----- backbones
    "mmseg.ResNet": dict(depth=18, base_channels=16, stem_channels=16),
    "mmseg.ResNetV1c": dict(depth=18, base_channels=16, stem_channels=16),
    # Of 50 layers, for its shallower ones know no width inside a block.
    "mmpretrain.ResNet": dict(depth=50, base_channels=16, stem_channels=16),
    "CLIPResNet": dict(arch="RN50"),
    # ----- necks and fusion blocks
    "DecoderFusion": dict(),
    "EncoderFusion": dict(),
    "UnfusedLevelsNeck": dict(),
    "ProgressiveComprehensionNeck": dict(
        channels=64, out_channels=64, classifier_channels=32
    ),
    "SynchronousFusion": dict(
        channels=64, grid_size=(8, 8), num_heads=4, ffn_channels=64
    ),
    "TextMultipliedNeck": dict(channels=64),
    "UnitReinjection": dict(),
    "UnitFusedReinjection": dict(),
    "KeepScaleReinjection": dict(),
    "ConcatBlock": dict(channels=64, out_channels=64),
    "MeanPairBlock": dict(out_channels=64),
    "CrossModalAttentionBlock": dict(attention_channels=32, out_channels=64),
    "WordAttentionBlock": dict(attention_channels=32, out_channels=64),
    "PixelAttentionBlock": dict(attention_channels=32, out_channels=64),
    "WordPixelAttentionBlock": dict(attention_channels=32, out_channels=64),
    "SamePixelAttentionBlock": dict(attention_channels=32, out_channels=64),
    "SameWordAttentionBlock": dict(attention_channels=32, out_channels=64),
    "SentenceAsWordBlock": dict(),
    "CoAttentionBlock": dict(channels=64),
    "VanillaCoAttention": dict(attention_channels=32),
    "AsymmetricCoAttention": dict(attention_channels=32, pool_sizes=(1, 2, 3, 4)),
    # ----- heads
    "MultiLevelDecodeHead": dict(level_channels=64),
    "TopDownDecodeHead": dict(channels=(8, 16, 24, 48, 64)),
    "BoundaryEnhancementHead": dict(channels=(8, 16, 24, 48, 64)),
    "GatedExchange": dict(),
    "ChannelGatedExchange": dict(),
    "TextGuidedExchange": dict(),
    "HierarchicalCrossModalExchange": dict(),
    "SumAggregation": dict(),
    "SelfGatedAggregation": dict(),
    "GatedBidirectionalAggregation": dict(),
    "ConcatAggregation": dict(channels=64),
    "Conv3dAggregation": dict(channels=64),
    "ConvLSTMAggregation": dict(channels=64),
    "PeepholeConvLSTMAggregation": dict(channels=64),
    "FPNAggregation": dict(channels=64),
    "PyramidPoolingAggregation": dict(channels=64, pyramid_channels=16),
    "ContextualEmbeddingCascade": dict(num_stages=3, num_embeddings=8, num_heads=4),
    "LongShortRangeAttention": dict(
        window_size=12, num_heads=4, dilations=(1, 2, 4, 6)
    ),
    "ProgressiveAlignmentNetwork": dict(),
    "ScoreMaskDecoder": dict(),
    "ConvMaskDecoder": dict(channels=64),
    "DeconvMaskDecoder": dict(channels=(48, 32, 16)),
    "ConvUpsampleMaskDecoder": dict(
        channels=64, up_channels=(48, 32), dilations=(1, 2, 4, 8)
    ),
    "DeepUpsampleMaskDecoder": dict(
        channels=64, last_channels=32, dilations=(1, 2, 4, 8)
    ),
    "ProgressiveUpsampleMaskDecoder": dict(channels=(48, 32, 16)),
    # ----- what is left
    "RefSegmentor": dict(),
    "RefSegDataPreprocessor": dict(),
    "MaskLoss": dict(size=(48, 48)),
    "BoundaryLoss": dict(),
    "BinaryCrossEntropyLoss": dict(),
    "mmseg.DiceLoss": dict(),
    "DenseCRFPostProcessing": dict(smoothness_deviation=1.0, appearance_deviation=6.0),
}

# Whatever the config has: nothing is pretrained, so nothing is frozen, and words are
# apart from the start, as the run is short.
words = dict(vocabulary=None, word_vectors=None, freeze_embedding=False, init_range=1.0)
resnet = dict(
    frozen_stages=-1,
    norm_eval=False,
    norm_cfg=dict(type="BN", requires_grad=True),
    init_cfg=None,
)
settings = {
    "EmbeddingTextEncoder": words,
    "LSTMTextEncoder": words,
    "GRUTextEncoder": words,
    "ProjectedGRUTextEncoder": words,
    "CLIPTextEncoder": dict(frozen=False, num_frozen_layers=None, init_cfg=None),
    "mmseg.ResNet": resnet,
    "mmseg.ResNetV1c": resnet,
    "mmpretrain.ResNet": resnet,
    "CLIPResNet": dict(base_channels=8, pooled_channels=64, **resnet),
}
