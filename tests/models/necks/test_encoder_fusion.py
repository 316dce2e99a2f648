import contextlib
import copy

import pytest
import torch
from torch import nn
from torch.utils import _pytree as pytree

from mmris.models import EncoderFusion
from mmris.models.backbones import read_levels
from mmris.registry import MODELS
from mmris.structures import LevelSpec, TextFeatures, TextSpec
from tests.models.backbones.test_stages import (
    CLIP,
    CONVNEXT,
    MMSEG_RESNET,
    MMSEG_SWIN,
    PRETRAIN_RESNET,
    PRETRAIN_SWIN,
    build,
)
from tests.parts import assert_same
from tests.references.changed_backbone import changed

FAMILIES = {
    "mmseg-resnet": MMSEG_RESNET,
    "mmseg-swin": MMSEG_SWIN,
    "pretrain-resnet": PRETRAIN_RESNET,
    "pretrain-swin": PRETRAIN_SWIN,
    "convnext": CONVNEXT,
    "clip": {**CLIP, "base_channels": 8, "pooled_channels": 6},
}
TEXT = TextSpec(3, 7)
BLOCK = {"type": "ConcatBlock", "channels": 5}
INDEX = torch.tensor([1, 0, 1])


def make_neck(backbone, **changes):
    """A neck in evaluation mode with lively normalisations."""
    backbone.eval()
    arguments = {"block": BLOCK, "stages": (1, 3), **changes}
    neck = EncoderFusion(
        in_levels=read_levels(backbone), in_text=TEXT, backbone=backbone, **arguments
    )
    for module in neck.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.5, 2)
    return neck.eval()


def make_text(rows=3):
    mask = torch.ones(rows, 4, dtype=torch.bool)
    return TextFeatures(torch.rand(rows, 4, 3), mask, torch.randn(rows, 7))


def fuse(neck, backbone, images, text, image_index=INDEX):
    return neck.decode(backbone, neck.encode(backbone, images), text, image_index)


def fuse_by_hooks(neck, backbone, image, text):
    """One expression: the backbone's own forward, with hooks that call the blocks."""
    zero = torch.zeros(1, dtype=torch.int64)
    with contextlib.ExitStack() as hooks:
        for stage in neck.stages:
            block = neck.blocks[str(stage)]
            hooks.enter_context(
                changed(backbone, stage, lambda maps, b=block: b(maps, text, zero))
            )
        return backbone(image)


@pytest.mark.parametrize("stages", [(0, 1, 2, 3), (1, 3), (2,)])
@pytest.mark.parametrize("family", FAMILIES)
def test_each_expression_equals_its_own_pass_with_hooks(family, stages):
    backbone = build(FAMILIES[family])
    neck, text = make_neck(backbone, stages=stages), make_text()
    images = torch.randn(2, 3, 75, 41)
    fused = fuse(neck, backbone, images, text)
    assert fused.per_image == frozenset(range(stages[0]))
    assert neck.spec.levels == read_levels(backbone)
    for row, image in enumerate(INDEX.tolist()):
        expected = fuse_by_hooks(
            neck, backbone, images[image : image + 1], text.rows(row, row + 1)
        )
        for level, other in enumerate(expected):
            assert other.std() > 0.01
            assert_same(fused[level][row : row + 1], other)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_block_that_adds_nothing_leaves_the_backbone(family):
    backbone = build(FAMILIES[family])
    neck = make_neck(backbone)
    for block in neck.blocks.values():
        nn.init.zeros_(block.mix[1].weight)
        nn.init.zeros_(block.mix[1].bias)
    images = torch.randn(2, 3, 75, 41)
    fused = fuse(neck, backbone, images, make_text())
    for level, expected in enumerate(backbone(images)):
        assert_same(fused[level], expected[INDEX])


@pytest.mark.parametrize("family", FAMILIES)
def test_words_at_an_early_stage_reach_the_last_level(family):
    backbone = build(FAMILIES[family])
    neck = make_neck(backbone, stages=(0,))
    images = torch.randn(1, 3, 64, 96)
    fused = fuse(neck, backbone, images, make_text(2), torch.tensor([0, 0]))
    for level in range(4):
        assert (fused[level][0] - fused[level][1]).abs().max() > 1e-3


@pytest.mark.parametrize("family", FAMILIES)
def test_images_become_expressions_at_the_first_fused_stage(family):
    backbone = build(FAMILIES[family])
    neck = make_neck(backbone, stages=(1, 3))
    if hasattr(backbone, "res_layers"):
        watched = [getattr(backbone, name)[0] for name in backbone.res_layers]
    else:
        watched = [getattr(stage, "blocks", stage)[0] for stage in backbone.stages]
    rows = []
    for module in watched:
        module.register_forward_hook(lambda _m, inputs, _o: rows.append(len(inputs[0])))
    encoded = neck.encode(backbone, torch.randn(2, 3, 64, 96))
    assert rows == [2, 2]
    for start in (0, 3):  # chunks of three expressions share the images' part
        rows.clear()
        fused = neck.decode(backbone, encoded, make_text(), INDEX)
        assert rows == [3, 3], start
        assert [len(level) for level in fused.maps] == [2, 3, 3, 3]


