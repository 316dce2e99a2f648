"""Levels and lively weights for tests of CEFNet's decoders."""

import torch

from mmris.models.decode_heads.boundary_enhancement_transformer import (
    SpatialTransformer,
)
from mmris.structures import FusedFeatures, FusedSpec, LevelSpec, TextFeatures, TextSpec
from tests.models.decode_heads.shnet_levels import enliven as enliven_common

# Sizes finest first; sides are no multiples of each other, and two levels are equal.
SIZES = {
    2: [(7, 5), (4, 3)],
    3: [(6, 7), (6, 3), (2, 3)],
    5: [(9, 7), (5, 6), (3, 4), (2, 3), (2, 3)],
}
CHANNELS = (3, 4, 5, 2, 6)
WIDTHS = (2, 3, 4, 3, 5)


def make_spec(num_levels):
    levels = tuple(LevelSpec(channels, 4) for channels in CHANNELS[:num_levels])
    return FusedSpec(levels, (TextSpec(3, 3),) * num_levels)


def make_fused(num_levels=3, *, rows=2, per_image=frozenset(), dtype=torch.float64):
    """Expressions of two images, the second one first."""
    torch.manual_seed(1)
    mask = torch.ones(rows, 2, dtype=torch.bool)
    text = TextFeatures(torch.rand(rows, 2, 3), mask, torch.rand(rows, 3))
    maps = tuple(
        torch.randn(2 if level in per_image else rows, CHANNELS[level], *size).to(dtype)
        for level, size in enumerate(SIZES[num_levels])
    )
    index = 1 - torch.arange(rows) % 2
    return FusedFeatures(maps, (text,) * num_levels, index, per_image)


def enliven(module):
    """Also slopes, and maps that turn, shrink and shift: else Eq. (9) is zero."""
    enliven_common(module)
    for part in module.modules():
        if isinstance(part, torch.nn.PReLU):
            torch.nn.init.uniform_(part.weight, 0.1, 0.6)
        if isinstance(part, SpatialTransformer):
            torch.nn.init.normal_(part.delta.weight, std=0.1)
            torch.nn.init.uniform_(part.delta.bias, -0.3, 0.3)
    return module


def all_outputs(head, fused):
    """Logits as ``mask_1`` and the outputs for training, by running statistics."""
    head.eval()
    head.training = True  # not its parts: they keep to the running statistics
    output = head.__class__.forward(head, fused)
    head.training = False
    return {"mask_1": output.logits, **output.aux}


def agrees(head, fused, literal):
    """Whether all outputs of all expressions are those of the loops."""
    found = all_outputs(head, fused)
    for row in range(len(fused.image_index)):
        wanted = literal(head, [level[row] for level in fused.expanded()])
        if set(found) != set(wanted):
            return False
        for name, value in wanted.items():
            if not torch.allclose(found[name][row], value, rtol=0, atol=1e-10):
                return False
    return True
