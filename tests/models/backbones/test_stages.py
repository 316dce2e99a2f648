import pytest
import torch
from torch import nn

from mmris.models.backbones import find_stages, read_levels, read_stage_levels
from mmris.models.backbones.stages import SUPPORTED_BACKBONES
from mmris.registry import MODELS
from mmris.structures import LevelSpec
from tests.references.changed_backbone import changed

MMSEG_RESNET = {"type": "mmseg.ResNet", "depth": 18, "base_channels": 8}
MMSEG_RESNET["stem_channels"] = 12
BOTTLENECK = {"depth": 50, "base_channels": 4, "stem_channels": 8}
PRETRAIN_RESNET = {
    "type": "mmpretrain.ResNet",
    "depth": 18,
    "base_channels": 8,
    "stem_channels": 8,
    "out_indices": (0, 1, 2, 3),
}
DILATED = {"strides": (1, 2, 1, 1), "dilations": (1, 1, 2, 4)}
MMSEG_SWIN = {
    "type": "mmseg.SwinTransformer",
    "embed_dims": 12,
    "depths": (1, 2, 2, 1),
    "num_heads": (1, 1, 2, 2),
    "window_size": 3,
    "drop_path_rate": 0.4,
    "drop_rate": 0.2,
}
PRETRAIN_SWIN = {
    "type": "mmpretrain.SwinTransformer",
    "arch": {"embed_dims": 12, "depths": [1, 2, 2, 1], "num_heads": [1, 1, 2, 2]},
    "window_size": 3,
    "pad_small_map": True,
    "out_indices": (0, 1, 2, 3),
    "drop_path_rate": 0.4,
}
CONVNEXT = {
    "type": "mmpretrain.ConvNeXt",
    "arch": {"depths": [1, 2, 2, 1], "channels": [8, 12, 16, 20]},
    "out_indices": (0, 1, 2, 3),
    "gap_before_final_norm": False,
    "drop_path_rate": 0.4,
}
# As wide after the pool as before, for tests that read levels in two ways.
CLIP = {"type": "CLIPResNet", "base_channels": 4, "pooled_channels": 128}
BACKBONES = {
    "clip": CLIP,
    "clip-two-levels": {**CLIP, "out_indices": (1, 3)},
    "clip-unpooled": {**CLIP, "use_attention_pool": False, "out_indices": (0, 2)},
    "resnet": MMSEG_RESNET,
    "resnet-v1c-dilated": {"type": "mmseg.ResNetV1c", **BOTTLENECK, **DILATED},
    "resnet-v1d": {"type": "mmseg.ResNetV1d", **BOTTLENECK, "out_indices": (1, 3)},
    "resnet-three-stages": {
        **MMSEG_RESNET,
        "num_stages": 3,
        "strides": (1, 2, 2),
        "dilations": (1, 1, 1),
        "out_indices": (0, 1, 2),
    },
    "pretrain-resnet": PRETRAIN_RESNET,
    "pretrain-resnet-v1c-dilated": {
        **PRETRAIN_RESNET,
        **DILATED,
        "type": "mmpretrain.ResNetV1c",
    },
    "swin": MMSEG_SWIN,
    "swin-two-levels": {**MMSEG_SWIN, "out_indices": (1, 2)},
    "pretrain-swin": PRETRAIN_SWIN,
    "pretrain-swin-positions": {
        **PRETRAIN_SWIN,
        "use_abs_pos_embed": True,
        "out_indices": (2,),
    },
    "pretrain-swin-merged": {**PRETRAIN_SWIN, "out_after_downsample": True},
    "convnext": CONVNEXT,
    "convnext-v2": {**CONVNEXT, "use_grn": True, "out_indices": [1, -1]},
}


def build(config):
    """A backbone none of whose weights is zero or one."""
    torch.manual_seed(0)
    backbone = MODELS.build(config)
    for parameter in backbone.parameters():
        nn.init.normal_(parameter, std=0.2)
    return backbone


def run(backbone, images, changes=None):
    """All levels by stages; ``changes`` are added to the outputs of stages."""
    stages = find_stages(backbone)
    maps, levels = stages.stem(backbone, images), []
    for stage in range(stages.num_stages(backbone)):
        maps = stages.run(backbone, stage, maps)
        if changes and stage in changes:
            maps = maps + changes[stage]
        if stage in stages.out_stages(backbone):
            levels.append(stages.output(backbone, stage, maps))
    return levels


