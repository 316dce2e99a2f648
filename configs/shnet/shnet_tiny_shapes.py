# SHNet, small, on generated scenes.
#
# Jain and Gandhi, "Comprehensive Multi-Modal Interactions for Referring Image
# Segmentation", Findings of ACL 2022, https://arxiv.org/abs/2104.10412: attention among
# the cells of a grid and the words, the exchange between levels that the words decide,
# a convolution over the levels, pyramid pooling and up-convolutions.
#
# Measured: val mIoU 77.2, attribute 78.7 (README.md).
# Command: python tools/train.py configs/shnet/shnet_tiny_shapes.py
_base_ = [
    "../_base_/shapes_training.py",
    "../_base_/default_runtime.py",
]

# ----- model -------------------------------------------------------------------------
model = dict(
    type="RefSegmentor",
    data_preprocessor=dict(
        type="RefSegDataPreprocessor",
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
    ),
    text_encoder=dict(
        type="LSTMTextEncoder",
        num_embeddings=200,
        embedding_channels=64,
        hidden_channels=96,
        init_range=1.0,  # words apart from the start: the run is short
        max_words=20,
    ),
    # The paper's last two levels have stride 16, for larger pictures; here the last.
    backbone=dict(
        type="mmseg.ResNetV1c",
        depth=18,
        base_channels=32,
        stem_channels=32,
        strides=(1, 2, 1, 2),
        dilations=(1, 1, 2, 2),
        out_indices=(1, 2, 3),
    ),
    neck=dict(
        type="SynchronousFusion",
        channels=96,
        grid_size=(12, 12),
        num_heads=4,
        num_layers=1,
        # The residuals of the released block carry what a contour needs past the
        # attention, which the paper's equation lacks.
        residual=True,
        ffn_channels=128,
        position_in_values=False,
        dropout=0.0,
    ),
    decode_head=dict(
        type="MultiLevelDecodeHead",
        exchange=dict(type="HierarchicalCrossModalExchange", dropout=0.0),
        aggregation=dict(type="Conv3dAggregation"),
        mask_decoder=dict(
            type="ConvUpsampleMaskDecoder",
            channels=96,
            up_channels=(64, 48),
            dilations=(1, 2, 4, 8),
            dropout=0.0,
            aspp_dropout=0.0,
        ),
    ),
    losses=[
        dict(
            type="MaskLoss",
            name="loss_bce",
            loss=dict(type="BinaryCrossEntropyLoss"),
        ),
        dict(
            type="MaskLoss",
            name="loss_dice",
            loss=dict(type="mmseg.DiceLoss", use_sigmoid=True, naive_dice=True),
        ),
    ],
    test_cfg=dict(threshold=0.5, expressions_per_chunk=64),
)

# ----- schedule ----------------------------------------------------------------------
max_iters = 3200
train_cfg = dict(max_iters=max_iters, val_interval=1600)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.1, by_epoch=False, begin=0, end=50),
    dict(type="CosineAnnealingLR", by_epoch=False, begin=50, end=max_iters, eta_min=0),
]
default_hooks = dict(channels_last=dict(type="ChannelsLastHook"))  # faster on CPUs
