"""Blocks, words and levels for the tests of CEFNet's fusion."""

import torch
from torch import nn

from mmris.models.fusion_blocks import CoAttentionBlock
from mmris.models.layers import MaskedBatchNorm
from mmris.structures import LevelSpec, TextFeatures, TextSpec
from tests.references.co_attention import co_attention_block

INDEX = torch.tensor([0, 1, 1])
LENGTHS = [4, 1, 3]
VANILLA = {"type": "VanillaCoAttention", "attention_channels": 3}
ASYMMETRIC = {
    "type": "AsymmetricCoAttention",
    "attention_channels": 3,
    "pool_sizes": (1, 2, 3),
}
KINDS = {
    "vanilla": VANILLA,
    "vanilla without a matrix": {**VANILLA, "explicit_positions": 0},
    "vanilla normalised": {**VANILLA, "affinity_norm": True},
    "vanilla without convolutions": {**VANILLA, "pre_conv": False},
    "asymmetric": ASYMMETRIC,
    "asymmetric linear": {**ASYMMETRIC, "affinity_norm": False},
    "none": None,
}


def liven(module):
    """Weights that choose, and statistics that are not those of a new module."""
    for part in module.modules():
        if isinstance(part, (nn.BatchNorm2d, MaskedBatchNorm)):
            nn.init.uniform_(part.weight, 0.5, 1.5)
            nn.init.normal_(part.bias, std=0.5)
            part.running_mean.normal_(std=0.1)
            part.running_var.uniform_(0.3, 2)
        elif isinstance(part, (nn.Conv2d, nn.Linear)):
            nn.init.normal_(part.weight, std=0.7)
            if part.bias is not None:
                nn.init.normal_(part.bias)
    return module


def make_block(co_attention=VANILLA, **changes):
    """A block in evaluation mode."""
    torch.manual_seed(0)
    block = CoAttentionBlock(
        **{
            "in_level": LevelSpec(5, 8),
            "in_text": TextSpec(4, 6),
            "channels": 7,
            "co_attention": co_attention,
            **changes,
        }
    )
    return liven(block).double().eval()


def make_text(lengths=LENGTHS, longest=None):
    torch.manual_seed(1)
    longest = longest or max(lengths)
    mask = torch.arange(longest) < torch.tensor(lengths)[:, None]
    tokens = torch.randn(len(lengths), longest, 4, dtype=torch.float64)
    tokens = tokens.masked_fill(~mask[..., None], 0.0)
    sentence = torch.randn(len(lengths), 6, dtype=torch.float64)
    return TextFeatures(tokens, mask, sentence)


def make_level(size=(4, 3)):
    torch.manual_seed(2)
    return torch.randn(2, 5, *size, dtype=torch.float64)


def make_maps(size=(4, 3), rows=2, channels=7):
    """M and L for a co-attention alone, each place of length 1."""
    torch.manual_seed(3)
    maps = torch.randn(2, rows, channels, *size, dtype=torch.float64)
    return nn.functional.normalize(maps, dim=2).unbind(0)


def literally(block, level, text, index=INDEX):
    rows = [
        co_attention_block(
            block, level[image], text.tokens[n], text.mask[n], text.sentence[n]
        )
        for n, image in enumerate(index.tolist())
    ]
    return torch.stack(rows)


def agrees(result, expected, inputs):
    """Whether values and gradients are the same."""
    if not torch.allclose(result, expected, rtol=0, atol=1e-9):
        return False
    torch.manual_seed(4)
    seed = torch.randn_like(expected)
    found, wanted = (
        torch.autograd.grad((value * seed).sum(), inputs, materialize_grads=True)
        for value in (result, expected)
    )
    return all(
        torch.allclose(one, other, rtol=1e-8, atol=1e-9)
        for one, other in zip(found, wanted, strict=True)
    )