def compare(found, expected):
    assert len(found) == len(expected)
    for one, other in zip(found, expected):
        assert torch.isfinite(other).all()
        assert torch.equal(one, other)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", BACKBONES)
def test_unchanged_stages_give_exactly_what_the_backbone_gives(name, training):
    backbone = build(BACKBONES[name])
    backbone.train(training)
    for size in ((64, 96), (75, 41)):
        images = torch.randn(2, 3, *size)
        torch.manual_seed(1)
        expected = backbone(images)
        torch.manual_seed(1)
        compare(run(backbone, images), expected)


def test_absolute_positions_of_mmsegs_swin():
    config = {**MMSEG_SWIN, "use_abs_pos_embed": True, "pretrain_img_size": (48, 64)}
    backbone = build(config)
    backbone.eval()
    images = torch.randn(1, 3, 48, 64)
    compare(run(backbone, images), backbone(images))


@pytest.mark.parametrize("name", BACKBONES)
def test_a_change_comes_before_the_norm_and_reaches_all_later_stages(name):
    backbone = build(BACKBONES[name])
    backbone.eval()
    images = torch.randn(2, 3, 75, 41)
    stages = find_stages(backbone)
    plain, maps = backbone(images), stages.stem(backbone, images)
    for stage in range(stages.out_stages(backbone)[-1] + 1):
        maps = stages.run(backbone, stage, maps)
        change = torch.randn(maps.shape)
        with changed(backbone, stage, lambda _, change=change: change):
            expected = backbone(images)
        found = run(backbone, images, {stage: change})
        for index, out in enumerate(stages.out_stages(backbone)):
            torch.testing.assert_close(found[index], expected[index])
            assert torch.equal(found[index], plain[index]) == (out < stage)


@pytest.mark.parametrize("name", BACKBONES)
def test_levels_of_stem_and_stages(name):
    backbone = build(BACKBONES[name])
    stages = find_stages(backbone)
    stem, levels = read_stage_levels(stages, backbone)
    assert all(not parameter.is_meta for parameter in backbone.parameters())
    assert tuple(levels[i] for i in stages.out_stages(backbone)) == read_levels(
        backbone
    )
    maps = stages.stem(backbone, torch.randn(1, 3, 64, 96))
    assert maps.shape == (1, stem.channels, 64 // stem.stride, 96 // stem.stride)


def test_the_stem_of_a_resnet_is_taken_before_max_pooling():
    stages = find_stages(build(MMSEG_RESNET))
    stem, _ = read_stage_levels(stages, build(MMSEG_RESNET))
    assert stem == LevelSpec(12, 2)


def test_frozen_stages_and_norms_stay_frozen():
    config = {**MMSEG_RESNET, "frozen_stages": 1, "norm_eval": True}
    backbone = build(config)
    backbone.train()
    before = {name: value.clone() for name, value in backbone.named_buffers()}
    run(backbone, torch.randn(2, 3, 64, 96))[-1].sum().backward()
    assert backbone.layer1[0].conv1.weight.grad is None
    assert backbone.layer2[0].conv1.weight.grad is not None
    for name, value in backbone.named_buffers():
        assert torch.equal(value, before[name]), name


def test_messages():
    with pytest.raises(ValueError, match="mmseg.MixVisionTransformer cannot be run st"):
        find_stages(MODELS.build({"type": "mmseg.MixVisionTransformer"}))
    with pytest.raises(ValueError, match=", ".join(SUPPORTED_BACKBONES)):
        find_stages(nn.Identity())
    with pytest.raises(ValueError, match="gap_before_final_norm=False"):
        find_stages(build({**CONVNEXT, "gap_before_final_norm": True}))

    # It derives from ResNet, but its forward knows no max-pooling.
    with pytest.raises(ValueError, match="mmpretrain.ResNet_CIFAR cannot be run"):
        find_stages(MODELS.build({"type": "mmpretrain.ResNet_CIFAR", "depth": 18}))
    assert SUPPORTED_BACKBONES == (
        "mmseg.ResNet",
        "mmseg.SwinTransformer",
        "mmpretrain.ResNet",
        "mmpretrain.SwinTransformer",
        "mmpretrain.ConvNeXt",
        "mmris.CLIPResNet",
    )
