import pytest
import torch

from mmris.models import DecoderFusion, UnfusedLevelsNeck
from mmris.models.backbones import read_levels
from mmris.structures import LevelSpec
from tests.models.backbones.test_stages import MMSEG_RESNET, MMSEG_SWIN, build
from tests.models.necks.test_encoder_fusion import BLOCK, INDEX, TEXT, fuse, make_text

INNER = {"type": "DecoderFusion", "block": BLOCK, "in_indices": (1, 2, 3)}


def make_neck(backbone, **changes):
    arguments = {"neck": INNER, "in_indices": (0,), **changes}
    backbone.eval()
    levels = read_levels(backbone)
    torch.manual_seed(0)
    return UnfusedLevelsNeck(
        in_levels=levels, in_text=TEXT, backbone=backbone, **arguments
    ).eval()


@pytest.mark.parametrize("stem_level", [False, True])
def test_levels_are_handed_on_once_an_image_in_front_of_the_fused_ones(stem_level):
    backbone = build(MMSEG_RESNET)
    neck, text = make_neck(backbone, stem_level=stem_level), make_text()
    images, seen = torch.randn(2, 3, 75, 41), []
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
    for one, other in zip(fused.maps, [*first, *expected.maps], strict=True):
        torch.testing.assert_close(one, other)
    stem = [LevelSpec(12, 2)] if stem_level else []
    assert neck.spec.levels == (*stem, *read_levels(backbone))
    assert [level.shape[1] for level in fused.maps] == list(neck.spec.channels)


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
