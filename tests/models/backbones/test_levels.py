import pytest
from torch import nn

from mmris.models.backbones import read_levels
from mmris.registry import MODELS
from mmris.structures import LevelSpec

RESNET = {"type": "mmseg.ResNetV1c", "depth": 18, "base_channels": 16}


def test_mmseg_resnet_is_left_as_it_was():
    backbone = MODELS.build(RESNET)
    levels = read_levels(backbone)
    assert levels == tuple(LevelSpec(16 * 2**i, 4 * 2**i) for i in range(4))
    assert backbone.training
    assert all(not parameter.is_meta for parameter in backbone.parameters())
    # Only those of the copy hand on what they get.
    assert not any("forward" in vars(module) for module in backbone.modules())


def test_dilated_levels_may_share_a_stride():
    backbone = MODELS.build(
        {**RESNET, "strides": (1, 2, 1, 1), "dilations": (1, 1, 2, 4)}
    )
    assert [level.stride for level in read_levels(backbone)] == [4, 8, 8, 8]


class Pooled(nn.Module):
    def forward(self, images):
        return (images.mean((2, 3)),)


class Reversed(nn.Module):
    def forward(self, images):
        return images[..., ::8, ::8], images[..., ::4, ::4]


class Broken(nn.Module):
    def forward(self, images):
        return images.sum().item()


def test_messages():
    with pytest.raises(ValueError, match="gap_before_final_norm=False"):
        read_levels(Pooled())
    with pytest.raises(ValueError, match=r"strides \[8, 4\]; they must go from fine"):
        read_levels(Reversed())
    with pytest.raises(ValueError, match="Say its levels in model.backbone_levels"):
        read_levels(Broken())
