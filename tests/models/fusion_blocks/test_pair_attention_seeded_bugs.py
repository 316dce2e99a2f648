"""The comparison with the double loop over pairs sees the bugs easily made."""

import sys
import types
from pathlib import Path

import pytest
import torch

from mmris.models import fusion_blocks
from mmris.models.fusion_blocks import _pair_block as pair_file
from mmris.models.layers import coordinate_map
from tests.models.fusion_blocks.test_cross_modal_attention_block import (
    INDEX,
    make_level,
    make_text,
)
from tests.models.fusion_blocks.test_pair_attention_blocks import (
    BLOCKS,
    literally,
    make_block,
)

MASK_FLIPPED = ("~words.mask[:, None], -torch.inf", "words.mask[:, None], -torch.inf")
VALUE_DETACHED = ("@ word_values", "@ word_values.detach()")
BUGS = {
    ("WordAttentionBlock", "mask flipped"): MASK_FLIPPED,
    ("WordAttentionBlock", "softmax over the wrong axis"): (
        "torch.softmax(scores, dim=2)",
        "torch.softmax(scores, dim=1).nan_to_num()",
    ),
    ("WordAttentionBlock", "scale changed"): (
        "self.query(words.tokens) @ key",
        "self.query(words.tokens) @ key * key.shape[1] ** -0.5",
    ),
    ("WordAttentionBlock", "sum for a mean"): (".mean(dim=2)", ".sum(dim=2)"),
    ("WordAttentionBlock", "branch detached"): VALUE_DETACHED,
    ("PixelAttentionBlock", "scale changed"): ("scale=1.0", "scale=None"),
    ("PixelAttentionBlock", "query and key exchanged"): (
        "query[:, None], key[:, None]",
        "key[:, None], query[:, None]",
    ),
    ("PixelAttentionBlock", "padding in the mean"): (
        "words.weights[:, None] @ word_values",
        "word_values.mean(dim=1, keepdim=True)",
    ),
    ("PixelAttentionBlock", "another image"): (
        "projected.gathered[image_index]",
        "projected.gathered[1 - image_index]",
    ),
    ("PixelAttentionBlock", "branch detached"): VALUE_DETACHED,
    ("WordPixelAttentionBlock", "mask flipped"): MASK_FLIPPED,
    ("WordPixelAttentionBlock", "softmax over the wrong axis"): (
        "projected.key[image_index], dim=2)",
        "projected.key[image_index], dim=1)",
    ),
    ("WordPixelAttentionBlock", "scale changed"): (
        ".transpose(1, 2) @ word_key",
        ".transpose(1, 2) @ word_key * word_key.shape[1] ** -0.5",
    ),
    ("WordPixelAttentionBlock", "query and key exchanged"): (
        "_ImagePart(query, key,",
        "_ImagePart(key, query,",
    ),
    ("WordPixelAttentionBlock", "branch detached"): VALUE_DETACHED,
    ("SamePixelAttentionBlock", "mask flipped"): MASK_FLIPPED,
    ("SamePixelAttentionBlock", "term of the words forgotten"): (
        "averaged_attention(scores, offsets,",
        "averaged_attention(scores, 0 * offsets,",
    ),
    ("SamePixelAttentionBlock", "scale changed"): (
        ".transpose(1, 2) @ key",
        ".transpose(1, 2) @ key * key.shape[1] ** -0.5",
    ),
    ("SamePixelAttentionBlock", "mean over the pixels"): (
        "projected.value[image_index]",
        "projected.value[image_index].mean(dim=2, keepdim=True)",
    ),
    ("SamePixelAttentionBlock", "branch detached"): VALUE_DETACHED,
    ("SameWordAttentionBlock", "softmax over the wrong axis"): (
        "scores = self.of_pixels(self.query, pixels).transpose(1, 2) @ key",
        "scores = key.transpose(1, 2) @ self.of_pixels(self.query, pixels)",
    ),
    ("SameWordAttentionBlock", "term of the word forgotten"): (
        "projected.scores, offsets,",
        "projected.scores, 0 * offsets,",
    ),
    ("SameWordAttentionBlock", "scale changed"): (
        ".transpose(1, 2) @ key",
        ".transpose(1, 2) @ key * key.shape[1] ** -0.5",
    ),
    ("SameWordAttentionBlock", "padding in the mean"): (
        "words.weights[:, None] @ word_values",
        "word_values.mean(dim=1, keepdim=True)",
    ),
    ("SameWordAttentionBlock", "branch detached"): VALUE_DETACHED,
    ("MeanPairBlock", "ReLU forgotten"): (
        "torch.relu(self.residual(projected, unit_words(text), image_index))",
        "self.residual(projected, unit_words(text), image_index)",
    ),
    ("MeanPairBlock", "branch detached"): (
        "self.image_residual(unit_pixels(level))",
        "self.image_residual(unit_pixels(level)).detach()",
    ),
}