def test_the_first_blocks_image_part_runs_once_an_image():
    backbone = build(MMSEG_RESNET)
    neck, rows = make_neck(backbone), []
    for block in neck.blocks.values():
        block.visual.register_forward_hook(lambda _m, x, _o: rows.append(len(x[0])))
    fuse(neck, backbone, torch.randn(2, 3, 64, 96), make_text())
    assert rows == [2, 3]


def test_the_stem_as_finest_level():
    backbone = build(MMSEG_RESNET)
    neck = make_neck(backbone, stem_level=True, stages=(0, 2))
    assert neck.spec.levels == (LevelSpec(12, 2), *read_levels(backbone))
    images, seen = torch.randn(2, 3, 75, 41), []
    backbone.maxpool.register_forward_hook(lambda _m, x, _o: seen.append(x[0]))
    fused = fuse(neck, backbone, images, make_text())
    assert len(fused) == 5
    assert fused.per_image == {0}
    assert torch.equal(fused.maps[0], seen[0])


def test_the_backbone_says_what_the_head_is_given():
    backbone = build({**MMSEG_SWIN, "out_indices": (1, 2)})
    neck = make_neck(backbone, stages=(0, 2))  # stage 0 is fused and not returned
    calls = []
    backbone.stages[3].blocks[0].register_forward_hook(lambda *_: calls.append(1))
    fused = fuse(neck, backbone, torch.randn(2, 3, 64, 96), make_text())
    assert [level.channels for level in neck.spec.levels] == [24, 48]
    assert [level.shape[1] for level in fused.maps] == [24, 48]
    assert calls == []  # the last stage is of no use


@pytest.mark.parametrize("family", FAMILIES)
def test_every_parameter_has_a_gradient(family):
    backbone = build(FAMILIES[family])
    neck = make_neck(backbone)
    # Trained as a whole, but with fixed statistics: this is about who is connected.
    fused = fuse(neck, backbone, torch.randn(2, 3, 64, 96), make_text())
    sum(level.square().mean() for level in fused.maps).backward()
    for module in (backbone, neck):
        for name, parameter in module.named_parameters():
            assert parameter.grad is not None, name
            assert torch.isfinite(parameter.grad).all(), name
            assert parameter.grad.abs().sum() > 0, name


def test_the_neck_does_not_own_the_backbone_and_can_be_copied():
    backbone = build(MMSEG_RESNET)
    neck = make_neck(backbone)
    own = {id(parameter) for parameter in neck.parameters()}
    assert not own & {id(parameter) for parameter in backbone.parameters()}
    images, text = torch.randn(2, 3, 64, 96), make_text()
    expected = fuse(neck, backbone, images, text)
    found = fuse(copy.deepcopy(neck), copy.deepcopy(backbone), images, text)
    for one, other in zip(found.maps, expected.maps):
        torch.testing.assert_close(one, other)


def test_what_is_kept_of_the_images_is_a_pytree():
    backbone = build(MMSEG_RESNET)
    encoded = make_neck(backbone).encode(backbone, torch.randn(2, 3, 64, 96))
    leaves, tree = pytree.tree_flatten(encoded)
    assert len(leaves) == 3
    assert torch.equal(pytree.tree_unflatten(leaves, tree).maps, encoded.maps)


def test_messages():
    backbone = build(MMSEG_RESNET)

    def refused(match, given=backbone, **changes):
        with pytest.raises(ValueError, match=match):
            make_neck(given, **changes)

    refused(r"stages is \[3, 1\]; give increasing stages", stages=(3, 1))
    refused(r"stages is \[\]; give increasing stages", stages=())
    refused(r"stages is \[-1\]; give increasing stages", stages=(-1,))
    refused(r"stages is \[4\], but the last stage .* is 3: nobody", stages=(4,))
    shallow = build({**MMSEG_RESNET, "out_indices": (0, 1)})
    refused(r"out_indices", given=shallow, stages=(2,))
    refused(
        "gives 9 channels, but the map is added to stage 1 of the backbone, which "
        "has 16. Leave model.neck.block.out_channels out",
        block={**BLOCK, "out_channels": 9},
    )
    refused(
        "the stem of model.backbone SwinTransformer is no finer",
        given=build(MMSEG_SWIN),
        stem_level=True,
    )
    refused(
        "mmseg.MobileNetV2 cannot be run stage by stage",
        given=MODELS.build({"type": "mmseg.MobileNetV2"}),
    )
    neck = make_neck(backbone)
    with pytest.raises(TypeError, match="call encode and decode"):
        neck(backbone(torch.randn(1, 3, 64, 96)), make_text(1), INDEX[1:2])
