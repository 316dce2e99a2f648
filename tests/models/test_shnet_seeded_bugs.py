"""The comparisons with SHNet's equations see the bugs that are easy to make.

Each test runs a copy of a module with one line broken on purpose and asserts that the
comparison fails.
"""

import pytest

from mmris.models import decode_heads
from mmris.models.decode_heads import _aspp as aspp_file
from mmris.models.decode_heads import channel_gated_exchange as channel_file
from mmris.models.decode_heads import conv3d_aggregation as conv3d_file
from mmris.models.decode_heads import conv_upsample_mask_decoder as upsample_file
from mmris.models.decode_heads import deep_upsample_mask_decoder as deep_file
from mmris.models.decode_heads import gated_bidirectional_aggregation as both_ways_file
from mmris.models.decode_heads import hierarchical_cross_modal_exchange as hcam_file
from mmris.models.necks import _grid_level as grid_file
from mmris.models.necks import _joint_layer as layer_file
from mmris.models.necks import _sinusoids as sinusoids_file
from mmris.models.necks import synchronous_fusion as neck_file
from tests.models.decode_heads import (
    test_channel_gated_exchange as channel_test,
)
from tests.models.decode_heads import (
    test_conv3d_aggregation as conv3d_test,
)
from tests.models.decode_heads import (
    test_conv_upsample_mask_decoder as decoder_test,
)
from tests.models.decode_heads import (
    test_gated_bidirectional_aggregation as both_ways_test,
)
from tests.models.decode_heads import (
    test_hierarchical_cross_modal_exchange as hcam_test,
)
from tests.models.decode_heads.shnet_levels import FALLING, make_fused
from tests.models.necks import test_synchronous_fusion as neck_test
from tests.references import shnet_decoders
from tests.references import synchronous_fusion as fusion_reference
from tests.seeded_bugs import broken

