# CMPC and TGFE on RefCOCO (unc) as the paper prints them.
#
# Huang et al., "Referring Image Segmentation via Cross-Modal Progressive
# Comprehension", CVPR 2020, https://arxiv.org/abs/2010.00514. Overall IoU on UNC val /
# testA / testB: 61.36 / 64.53 / 59.64 (paper, with DenseCRF); ours: not yet run.
# Data: docs/en/get_started.md, "RefCOCO", and GloVe vectors, see README.md.
# Command: python tools/train.py THIS_FILE
_base_ = [
    "../_base_/datasets/refcoco.py",
    "../_base_/schedules/adam_poly_800k.py",
    "../_base_/default_runtime.py",
]

# ----- often changed -----------------------------------------------------------------
input_size = (320, 320)  # (height, width)
word_vectors = "data/glove.840B.300d.txt"  # None for words learned from scratch
num_graph_layers = 1  # 2 on RefCOCOg

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
        type="LSTMTextEncoder",
        num_embeddings=12112,  # the word list that the COCO sets share
        embedding_channels=300,
        hidden_channels=1000,
        forget_bias=1.0,
        word_vectors=word_vectors,
        max_words=20,
    ),
    # DeepLab's ResNet-101: levels of stride 8, 40x40 at this input. Frozen: neither
    # gradients nor new statistics. The paper starts from weights trained on PASCAL VOC
    # for DeepLab; these are ImageNet's in the same (Caffe) layout.
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
        type="ProgressiveComprehensionNeck",
        channels=1000,
        out_channels=1000,
        classifier_channels=500,
        rank=5,
        num_graph_layers=num_graph_layers,
    ),
    decode_head=dict(
        type="MultiLevelDecodeHead",
        exchange=dict(type="TextGuidedExchange", num_rounds=3),
        aggregation=dict(
            type="PeepholeConvLSTMAggregation", channels=500, forget_bias=1.0
        ),
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
# As in the code: the kernels of neck, exchange and score decay; words, both LSTMs and
# all biases do not. The code evaluates what it has after 700,000 of the 800,000
# iterations that the learning rate is made for.
optim_wrapper = dict(
    paramwise_cfg=dict(
        bias_decay_mult=0.0,
        custom_keys={
            "text_encoder": dict(decay_mult=0.0),
            "decode_head.aggregation": dict(decay_mult=0.0),
        },
    )
)
