# JMCELN on RefCOCO (unc).
#
# Huang and Satoh, "Referring Image Segmentation via Joint Mask Contextual Embedding
# Learning and Progressive Alignment Network", EMNLP 2023,
# https://aclanthology.org/2023.emnlp-main.481/. Mean IoU on UNC val / testA / testB:
# 74.40 / 77.69 / 70.43 (paper); ours: not yet run.
# Data: docs/en/get_started.md, "RefCOCO"; weights of CLIP: README.md.
# Command: python tools/train.py THIS_FILE
_base_ = [
    "../_base_/datasets/refcoco.py",
    "../_base_/default_runtime.py",
]

# ----- often changed -----------------------------------------------------------------
input_size = (416, 416)  # (height, width)
images_per_batch = 20
max_iters = 127_200  # 60 epochs of 42,404 references
learning_rate = 6e-6
# Of all that CLIP does not provide. 1 is the paper's word; 10 to 20 for shorter runs.
head_lr_mult = 1
clip_checkpoint = "data/clip_rn101.pth"  # converted, see README.md

# ----- model -------------------------------------------------------------------------
model = dict(
    type="RefSegmentor",
    data_preprocessor=dict(
        type="RefSegDataPreprocessor",
        mean=[122.7709383, 116.7460125, 104.09373615],
        std=[68.5005327, 66.6321579, 70.32316305],
        bgr_to_rgb=True,
    ),
    text_encoder=dict(
        type="CLIPTextEncoder",
        channels=512,
        num_layers=12,
        num_heads=8,
        projection_channels=512,
        max_words=30,  # start and end included
        init_cfg=dict(
            type="Pretrained", checkpoint=clip_checkpoint, prefix="text_encoder."
        ),
    ),
    # 512 channels at stride 8, 1024 at 16, and 512 at 32 behind the attention pool.
    backbone=dict(
        type="CLIPResNet",
        arch="RN101",
        out_indices=(1, 2, 3),
        init_cfg=dict(
            type="Pretrained", checkpoint=clip_checkpoint, prefix="backbone."
        ),
    ),
    neck=dict(type="TextMultipliedNeck", channels=1024),
    decode_head=dict(
        type="MultiLevelDecodeHead",
        aggregation=dict(
            type="ContextualEmbeddingCascade",
            num_stages=6,
            num_embeddings=20,
            num_heads=8,
            first_map=dict(
                type="LongShortRangeAttention",
                window_size=13,
                num_heads=8,
                dilations=(1, 6, 12, 18),
            ),
            alignment=dict(type="ProgressiveAlignmentNetwork"),
            adaptive=True,
        ),
        mask_decoder=dict(
            type="ProgressiveUpsampleMaskDecoder", channels=(256, 128, 64)
        ),
    ),
    losses=[
        dict(
            type="MaskLoss",
            name="loss_bce",
            loss=dict(type="BinaryCrossEntropyLoss"),
        ),
    ],
    test_cfg=dict(threshold=0.5, expressions_per_chunk=16),
)

# ----- data --------------------------------------------------------------------------
train_pipeline = [
    dict(type="LoadRefImage"),
    dict(type="LoadRefMasks"),
    dict(type="RefResize", size=input_size),
    dict(type="PackRefInputs"),
]
test_pipeline = [
    dict(type="LoadRefImage"),
    dict(type="RefResize", size=input_size),
    dict(type="LoadRefMasks"),  # after the resizing: scores at the original size
    dict(type="PackRefInputs"),
]
# One random sentence of each reference an epoch.
train_dataloader = dict(
    batch_size=images_per_batch,
    dataset=dict(sampling="reference", pipeline=train_pipeline),
)
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))

# ----- schedule ----------------------------------------------------------------------
# Weight decay for kernels and matrices only: neither biases and normalisations nor the
# embeddings of the cascade.
optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="AdamW", lr=learning_rate, weight_decay=0.01),
    constructor="FlatDecayOptimWrapperConstructor",
    paramwise_cfg=dict(
        flat_decay_mult=0.0,
        custom_keys={
            "backbone.attention_pool.residual": dict(lr_mult=head_lr_mult),
            "neck": dict(lr_mult=head_lr_mult),
            "decode_head": dict(lr_mult=head_lr_mult),
            "aggregation.embeddings": dict(lr_mult=head_lr_mult, decay_mult=0.0),
            "relative_position_bias_table": dict(lr_mult=head_lr_mult, decay_mult=0.0),
        },
    ),
)
param_scheduler = [
    dict(type="PolyLR", eta_min=0.0, power=0.9, by_epoch=False, end=max_iters),
]
train_cfg = dict(type="IterBasedTrainLoop", max_iters=max_iters, val_interval=10_600)
val_cfg = dict(type="ValLoop")
test_cfg = dict(type="TestLoop")
# The paper counts the mean over sentences.
default_hooks = dict(checkpoint=dict(save_best="mIoU"))
