# CEFNet with asymmetric co-attention on RefCOCO (unc) as the paper prints it.
#
# Feng et al., "Encoder Fusion Network with Co-Attention Embedding for Referring Image
# Segmentation", CVPR 2021, https://arxiv.org/abs/2105.01839. Overall IoU on UNC val /
# testA / testB: 62.76 / 65.69 / 59.67 (paper, see README.md about its backbone); ours:
# not yet run.
# Data: docs/en/get_started.md, "RefCOCO".
# Command: python tools/train.py THIS_FILE
_base_ = [
    "../_base_/datasets/refcoco.py",
    "../_base_/schedules/sgd_step_200k.py",
    "../_base_/default_runtime.py",
]

# ----- often changed -----------------------------------------------------------------
input_size = (320, 320)  # (height, width)

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
        num_embeddings=12112,  # the word list that the COCO sets share
        embedding_channels=512,
        hidden_channels=512,
        channels=512,
        init_range=1.7,  # as widely spread as the normal distribution of the code
        max_words=20,
    ),
    # The last stage has stride 1 and is not dilated: levels of 160, 80, 40, 20 and 20
    # at this input, the stem's being the first. The normalisations are trained: what
    # the words change is smaller than what the weights have seen.
    backbone=dict(
        type="mmseg.ResNet",
        depth=101,
        style="pytorch",
        strides=(1, 2, 2, 1),
        dilations=(1, 1, 1, 1),
        out_indices=(0, 1, 2, 3),
        norm_cfg=dict(type="BN", requires_grad=True),
        norm_eval=False,
        init_cfg=dict(type="Pretrained", checkpoint="torchvision://resnet101"),
    ),
    neck=dict(
        type="EncoderFusion",
        block=dict(
            type="CoAttentionBlock",
            channels=512,
            co_attention=dict(type="AsymmetricCoAttention", attention_channels=256),
        ),
        stages=(1, 2, 3),
        stem_level=True,
        reinjection=dict(type="UnitReinjection"),
    ),
    decode_head=dict(type="BoundaryEnhancementHead", channels=(32, 64, 128, 256, 512)),
    # Twelve, all of weight 1 at the size of the input.
    losses=[
        dict(type="MaskLoss", name="loss_mask_1", loss=bce),
        dict(type="MaskLoss", name="loss_mask_2", output="mask_2", loss=bce),
        dict(type="MaskLoss", name="loss_mask_3", output="mask_3", loss=bce),
        dict(type="MaskLoss", name="loss_mask_4", output="mask_4", loss=bce),
        dict(type="MaskLoss", name="loss_body_1", output="body_1", loss=bce),
        dict(type="MaskLoss", name="loss_body_2", output="body_2", loss=bce),
        dict(type="MaskLoss", name="loss_body_3", output="body_3", loss=bce),
        dict(type="MaskLoss", name="loss_body_4", output="body_4", loss=bce),
        dict(
            type="BoundaryLoss",
            outputs=("boundary_1", "boundary_2", "boundary_3", "boundary_4"),
            radius=2.0,
            loss=bce,
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
train_dataloader = dict(
    batch_size=12, dataset=dict(sampling="sentence", pipeline=train_pipeline)
)
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