def broken(name, old, new):
    """The block's class from a copy of its file with one line changed."""
    file = sys.modules[getattr(fusion_blocks, name).__module__]
    source = Path(file.__file__).read_text(encoding="utf-8")
    assert source.count(old) == 1
    source = source.replace(old, new).replace("@MODELS.register_module()\n", "")
    module = types.ModuleType("broken_block")
    module.__package__ = file.__package__
    exec(compile(source, "broken_block", "exec"), module.__dict__)
    return getattr(module, name)


def agrees(block):
    """Whether outputs and gradients equal those of the double loop over pairs."""
    text, level = make_text(), make_level().requires_grad_()
    text.tokens.requires_grad_()
    expected = literally(block, level, text, INDEX)
    result = block(level, text, INDEX)
    if not torch.allclose(result, expected, rtol=0, atol=1e-9):
        return False
    inputs = [level, text.tokens]
    weight = torch.randn_like(expected)
    wanted = torch.autograd.grad((expected * weight).sum(), inputs)
    found = torch.autograd.grad((result * weight).sum(), inputs, allow_unused=True)
    return all(
        one is not None and torch.allclose(one, other, rtol=0, atol=1e-9)
        for one, other in zip(found, wanted)
    )


@pytest.mark.parametrize("name", BLOCKS)
def test_the_block_as_it_is_agrees(name):
    assert agrees(make_block(name))


@pytest.mark.parametrize(("name", "bug"), BUGS)
def test_a_seeded_bug_is_seen(name, bug):
    assert not agrees(make_block(name, cls=broken(name, *BUGS[name, bug])))


SHARED_BUGS = {
    "sum for a mean": (
        "residual",
        "(words.weights[:, :, None] * words.tokens).sum(dim=1)",
        "words.tokens.sum(dim=1)",
    ),
    "another image": (
        "residual",
        "image_residual[image_index]",
        "image_residual[1 - image_index]",
    ),
    "residual forgotten": ("mix", "mixed + residual.flatten(2)", "mixed"),
    "ReLU forgotten": ("mix", "torch.relu(mixed +", "(mixed +"),
    "mixing forgotten": (
        "mix",
        "self.reduce.weight @ self.output.weight",
        "self.output.weight[:5]",
    ),
}


@pytest.mark.parametrize("bug", SHARED_BUGS)
@pytest.mark.parametrize("name", BLOCKS)
def test_a_bug_of_what_the_blocks_share_is_seen(name, bug, monkeypatch):
    method, old, new = SHARED_BUGS[bug]
    block = make_block(name)
    owners = [cls for cls in type(block).__mro__ if method in vars(cls)]
    if not owners:
        return  # nothing gathered, nothing to mix
    owner = owners[0]
    source = Path(pair_file.__file__).read_text(encoding="utf-8")
    assert source.count(old) == 1
    module = types.ModuleType("broken_pairs")
    module.__package__ = pair_file.__package__
    exec(compile(source.replace(old, new), "broken_pairs", "exec"), module.__dict__)
    function = vars(getattr(module, owner.__name__))[method]
    monkeypatch.setattr(owner, method, function)
    if bug == "residual forgotten" and name == "WordAttentionBlock":
        with pytest.raises(RuntimeError, match="shape"):  # no position is left
            agrees(block)
    else:
        assert not agrees(block)


@pytest.mark.parametrize("name", BLOCKS)
def test_exchanged_height_and_width_are_seen(name, monkeypatch):
    monkeypatch.setattr(
        pair_file,
        "coordinate_map",
        lambda height, width, **place: coordinate_map(width, height, **place),
    )
    assert not agrees(make_block(name))