ATTENTION = {
    "mask flipped": ("attn_mask=mask[:,", "attn_mask=~mask[:,"),
    "scale changed": ("dropout_p=", "scale=1.0, dropout_p="),
    "heads interleaved": (
        "tokens.view(rows, length, self.num_heads, -1).transpose(1, 2)",
        "tokens.view(rows, length, -1, self.num_heads).permute(0, 3, 1, 2)",
    ),
    "query and key exchanged": (
        "query=self.query(placed),\n            key=self.key(placed)",
        "query=self.key(placed),\n            key=self.query(placed)",
    ),
    "no normalisation": ("plain = self.norm(tokens)", "plain = tokens"),
    "positions not in values": (
        "self.position_in_values else plain",
        "self.residual else plain",
    ),
    "residual in the equation": ("if self.residual else None", "if True else None"),
}
BLOCK = {
    **{bug: ATTENTION[bug] for bug in ("mask flipped", "scale changed")},
    "residual forgotten": ("tokens + changed if self.residual else changed", "changed"),
    "normalised tokens as residual": (
        "residual=tokens if self.residual",
        "residual=plain if self.residual",
    ),
    "positions in values": ("placed if self.position_in_values else plain", "placed"),
}
NECK = {
    "height and width exchanged": (
        "cell_positions(*self.grid_size,",
        "cell_positions(*self.grid_size[::-1],",
    ),
    "words of another image": (
        "projected.cells.take(image_index)",
        "projected.cells.take(image_index.flip(0))",
    ),
    "mask ahead of the cells": (
        "pad(text.mask, (num_cells, 0), value=True)",
        "pad(text.mask, (0, num_cells), value=True)",
    ),
    "padding in the sentence": (
        "sentence = masked_mean(words, text.mask)",
        "sentence = words.mean(dim=1)",
    ),
    "map laid out column by column": (
        "cells.reshape(-1, self.channels, *self.grid_size)",
        "cells.reshape(-1, self.channels, *self.grid_size[::-1]).transpose(2, 3)",
    ),
    "later layers without the order of words": (
        "torch.cat([projected.position, position])",
        "torch.cat([projected.position, position.flip(0)])",
    ),
}
GRID = {
    "fold of the wrong taps": ("[first, second + third]", "[first + second, third]"),
    "padding below": ("(1, 0, 1, 0)", "(0, 1, 0, 1)"),
    "one axis folded twice": ("dim=2), dim=3)", "dim=2), dim=2)"),
    "average instead of maximum": ("AdaptiveMaxPool2d", "AdaptiveAvgPool2d"),
    "plain ReLU": ("leaky_relu(", "relu("),
}
HCAM = {
    "words of the target": ("_tiled_conv(said[source]", "_tiled_conv(said[target]"),
    "padding in the mean word": (
        "masked_mean(text.tokens, text.mask)",
        "text.tokens.mean(dim=1)",
    ),
    "every tap everywhere": ("taps @ inside", "taps @ torch.ones_like(inside)"),
    "from what has changed": (
        "gate * resize_to(foreign,",
        "gate * resize_to(maps[source],",
    ),
    "no sigmoid": ("torch.sigmoid(self", "torch.tanh(self"),
    "mask of the map turned": (
        "torch.ones(1, 1, *size,",
        "torch.ones(1, 1, *size[::-1],",
    ),
    "kernel turned": ("kernel.flatten(2)", "kernel.transpose(2, 3).flatten(2)"),
}
CONV3D = {
    "levels backwards": ("for level in levels]", "for level in levels[::-1]]"),
    "no normalisation": ("self.norm(joint)", "joint"),
    "plain ReLU": ("leaky_relu(", "relu("),
    "height and width exchanged": (
        "self.conv(stack).squeeze(2)",
        "self.conv(stack.transpose(3, 4)).squeeze(2).transpose(2, 3)",
    ),
    "the finest level repeated": (
        "resize_to(level, size)",
        "resize_to(levels[0], size)",
    ),
}
CHANNEL = {
    "gates exchanged": ("candidate, memory, reset =", "candidate, reset, memory ="),
    "no offset": ("torch.sigmoid(memory + 1)", "torch.sigmoid(memory)"),
    "sum of the others": (".mean(dim=0)", ".sum(dim=0)"),
    "the level instead of the candidate": ("* candidate", "* level"),
    "no tanh": ("torch.tanh(joint)", "joint"),
    "the level among the others": ("if index != target", "if True"),
}
BOTH_WAYS = {
    "gate on the second": ("* first + second", "* second + first"),
    "one end only": ("self._merge(levels[::-1])", "self._merge(levels)"),
    "no ReLU": ("torch.relu(seen", "(seen"),
    "padding in the mean word": (
        "masked_mean(text.tokens, text.mask)",
        "text.tokens.mean(dim=1)",
    ),
    "words forgotten": ("heard[:, :, None, None]", "0 * heard[:, :, None, None]"),
    "order of the pair": ("[first, second], dim=1", "[second, first], dim=1"),
}
ASPP = {
    "fold too early": (">= length", ">= length - 1"),
    "a corner tap": ("narrow(2 + axis, 1, 1)", "narrow(2 + axis, 0, 1)"),
    "dilation forgotten": ("dilation=conv.dilation", "dilation=1"),
    "no pooling": ("features.mean(dim=(2, 3), keepdim=True)", "features[:, :, :1, :1]"),
    "axes exchanged": ("features.shape[-2:]):", "features.shape[:1:-1]):"),
}
UPSAMPLE = {
    "corners aligned": ("align_corners=False", "align_corners=True"),
    "nearest": ('mode="bilinear", align_corners=False', 'mode="nearest"'),
}
DEEP = {
    "one convolution fewer": (
        "            conv_block(channels, channels, kernel_size=3),\n"
        "            nn.Dropout2d(dropout),\n            conv_block(",
        "            nn.Identity(),\n            nn.Dropout2d(dropout),\n"
        "            conv_block(",
    ),
}


def cases(bugs):
    return pytest.mark.parametrize("bug", list(bugs.values()), ids=list(bugs))


def survives(check):
    """Whether a comparison passes; a broken module may also fail to run."""
    try:
        return check()
    except (RuntimeError, ValueError, IndexError, AttributeError, TypeError):
        return False


def fusion_agrees(*, released=False):
    changes = neck_test.RELEASED if released else {}
    block = fusion_reference.released if released else fusion_reference.printed
    neck, text = neck_test.make_neck(**changes), neck_test.make_text()
    return neck_test.agrees(neck, neck_test.make_levels(), text, block)


def decoder_agrees(kind, literal):
    decoder = decoder_test.make_decoder(kind)
    return decoder_test.agrees(decoder, decoder_test.make_map((5, 3)), literal)


@cases(ATTENTION)
def test_the_printed_attention(bug, monkeypatch):
    assert fusion_agrees()
    kind = broken(layer_file, "JointLayer", *bug)
    monkeypatch.setattr(neck_file, "JointLayer", kind)
    assert not survives(fusion_agrees)


