# CEFNet with asymmetric co-attention, small, on generated scenes.
#
# Feng et al., "Encoder Fusion Network with Co-Attention Embedding for Referring Image
# Segmentation", CVPR 2021, https://arxiv.org/abs/2105.01839: words meet the picture
# inside the backbone, at three of its stages, and the decoder attends to the boundary.
#
# Measured: val mIoU 73.8, attribute 75.4 (README.md).
# Command: python tools/train.py configs/cefnet/cefnet_tiny_shapes.py
_base_ = [
    "../_base_/shapes_training.py",
    "../_base_/default_runtime.py",
]

# ----- often changed -----------------------------------------------------------------
coarse_size = (24, 24)  # where the losses on coarser outputs are taken

# ----- model -------------------------------------------------------------------------
bce = dict(type="BinaryCrossEntropyLoss")
model = dict(
    type="RefSegmentor",
    data_preprocessor=dict(
        type="RefSegDataPreprocessor",
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
    ),
    text_encoder=dict(
        type="ProjectedGRUTextEncoder",
        num_embeddings=200,
        embedding_channels=64,
        hidden_channels=64,
        channels=64,
        init_range=1.0,  # words apart from the start: the run is short
        max_words=20,
    ),
    # As in the paper, the last stage has stride 1: levels of 24, 12, 6 and 6. The
    # stem's level, which takes a third of the time, is left out.
    backbone=dict(
        type="mmseg.ResNetV1c",
        depth=18,
        base_channels=24,
        stem_channels=32,
        strides=(1, 2, 2, 1),
        out_indices=(0, 1, 2, 3),
    ),
    neck=dict(
        type="EncoderFusion",
        block=dict(
            type="CoAttentionBlock",
            channels=64,
            # 36 places have no use for 110 cells.
            co_attention=dict(
                type="AsymmetricCoAttention",
                attention_channels=32,
                pool_sizes=(1, 2, 4),
            ),
        ),
        stages=(1, 2, 3),
        reinjection=dict(type="UnitReinjection"),
    ),
    decode_head=dict(type="BoundaryEnhancementHead", channels=(16, 24, 32, 48)),
    # One step of the decoder fewer than in the paper, so nine of its twelve losses. The
    # coarser outputs meet the masks at their own scale, which takes less time. The
    # paper has no Dice loss; the run is short, and small objects count more with it.
    losses=[
        dict(type="MaskLoss", name="loss_mask_1", loss=bce),
        dict(
            type="MaskLoss",
            name="loss_dice",
            loss=dict(type="mmseg.DiceLoss", use_sigmoid=True, naive_dice=True),
        ),
        dict(
            type="MaskLoss",
            name="loss_mask_2",
            output="mask_2",
            size=coarse_size,
            loss=bce,
        ),
        dict(
            type="MaskLoss",
            name="loss_mask_3",
            output="mask_3",
            size=coarse_size,
            loss=bce,
        ),
        dict(
            type="MaskLoss",
            name="loss_body_1",
            output="body_1",
            size=coarse_size,
            loss=bce,
        ),
        dict(
            type="MaskLoss",
            name="loss_body_2",
            output="body_2",
            size=coarse_size,
            loss=bce,
        ),
        dict(
            type="MaskLoss",
            name="loss_body_3",
            output="body_3",
            size=coarse_size,
            loss=bce,
        ),
        dict(
            type="BoundaryLoss",
            outputs=("boundary_1", "boundary_2", "boundary_3"),
            radius=2.0,
            loss=bce,
        ),
    ],
    test_cfg=dict(threshold=0.5, expressions_per_chunk=64),
)

# ----- schedule: larger steps find the colours sooner --------------------------------
max_iters = 2700
train_cfg = dict(max_iters=max_iters, val_interval=1350)
optim_wrapper = dict(optimizer=dict(lr=2e-3))
param_scheduler = [
    # The same share of the iterations as the others warm up for.
    dict(type="LinearLR", start_factor=0.1, by_epoch=False, begin=0, end=39),
    dict(type="CosineAnnealingLR", by_epoch=False, begin=39, end=max_iters, eta_min=0),
]
