import pytest
import torch

from mmris.models import DecoderFusion, UnfusedLevelsNeck
from mmris.models.backbones import read_levels
from mmris.models.necks import unfused_levels_neck as file
from mmris.structures import LevelSpec
from tests.models.backbones.test_stages import MMSEG_RESNET, MMSEG_SWIN, build
from tests.models.necks.test_encoder_fusion import BLOCK, INDEX, TEXT, fuse, make_text
from tests.seeded_bugs import broken

INNER = {"type": "DecoderFusion", "block": BLOCK, "in_indices": (1, 2, 3)}


def make_neck(backbone, *, neck_class=UnfusedLevelsNeck, **changes):
    arguments = {"neck": INNER, "in_indices": (0,), **changes}
    backbone.eval()
    levels = read_levels(backbone)
    torch.manual_seed(0)
    return neck_class(
        in_levels=levels, in_text=TEXT, backbone=backbone, **arguments
    ).eval()


def check(neck_class, *, stem_level):
    """The backbone's levels as they are, then what the inner neck gives."""
    backbone = build(MMSEG_RESNET)
    neck = make_neck(backbone, neck_class=neck_class, stem_level=stem_level)
    text, images, seen = make_text(), torch.randn(2, 3, 75, 41), []
    backbone.maxpool.register_forward_hook(lambda _m, x, _o: seen.append(x[0]))
    fused = fuse(neck, backbone, images, text)
    own = backbone(images)
    inner = DecoderFusion(
        in_levels=read_levels(backbone), in_text=TEXT, block=BLOCK, in_indices=(1, 2, 3)
    ).eval()
    inner.load_state_dict(neck.neck.state_dict())
    expected = inner(own, text, INDEX)
    first = ([seen[0]] if stem_level else []) + [own[0]]
    assert fused.per_image == frozenset(range(len(first)))
    assert len(fused.maps) == len(fused.text) == len(first) + 3
    for one, other in zip(fused.maps, [*first, *expected.maps], strict=True):
        torch.testing.assert_close(one, other)
    stem = [LevelSpec(12, 2)] if stem_level else []
    assert neck.spec.levels == (*stem, *read_levels(backbone))
    assert [level.shape[1] for level in fused.maps] == list(neck.spec.channels)


@pytest.mark.parametrize("stem_level", [False, True])
def test_levels_are_handed_on_once_an_image_in_front_of_the_fused_ones(stem_level):
    check(UnfusedLevelsNeck, stem_level=stem_level)


def test_several_levels_handed_on():
    backbone = build(MMSEG_RESNET)
    neck = make_neck(backbone, neck={**INNER, "in_indices": (2, 3)}, in_indices=(0, 1))
    fused = fuse(neck, backbone, torch.randn(2, 3, 64, 96), make_text())
    assert fused.per_image == {0, 1}
    for level in range(4):
        assert fused[level].shape[0] == len(INDEX)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("(*projected.unfused, *fused.maps)", "(*fused.maps, *projected.unfused)"),
        ("frozenset(range(count)) | per_image", "frozenset(per_image)"),
        ("_ImagePart(self.select(levels), projected)", "_ImagePart(levels, projected)"),
        ("stem = maps = self.family.stem", "maps = stem = 2 * self.family.stem"),
        ("self.neck.project(self.neck.select(levels))", "self.neck.project(levels)"),
        ("(stem, *unfused), projected)", "(*unfused, stem), projected)"),
        ("(text,) * count + fused.text", "(text,) + fused.text"),
    ],
)
def test_seeded_bugs_are_seen(old, new):
    neck_class = broken(file, "UnfusedLevelsNeck", old, new)
    with pytest.raises((AssertionError, RuntimeError, ValueError)):
        check(neck_class, stem_level=True)


def test_messages():
    backbone = build(MMSEG_RESNET)

    def refused(match, given=backbone, **changes):
        with pytest.raises(ValueError, match=match):
            make_neck(given, **changes)

    refused(
        "EncoderFusion, which runs the backbone itself; choose one that works after",
        neck={"type": "EncoderFusion", "block": BLOCK, "stages": (1,)},
    )
    refused(
        r"have strides \[8, 4, 8\]",
        in_indices=(1,),
        neck={**INNER, "in_indices": (0, 1)},
    )
    refused(
        "would give 6 levels, 5 are allowed",
        neck={**INNER, "in_indices": (0, 1, 2, 3)},
        stem_level=True,
    )
    refused(
        "is no finer than its first stage", given=build(MMSEG_SWIN), stem_level=True
    )
