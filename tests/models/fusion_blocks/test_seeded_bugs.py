"""The comparison with the printed equation sees the bugs that are easy to make.

Each test runs a copy of the block with one line broken on purpose and asserts that the
comparison fails.
"""

import types
from pathlib import Path

import pytest
import torch

from mmris.models.fusion_blocks import _pair_block as pair_file
from mmris.models.fusion_blocks import cross_modal_attention_block as block_file
from mmris.models.layers import coordinate_map
from tests.models.fusion_blocks.test_cross_modal_attention_block import (
    INDEX,
    literally,
    make_block,
    make_level,
    make_text,
)

BUGS = {
    "mask flipped": ("~mask[:, None], -torch.inf", "mask[:, None], -torch.inf"),
    "softmax over the wrong axis": (
        "scores = query.transpose(1, 2) @ key",
        "scores = key.transpose(1, 2) @ query",
    ),
    "scale changed": (
        "scores = query.transpose(1, 2) @ key",
        "scores = query.transpose(1, 2) @ key * query.shape[1] ** -0.5",
    ),
    "branch detached": (
        "image_residual(pixels))",
        "image_residual(pixels).detach())",
    ),
}


def broken(old, new):
    """The block's class from a copy of its file with one line changed."""
    source = Path(block_file.__file__).read_text(encoding="utf-8")
    assert old in source
    source = source.replace(old, new).replace("@MODELS.register_module()\n", "")
    module = types.ModuleType("broken_block")
    module.__package__ = block_file.__package__
    exec(compile(source, "broken_block", "exec"), module.__dict__)
    return module.CrossModalAttentionBlock


def agrees(block):
    """Whether outputs and gradients equal those of the double loop over pairs."""
    text, level = make_text(), make_level().requires_grad_()
    expected = literally(block, level, text, INDEX)
    result = block.__class__.forward(block, level, text, INDEX)
    if not torch.allclose(result, expected, rtol=0, atol=1e-9):
        return False
    weight = torch.randn_like(expected)
    wanted = torch.autograd.grad((expected * weight).sum(), level)[0]
    found = torch.autograd.grad((result * weight).sum(), level)[0]
    return torch.allclose(found, wanted, rtol=0, atol=1e-9)


def test_the_block_as_it_is_agrees():
    assert agrees(make_block())


@pytest.mark.parametrize("bug", BUGS)
def test_a_seeded_bug_is_seen(bug):
    block = make_block()
    block.__class__ = broken(*BUGS[bug])
    assert not agrees(block)


def test_exchanged_height_and_width_are_seen(monkeypatch):
    monkeypatch.setattr(
        pair_file,
        "coordinate_map",
        lambda height, width, **place: coordinate_map(width, height, **place),
    )
    assert not agrees(make_block())
