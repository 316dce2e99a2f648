import math

import pytest
import torch

from mmris.models import (
    DecoderFusion,
    KeepScaleReinjection,
    UnitFusedReinjection,
    UnitReinjection,
)
from mmris.models.backbones import read_levels
from mmris.models.necks import reinjection as reinjection_file
from mmris.structures import LevelSpec, TextSpec
from tests.models.backbones.test_stages import CONVNEXT, MMSEG_RESNET, MMSEG_SWIN, build
from tests.models.necks.test_encoder_fusion import (
    BLOCK,
    INDEX,
    fuse,
    make_neck,
    make_text,
)
from tests.parts import assert_same
from tests.references.changed_backbone import changed
from tests.seeded_bugs import broken


def length(vector):
    return math.sqrt(sum(value**2 for value in vector.tolist()))


# Of one place: e of the level, f of the fused map.
EQUATIONS = {
    "UnitReinjection": lambda e, f: e / length(e) + f / length(f),
    "KeepScaleReinjection": lambda e, f: e + length(e) * f / length(f),
    "UnitFusedReinjection": lambda e, f: e + f / length(f),
}
CLASSES = {
    "UnitReinjection": UnitReinjection,
    "KeepScaleReinjection": KeepScaleReinjection,
    "UnitFusedReinjection": UnitFusedReinjection,
}


def make_maps():
    torch.manual_seed(0)
    return 5 * torch.randn(2, 2, 3, 4, 2, dtype=torch.float64)


def equals(module, equation):
    level, fused = make_maps()
    found = module(level, fused)
    expected = torch.zeros_like(level)
    for n in range(2):
        for h in range(4):
            for w in range(2):
                e, f = level[n, :, h, w], fused[n, :, h, w]
                expected[n, :, h, w] = equation(e, f)
    return torch.allclose(found, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", EQUATIONS)
def test_equals_its_equation_place_by_place(name):
    assert equals(CLASSES[name](), EQUATIONS[name])


BUGS = {
    "over the places": [
        (
            "UnitReinjection",
            "unit_length(level, dim=1) + unit_length(fused, dim=1)",
            "unit_length(level, dim=2) + unit_length(fused, dim=2)",
        ),
        (
            "KeepScaleReinjection",
            "dim=1, keepdim=True",
            "dim=2, keepdim=True",
        ),
        (
            "UnitFusedReinjection",
            "unit_length(fused, dim=1)",
            "unit_length(fused, dim=3)",
        ),
    ],
    "exchanged": [
        (
            "KeepScaleReinjection",
            "level + norm * unit_length(fused, dim=1)",
            "fused + norm * unit_length(level, dim=1)",
        ),
        (
            "UnitFusedReinjection",
            "at_least_float32(level) + unit_length(fused",
            "at_least_float32(fused) + unit_length(level",
        ),
    ],
    "level lost": [
        ("UnitReinjection", "unit_length(level, dim=1) + ", ""),
        ("KeepScaleReinjection", "return level + norm *", "return norm *"),
        ("UnitFusedReinjection", "return at_least_float32(level) + ", "return "),
    ],
    "fused map lost": [
        ("UnitReinjection", " + unit_length(fused, dim=1)", ""),
        ("KeepScaleReinjection", " + norm * unit_length(fused, dim=1)", ""),
    ],
    "not scaled": [
        ("UnitReinjection", "+ unit_length(fused, dim=1)", "+ fused"),
        ("KeepScaleReinjection", "norm * unit_length", "unit_length"),
        ("UnitFusedReinjection", "+ unit_length(fused, dim=1)", "+ fused"),
    ],
}


@pytest.mark.parametrize("bug", BUGS)
def test_a_seeded_bug_is_seen(bug):
    for name, old, new in BUGS[bug]:
        wrong = broken(reinjection_file, name, old, new)
        assert not equals(wrong(), EQUATIONS[name]), name


def test_the_scale_that_is_kept_is_a_constant():
    level, fused = make_maps().requires_grad_().unbind(0)
    (gradient,) = torch.autograd.grad(KeepScaleReinjection()(level, fused).sum(), level)
    assert torch.equal(gradient, torch.ones_like(gradient))


@pytest.mark.parametrize("name", CLASSES)
def test_zeros_and_short_numbers(name):
    level, fused = make_maps().bfloat16()
    level[0, :, 1, 1] = 0
    fused[0, :, 1, 1] = 0
    level.requires_grad_()
    joined = CLASSES[name]()(level, fused)
    assert joined.dtype == torch.float32
    assert (joined[0, :, 1, 1] == 0).all()
    joined.sum().backward()
    assert torch.isfinite(level.grad).all()


@pytest.mark.parametrize("config", [MMSEG_RESNET, MMSEG_SWIN, CONVNEXT], ids=str)
@pytest.mark.parametrize("name", CLASSES)
def test_joined_between_the_stages_before_the_outputs_norm(name, config):
    """The backbone's own forward, with hooks, one expression at a time."""
    backbone = build(config)
    neck = make_neck(backbone, stages=(1, 3), reinjection={"type": name})
    join, text = CLASSES[name](), make_text()
    images = torch.randn(2, 3, 75, 41)
    fused = fuse(neck, backbone, images, text)
    zero = torch.zeros(1, dtype=torch.int64)
    for row, image in enumerate(INDEX.tolist()):
        own = text.rows(row, row + 1)

        # What `changed` adds to the maps: what is wanted less what is there.
        def difference(stage, own=own):
            block = neck.blocks[str(stage)]
            return lambda maps: join(maps, block(maps, own, zero)) - maps

        with changed(backbone, 1, difference(1)), changed(backbone, 3, difference(3)):
            expected = backbone(images[image : image + 1])
        for level, other in enumerate(expected):
            assert_same(fused[level][row : row + 1], other)


def test_no_name_in_a_checkpoint_changes():
    backbone = build(MMSEG_RESNET)
    plain = make_neck(backbone)
    joined = make_neck(backbone, reinjection={"type": "UnitReinjection"})
    assert plain.state_dict().keys() == joined.state_dict().keys()


def test_decoder_fusion_joins_the_level_of_each_expression():
    levels = (LevelSpec(4, 8), LevelSpec(6, 16))
    arguments = {"in_levels": levels, "in_text": TextSpec(3, 7), "block": BLOCK}
    torch.manual_seed(0)
    neck = DecoderFusion(**arguments, reinjection={"type": "UnitReinjection"}).eval()
    plain = DecoderFusion(**arguments).eval()
    plain.load_state_dict(neck.state_dict())
    maps = (torch.randn(2, 4, 5, 3), torch.randn(2, 6, 3, 2))
    text = make_text()
    joined, fused = neck(maps, text, INDEX), plain(maps, text, INDEX)
    for level in range(2):
        expected = UnitReinjection()(maps[level][INDEX], fused[level])
        torch.testing.assert_close(joined[level], expected)
    chosen = DecoderFusion(
        **arguments, in_indices=[1], reinjection={"type": "UnitReinjection"}
    ).eval()
    assert chosen(maps, text, INDEX)[0].shape == (3, 6, 3, 2)


def test_decoder_fusion_refuses_another_number_of_channels():
    with pytest.raises(ValueError, match="gives 9 channels, but the map is joined to"):
        DecoderFusion(
            in_levels=read_levels(build(MMSEG_RESNET)),
            in_text=TextSpec(3, 7),
            block={**BLOCK, "out_channels": 9},
            reinjection={"type": "UnitReinjection"},
        )
