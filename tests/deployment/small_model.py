"""A checkpoint of a very small model, with random weights."""

import torch
from mmengine.config import Config

from mmris.benchmark.random_case import build_random_model
from tests.conftest import REPOSITORY

SIZE = (48, 64)
SENTENCES = ["the red circle", "left", "a small blue square on the right of it"]

CONFIG = f"""
_base_ = ["{REPOSITORY}/configs/_base_/default_runtime.py"]
model = dict(
    type="RefSegmentor",
    data_preprocessor=dict(
        type="RefSegDataPreprocessor",
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
    ),
    text_encoder=dict(
        type="LSTMTextEncoder",
        num_embeddings=40,
        embedding_channels=6,
        hidden_channels=5,
        bidirectional=True,
        init_range=1.0,
        max_words=6,
    ),
    backbone=dict(
        type="mmseg.ResNet", depth=18, base_channels=4, num_stages=2,
        strides=(1, 2), dilations=(1, 1), out_indices=(0, 1),
    ),
    neck=dict(
        type="DecoderFusion",
        block=dict(
            type="CrossModalAttentionBlock", attention_channels=8, out_channels=8
        ),
        in_indices=[1],
    ),
    decode_head=dict(
        type="MultiLevelDecodeHead",
        aggregation=dict(type="SumAggregation"),
        mask_decoder=dict(type="ConvMaskDecoder", channels=8, num_convs=1),
    ),
    losses=[
        dict(
            type="MaskLoss",
            name="loss_bce",
            loss=dict(type="BinaryCrossEntropyLoss"),
        )
    ],
    test_cfg=dict(threshold=0.4, expressions_per_chunk=2),
)
test_pipeline = [
    dict(type="LoadRefImage"),
    dict(type="RefResize", size={SIZE}, keep_ratio=True, pad_value=7),
    dict(type="LoadRefMasks"),
    dict(type="PackRefInputs"),
]
"""


def write_checkpoint(folder, text_encoder=None):
    """Paths of the config and of a checkpoint with words of its own.

    With a text encoder of one's own, the config file is not the checkpoint's.
    """
    config_file, checkpoint = folder / "small.py", folder / "small.pth"
    config_file.write_text(CONFIG)
    config = Config.fromfile(config_file)
    if text_encoder is not None:
        config = config.to_dict()
        config["model"]["text_encoder"] = text_encoder
        config = Config(config)
    model = build_random_model(config, size=SIZE, device=torch.device("cpu"))
    torch.save(
        {"meta": {"cfg": config.pretty_text}, "state_dict": model.state_dict()},
        checkpoint,
    )
    return config_file, checkpoint
