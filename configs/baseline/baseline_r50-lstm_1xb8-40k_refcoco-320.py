# The plain model on RefCOCO (unc): levels of a ResNet-50, the LSTM's sentence and
# coordinates are concatenated and decoded top-down.
#
# Expected: not yet run on RefCOCO. Data: docs/en/get_started.md, "RefCOCO".
# Command: python tools/train.py THIS_FILE
_base_ = [
    "../_base_/datasets/refcoco.py",
    "../_base_/schedules/adamw_poly_40k.py",
    "../_base_/default_runtime.py",
]

# ----- often changed -----------------------------------------------------------------
input_size = (320, 320)  # (height, width)
images_per_batch = 8
expressions_per_image = 4

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
        num_embeddings=12112,  # the size of the word list that the COCO sets share
        embedding_channels=300,
        hidden_channels=256,
        bidirectional=True,
        max_words=20,
    ),
    backbone=dict(
        type="mmseg.ResNetV1c",
        depth=50,
        init_cfg=dict(type="Pretrained", checkpoint="open-mmlab://resnet50_v1c"),
    ),
    neck=dict(
        type="DecoderFusion",
        block=dict(type="ConcatBlock", channels=256, out_channels=256),
    ),
    decode_head=dict(
        type="MultiLevelDecodeHead",
        aggregation=dict(type="FPNAggregation", channels=256),
        mask_decoder=dict(type="ConvMaskDecoder", channels=256, num_convs=1),
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
    test_cfg=dict(threshold=0.5, expressions_per_chunk=32),
)

# ----- data --------------------------------------------------------------------------
train_pipeline = [
    dict(type="LoadRefImage"),
    dict(type="LoadRefMasks"),
    dict(type="RefResize", size=input_size),
    dict(type="RefRandomFlip", prob=0.5),
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
    dataset=dict(
        sampling="image",
        expressions_per_image=expressions_per_image,
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
