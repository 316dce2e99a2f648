# SHNet on RefCOCO (unc) as the paper prints it.
#
# Jain and Gandhi, "Comprehensive Multi-Modal Interactions for Referring Image
# Segmentation", Findings of ACL 2022, https://arxiv.org/abs/2104.10412. Overall IoU on
# UNC val / testA / testB: 63.98 / 67.51 / 60.48 (paper); ours: not yet run.
# Data: docs/en/get_started.md, "RefCOCO"; GloVe and the backbone: README.md.
# Command: python tools/train.py THIS_FILE
_base_ = [
    "../_base_/datasets/refcoco.py",
    "../_base_/default_runtime.py",
]

# ----- often changed -----------------------------------------------------------------
input_size = (320, 320)  # (height, width)
loss_size = (160, 160)  # the masks that the loss sees, in the released code
images_per_batch = 50
max_iters = 72_360  # 30 epochs of 120,624 sentences
word_vectors = "data/glove.840B.300d.txt"

# ----- model -------------------------------------------------------------------------
model = dict(
    type="RefSegmentor",
    data_preprocessor=dict(
        type="RefSegDataPreprocessor",
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
    ),
    # GloVe vectors, not trained; a word without one is zero, as in the released code.
    text_encoder=dict(
        type="LSTMTextEncoder",
        num_embeddings=12112,  # the size of the word list that the COCO sets share
        embedding_channels=300,
        hidden_channels=512,
        forget_bias=0.0,
        word_vectors=word_vectors,
        freeze_embedding=True,
        init_range=0.0,
        max_words=25,
    ),
    # DeepLabv3+'s ResNet-101 of output stride 16: levels of strides 8, 16 and 16. The
    # last stage is dilated by 2 times (1, 2, 4). Frozen: neither gradients nor new
    # statistics. The weights given here are ImageNet's (README.md).
    backbone=dict(
        type="mmseg.ResNet",
        depth=101,
        style="pytorch",
        strides=(1, 2, 2, 1),
        dilations=(1, 1, 1, 2),
        multi_grid=(2, 4, 8),
        out_indices=(1, 2, 3),
        frozen_stages=4,
        norm_cfg=dict(type="BN", requires_grad=False),
        norm_eval=True,
        init_cfg=dict(type="Pretrained", checkpoint="torchvision://resnet101"),
    ),
    neck=dict(
        type="SynchronousFusion",
        channels=512,
        grid_size=(18, 18),
        num_heads=8,
        num_layers=1,
        dropout=0.2,
    ),
    decode_head=dict(
        type="MultiLevelDecodeHead",
        exchange=dict(type="HierarchicalCrossModalExchange"),
        aggregation=dict(type="Conv3dAggregation"),
        mask_decoder=dict(
            type="ConvUpsampleMaskDecoder",
            channels=512,
            up_channels=(256, 256),
            dilations=(1, 6, 12, 24),
            dropout=0.2,
            aspp_dropout=0.25,
        ),
    ),
    losses=[
        dict(
            type="MaskLoss",
            name="loss_bce",
            loss=dict(type="BinaryCrossEntropyLoss"),
            size=loss_size,
        ),
    ],
    test_cfg=dict(threshold=0.40, expressions_per_chunk=32),
)

# ----- data --------------------------------------------------------------------------
train_pipeline = [
    dict(type="LoadRefImage"),
    dict(type="LoadRefMasks"),
    dict(type="RefResize", size=input_size),
    dict(
        type="mmcv.RandomGrayscale",
        prob=0.3,
        keep_channels=True,
        channel_weights=(0.114, 0.587, 0.299),  # of blue, green and red
    ),
    dict(type="PackRefInputs"),
]
test_pipeline = [
    dict(type="LoadRefImage"),
    dict(type="RefResize", size=input_size),
    dict(type="LoadRefMasks"),  # after the resizing: scores at the original size
    dict(type="PackRefInputs"),
]
train_dataloader = dict(
    batch_size=images_per_batch,
    dataset=dict(sampling="sentence", pipeline=train_pipeline),
)
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))

# ----- schedule ----------------------------------------------------------------------
# The paper's learning rate falls by a power of 0.7; it gives no number of epochs, the
# 30 are the released code's.
optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="AdamW", lr=1.2e-4, weight_decay=9e-5),
)
param_scheduler = [
    dict(type="PolyLR", eta_min=0.0, power=0.7, by_epoch=False, end=max_iters),
]
train_cfg = dict(type="IterBasedTrainLoop", max_iters=max_iters, val_interval=7236)
val_cfg = dict(type="ValLoop")
test_cfg = dict(type="TestLoop")
