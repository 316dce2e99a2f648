import pytest
import torch

from mmris.models.necks import ConcatNeck
from mmris.structures import LevelSpec, TextFeatures, TextSpec
from tests.references.concat import concat_level

LEVELS = (LevelSpec(4, 8), LevelSpec(6, 16))


def make_text(rows, length=5):
    mask = torch.ones(rows, length, dtype=torch.bool)
    return TextFeatures(torch.rand(rows, length, 3), mask, torch.randn(rows, 7)).rows(
        0, rows
    )


def make_neck(**changes):
    neck = ConcatNeck(
        **{"in_levels": LEVELS, "in_text": TextSpec(3, 7), "channels": 9, **changes}
    )
    for module in neck.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(module.weight, 1, 0.3)
            torch.nn.init.normal_(module.bias)
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    return neck.double().eval()


def make_inputs():
    maps = (torch.randn(2, 4, 5, 3), torch.randn(2, 6, 3, 2))
    return tuple(level.double() for level in maps)


def doubled(text):
    return TextFeatures(text.tokens.double(), text.mask, text.sentence.double())


def test_equals_the_printed_concatenation():
    neck, maps, text = make_neck(), make_inputs(), doubled(make_text(3))
    index = torch.tensor([1, 0, 1])
    fused = neck(maps, text, index)
    for level in range(2):
        for row, image in enumerate(index.tolist()):
            expected = concat_level(neck, level, maps[level][image], text.sentence[row])
            torch.testing.assert_close(fused[level][row], expected, rtol=0, atol=1e-12)


def test_batched_equals_single_also_for_one_image_with_several_expressions():
    neck, maps, text = make_neck(), make_inputs(), doubled(make_text(4))
    index = torch.tensor([0, 0, 0, 1])
    fused = neck(maps, text, index)
    for row, image in enumerate(index.tolist()):
        alone = neck(
            tuple(level[image : image + 1] for level in maps),
            text.rows(row, row + 1),
            torch.zeros(1, dtype=torch.int64),
        )
        for level in range(2):
            torch.testing.assert_close(fused[level][row : row + 1], alone[level])


def test_chosen_levels():
    neck = make_neck(in_indices=[1])
    assert neck.spec.channels == (9,)
    assert neck.spec.levels[0].stride == 16
    fused = neck(make_inputs(), doubled(make_text(2)), torch.tensor([0, 1]))
    assert [tuple(level.shape) for level in fused.maps] == [(2, 9, 3, 2)]


def test_every_parameter_has_a_gradient():
    neck = make_neck().train()
    fused = neck(make_inputs(), doubled(make_text(2)), torch.tensor([0, 1]))
    sum((level * torch.randn_like(level)).sum() for level in fused.maps).backward()
    for name, parameter in neck.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().sum() > 0, name


def test_messages():
    with pytest.raises(ValueError, match=r"in_indices is \[1, 0\]; give increasing"):
        make_neck(in_indices=[1, 0])
    with pytest.raises(ValueError, match=r"is \[2\], but model.backbone gives 2 lev"):
        make_neck(in_indices=[2])
    with pytest.raises(ValueError, match=r"is \[\]; give increasing"):
        make_neck(in_indices=[])