@cases(BLOCK)
def test_the_released_block(bug, monkeypatch):
    kind = broken(layer_file, "JointLayer", *bug)
    monkeypatch.setattr(neck_file, "JointLayer", kind)
    assert not survives(lambda: fusion_agrees(released=True))


@cases(NECK)
def test_the_neck(bug, monkeypatch):
    kind = broken(neck_file, "SynchronousFusion", *bug)
    monkeypatch.setattr(neck_test, "SynchronousFusion", kind)
    printed = survives(fusion_agrees)
    assert not (printed and survives(lambda: fusion_agrees(released=True)))


@cases(GRID)
def test_the_grid(bug, monkeypatch):
    kind = broken(grid_file, "GridLevel", *bug)
    monkeypatch.setattr(neck_file, "GridLevel", kind)
    assert not survives(fusion_agrees)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("[angles.sin(), angles.cos()]", "[angles.cos(), angles.sin()]"),
        ("-math.log(_BASE) / channels", "-math.log(_BASE) / (2 * channels)"),
        ("column = _word_positions(width", "column = 2 * _word_positions(width"),
        ("        column[None].expand", "        -column[None].expand"),
        (
            "torch.stack([angles.sin(), angles.cos()], dim=-1)",
            "torch.stack([angles.sin(), angles.cos()], dim=-2)",
        ),
    ],
)
def test_the_positions(old, new, monkeypatch):
    for name in ("cell_positions", "word_positions"):
        monkeypatch.setattr(neck_file, name, broken(sinusoids_file, name, old, new))
    assert not survives(fusion_agrees)


@cases(HCAM)
def test_the_hierarchical_exchange(bug, monkeypatch):
    kind = broken(hcam_file, "HierarchicalCrossModalExchange", *bug)
    monkeypatch.setattr(hcam_test, "HierarchicalCrossModalExchange", kind)
    fused = make_fused(FALLING)
    assert not survives(lambda: hcam_test.agrees(hcam_test.make_exchange(), fused))


@cases(CONV3D)
def test_the_third_dimension(bug, monkeypatch):
    kind = broken(conv3d_file, "Conv3dAggregation", *bug)
    monkeypatch.setattr(conv3d_test, "Conv3dAggregation", kind)
    fused = make_fused(FALLING)
    assert not survives(
        lambda: conv3d_test.agrees(conv3d_test.make_aggregation(), fused)
    )


@cases(CHANNEL)
def test_the_channel_gates(bug, monkeypatch):
    kind = broken(channel_file, "ChannelGatedExchange", *bug)
    monkeypatch.setattr(channel_test, "ChannelGatedExchange", kind)
    fused = make_fused(FALLING)
    assert not survives(
        lambda: channel_test.agrees(channel_test.make_exchange(), fused)
    )


@cases(BOTH_WAYS)
def test_the_gates_from_both_ends(bug, monkeypatch):
    kind = broken(both_ways_file, "GatedBidirectionalAggregation", *bug)
    monkeypatch.setattr(both_ways_test, "GatedBidirectionalAggregation", kind)
    fused = make_fused(FALLING)
    assert not survives(
        lambda: both_ways_test.agrees(both_ways_test.make_aggregation(), fused)
    )


@cases(ASPP)
def test_the_pyramid(bug, monkeypatch):
    kind = broken(aspp_file, "ASPP", *bug)
    monkeypatch.setattr(upsample_file, "ASPP", kind)
    assert not survives(
        lambda: decoder_agrees(
            decode_heads.ConvUpsampleMaskDecoder, shnet_decoders.conv_upsample
        )
    )


@cases(UPSAMPLE)
def test_the_doubling(bug, monkeypatch):
    block = broken(upsample_file, "doubling_block", *bug)
    for module, kind, literal in (
        (
            upsample_file,
            decode_heads.ConvUpsampleMaskDecoder,
            shnet_decoders.conv_upsample,
        ),
        (deep_file, decode_heads.DeepUpsampleMaskDecoder, shnet_decoders.deep_upsample),
    ):
        monkeypatch.setattr(module, "doubling_block", block)
        assert not survives(lambda: decoder_agrees(kind, literal))  # noqa: B023


@cases(DEEP)
def test_the_heavier_decoder(bug):
    kind = broken(deep_file, "DeepUpsampleMaskDecoder", *bug)
    decoder = decoder_test.enliven(
        kind(in_channels=4, channels=6, last_channels=3, dilations=(1, 2, 4, 5))
    )
    assert not survives(
        lambda: decoder_test.agrees(
            decoder, decoder_test.make_map(), shnet_decoders.deep_upsample
        )
    )
