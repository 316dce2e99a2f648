"""DeepLab's ResNet-101 as CMSA's config asks for it."""

import copy

import pytest
import torch
from mmengine.config import Config

from mmris.models.backbones import read_levels
from mmris.registry import MODELS
from mmris.structures import LevelSpec
from tests.conftest import REPOSITORY

CONFIG = REPOSITORY / "configs/cmsa/cmsa_r101-embedding_1xb1-800k_refcoco-320.py"


@pytest.fixture(scope="module")
def backbone():
    config = copy.deepcopy(Config.fromfile(CONFIG).model.backbone)
    config.pop("init_cfg")
    return MODELS.build(config)


def test_three_levels_of_stride_eight(backbone):
    assert read_levels(backbone) == (
        LevelSpec(512, 8),
        LevelSpec(1024, 8),
        LevelSpec(2048, 8),
    )


def test_strides_and_dilations_of_every_block(backbone):
    for stage, (stride, dilation) in enumerate(
        [(1, 1), (2, 1), (1, 2), (1, 4)], start=1
    ):
        for index, block in enumerate(getattr(backbone, f"layer{stage}")):
            first = stride if index == 0 else 1
            assert block.conv1.stride == (first, first)  # Caffe: in the first 1x1
            assert block.conv2.stride == (1, 1)
            assert block.conv2.dilation == (dilation, dilation)
            assert block.conv2.padding == (dilation, dilation)
    counts = [len(getattr(backbone, f"layer{stage}")) for stage in range(1, 5)]
    assert counts == [3, 4, 23, 3]


def test_frozen_also_in_training(backbone):
    backbone.train()
    assert not any(parameter.requires_grad for parameter in backbone.parameters())
    norms = [m for m in backbone.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert len(norms) == 104
    assert not any(norm.training for norm in norms)
    before = [norm.running_mean.clone() for norm in norms]
    levels = backbone(torch.randn(2, 3, 64, 96))
    assert [tuple(level.shape[-2:]) for level in levels] == [(8, 12)] * 3
    assert not any(level.requires_grad for level in levels)
    for norm, mean in zip(norms, before, strict=True):
        assert torch.equal(norm.running_mean, mean)
