# CMSA on RefCOCO (unc) as the paper prints it.
#
# Ye et al., "Cross-Modal Self-Attention Network for Referring Image Segmentation",
# CVPR 2019, https://arxiv.org/abs/1904.04745. Overall IoU on UNC val / testA / testB:
# 58.32 / 60.61 / 55.09 (paper, with DenseCRF); ours: not yet run.
# Data: docs/en/get_started.md, "RefCOCO".
# Command: python tools/train.py THIS_FILE
_base_ = [
    "../_base_/datasets/refcoco.py",
    "../_base_/schedules/adam_poly_800k.py",
    "../_base_/default_runtime.py",
]

# ----- often changed -----------------------------------------------------------------
input_size = (320, 320)  # (height, width)

# ----- model -------------------------------------------------------------------------
model = dict(
    type="RefSegmentor",
    data_preprocessor=dict(
        type="RefSegDataPreprocessor",
        # Caffe's convention: BGR on the scale of 0 to 255, the mean subtracted.
        mean=[104.00698793, 116.66876762, 122.67891434],
        std=[1.0, 1.0, 1.0],
        bgr_to_rgb=False,
    ),
    text_encoder=dict(
        type="EmbeddingTextEncoder",
        num_embeddings=12112,  # the word list that the COCO sets share
        embedding_channels=1000,
        init_range=0.08,
        max_words=20,
    ),
    # DeepLab's ResNet-101: levels of stride 8, 40x40 at this input. Frozen: neither
    # gradients nor new statistics. The paper names no source of its weights, the code
    # loads a DeepLab checkpoint; these are ImageNet's in the same (Caffe) layout.
    backbone=dict(
        type="mmseg.ResNet",
        depth=101,
        style="caffe",
        strides=(1, 2, 1, 1),
        dilations=(1, 1, 2, 4),
        contract_dilation=False,
        out_indices=(1, 2, 3),
        frozen_stages=4,
        norm_cfg=dict(type="BN", requires_grad=False),
        norm_eval=True,
        init_cfg=dict(
            type="Pretrained", checkpoint="open-mmlab://detectron2/resnet101_caffe"
        ),
    ),
    neck=dict(
        type="DecoderFusion",
        block=dict(
            type="CrossModalAttentionBlock", attention_channels=512, out_channels=500
        ),
    ),
    decode_head=dict(
        type="MultiLevelDecodeHead",
        exchange=dict(type="GatedExchange"),
        aggregation=dict(type="SumAggregation"),
        mask_decoder=dict(type="ScoreMaskDecoder"),
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
    dict(type="RefResize", size=input_size, keep_ratio=True),
    dict(type="PackRefInputs"),
]
test_pipeline = [
    dict(type="LoadRefImage"),
    dict(type="RefResize", size=input_size, keep_ratio=True),
    dict(type="LoadRefMasks"),  # after the resizing: scores at the original size
    dict(type="PackRefInputs"),
]
train_dataloader = dict(
    batch_size=1, dataset=dict(sampling="sentence", pipeline=train_pipeline)
)
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))

# ----- schedule ----------------------------------------------------------------------
# The code decays the kernel of the score convolution and of a lateral that the paper's
# form does not have, and nothing else.
optim_wrapper = dict(
    paramwise_cfg=dict(
        custom_keys={
            "text_encoder": dict(decay_mult=0.0),
            "neck": dict(decay_mult=0.0),
            "decode_head": dict(decay_mult=0.0),
            "decode_head.mask_decoder.score.weight": dict(decay_mult=1.0),
        }
    )
)
