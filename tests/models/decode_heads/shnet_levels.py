"""Levels with words of their own, and lively weights, for tests of SHNet's parts."""

import torch

from mmris.structures import FusedFeatures, FusedSpec, LevelSpec, TextFeatures, TextSpec

EQUAL = [(5, 3)] * 3
FALLING = [(7, 5), (4, 5), (2, 1)]  # no side is half of another


def make_spec(num_levels=3, *, channels=4, word_channels=6):
    levels = (LevelSpec(channels, 8),) * num_levels
    return FusedSpec(levels, (TextSpec(word_channels, 2),) * num_levels)


def enliven(module):
    """Weights and statistics that leave no term of an equation small."""
    torch.manual_seed(0)
    for part in module.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.running_mean.normal_(std=0.3)
            part.running_var.uniform_(0.5, 2)
            torch.nn.init.uniform_(part.weight, 0.5, 1.5)
            torch.nn.init.normal_(part.bias)
        elif getattr(part, "bias", None) is not None:
            torch.nn.init.normal_(part.bias)
    return module.double().eval()


def make_fused(sizes, *, rows=2, per_image=frozenset(), longest=4):
    """Two or more expressions, the first of three words, the others of one."""
    torch.manual_seed(1)
    lengths = torch.tensor([3] + [1] * (rows - 1))
    mask = torch.arange(longest) < lengths[:, None]
    text = tuple(
        TextFeatures(
            torch.randn(rows, longest, 6, dtype=torch.float64),
            mask,
            torch.ones(rows, 2),
        )
        for _ in sizes
    )
    maps = tuple(
        torch.randn(2 if level in per_image else rows, 4, *size, dtype=torch.float64)
        for level, size in enumerate(sizes)
    )
    return FusedFeatures(maps, text, torch.arange(rows) % 2, per_image)


def rows_of(fused):
    """Of each expression its maps and its real words."""
    for n in range(len(fused.image_index)):
        maps = [level[n] for level in fused.expanded()]
        yield maps, [text.tokens[n][text.mask[n]] for text in fused.text]


def single_row(fused, row):
    """One expression alone."""
    return FusedFeatures(
        tuple(level[row : row + 1] for level in fused.expanded()),
        tuple(text.rows(row, row + 1) for text in fused.text),
        torch.zeros(1, dtype=torch.int64),
    )


def with_garbage(fused, value):
    """The same with something else in the padding of the words."""
    texts = []
    for text in fused.text:
        tokens = text.tokens.clone()
        tokens[~text.mask] = value
        texts.append(TextFeatures(tokens, text.mask, text.sentence))
    return FusedFeatures(fused.maps, tuple(texts), fused.image_index, fused.per_image)


def expanded(fused):
    """The same with one row an expression at every level."""
    return FusedFeatures(tuple(fused.expanded()), fused.text, fused.image_index)
