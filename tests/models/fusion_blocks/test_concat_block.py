import torch

from mmris.models.fusion_blocks import ConcatBlock
from mmris.structures import LevelSpec, TextFeatures, TextSpec
from tests.references.concat import concat_fuse


def make_text(rows, length=5):
    mask = torch.ones(rows, length, dtype=torch.bool)
    tokens = torch.randn(rows, length, 3, dtype=torch.float64)
    return TextFeatures(tokens, mask, torch.randn(rows, 7, dtype=torch.float64))


def make_block(**changes):
    block = ConcatBlock(
        **{
            "in_level": LevelSpec(4, 8),
            "in_text": TextSpec(3, 7),
            "channels": 9,
            "out_channels": 6,
            **changes,
        }
    )
    for module in block.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(module.weight, 1, 0.3)
            torch.nn.init.normal_(module.bias)
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    return block.double().eval()


def test_equals_the_printed_concatenation():
    block, text = make_block(), make_text(3)
    level = torch.randn(2, 4, 5, 3, dtype=torch.float64)
    index = torch.tensor([1, 0, 1])
    fused = block(level, text, index)
    assert fused.shape == (3, 6, 5, 3)
    for row, image in enumerate(index.tolist()):
        expected = concat_fuse(block, level[image], text.sentence[row])
        torch.testing.assert_close(fused[row], expected, rtol=0, atol=1e-12)


def test_as_many_channels_as_the_level_unless_said_otherwise():
    block = make_block(out_channels=None)
    assert block.out_channels == 4
    level = torch.randn(1, 4, 3, 5, dtype=torch.float64)
    assert block(level, make_text(1), torch.tensor([0])).shape == (1, 4, 3, 5)


def test_every_parameter_has_a_gradient():
    block = make_block().train()
    level = torch.randn(2, 4, 5, 3, dtype=torch.float64)
    fused = block(level, make_text(2), torch.tensor([0, 1]))
    (fused * torch.randn_like(fused)).sum().backward()
    for name, parameter in block.named_parameters():
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().sum() > 0, name
