"""The ablations of CMSA's attention against a double loop over all pairs."""

import pytest
import torch

from mmris.models import fusion_blocks
from mmris.structures import LevelSpec, TextFeatures, TextSpec
from tests.models.fusion_blocks.test_cross_modal_attention_block import (
    INDEX,
    LENGTHS,
    FromTensors,
    LargestTensor,
    make_level,
    make_text,
)
from tests.references.pair_attention import ABLATIONS, pair_attention

ATTENTIONS = list(ABLATIONS)
BLOCKS = ["MeanPairBlock", *ATTENTIONS]


def make_block(name, *, spread=1.0, cls=None):
    """A block with weights that make the attention choose."""
    torch.manual_seed(0)
    arguments = {"attention_channels": 7} if name in ATTENTIONS else {}
    block = (cls or getattr(fusion_blocks, name))(
        in_level=LevelSpec(6, 8),
        in_text=TextSpec(4, 9),
        out_channels=5,
        **arguments,
    )
    if name in ATTENTIONS:
        for linear in (block.query, block.key):
            torch.nn.init.normal_(linear.weight, std=spread)
    torch.nn.init.normal_(block.reduce.bias)
    return block.double()


def literally(block, level, text, index):
    rows = [
        pair_attention(block, level[image], text.tokens[n][text.mask[n]])
        for n, image in enumerate(index.tolist())
    ]
    return torch.stack(rows)


@pytest.mark.parametrize("size", [(5, 3), (2, 4), (1, 1)])
@pytest.mark.parametrize("name", BLOCKS)
def test_equals_the_double_loop_over_pairs(name, size):
    block, text, level = make_block(name), make_text(), make_level(size)
    fused = block(level, text, INDEX)
    assert fused.shape == (3, 5, *size)
    expected = literally(block, level, text, INDEX)
    assert (expected > 0).any()
    torch.testing.assert_close(fused, expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", [*BLOCKS, "CrossModalAttentionBlock"])
def test_maps_are_laid_out_as_the_level(name):
    """A mixture of layouts is copied wherever two maps meet."""
    arguments = {} if name == "MeanPairBlock" else {"attention_channels": 7}
    torch.manual_seed(0)
    block = getattr(fusion_blocks, name)(
        in_level=LevelSpec(6, 8),
        in_text=TextSpec(4, 9),
        out_channels=5,
        **arguments,
    ).double()
    text, level = make_text(), make_level((5, 3))
    fused = block(level, text, INDEX)
    assert fused.is_contiguous()
    last = block(level.contiguous(memory_format=torch.channels_last), text, INDEX)
    assert last.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(last, fused, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", BLOCKS)
def test_gradients_equal_those_of_the_double_loop(name):
    block, text, level = make_block(name), make_text(), make_level((3, 2))
    level.requires_grad_()
    text.tokens.requires_grad_()
    inputs = [level, text.tokens, *block.parameters()]
    seed = torch.randn(3, 5, 3, 2, dtype=torch.float64)
    ours = torch.autograd.grad((block(level, text, INDEX) * seed).sum(), inputs)
    expected = torch.autograd.grad(
        (literally(block, level, text, INDEX) * seed).sum(), inputs
    )
    for one, other in zip(ours, expected):
        torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-10)
    assert (ours[1][~text.mask] == 0).all()


@pytest.mark.parametrize("name", BLOCKS)
def test_every_parameter_has_a_gradient_of_pixel_word_and_place(name):
    """Of what a block keeps nothing is without effect."""
    block, text, level = make_block(name), make_text(), make_level()
    fused = block(level, text, INDEX)
    (fused * torch.randn_like(fused)).sum().backward()
    widths = {4: [4], 14: [6, 8], 18: [6, 4, 8]}
    for parameter_name, parameter in block.named_parameters():
        gradient = parameter.grad
        assert torch.isfinite(gradient).all(), parameter_name
        kinds = widths.get(gradient.shape[-1], [gradient.shape[-1]])
        for columns in torch.split(gradient, kinds, dim=-1):
            assert columns.abs().sum() > 1e-6, parameter_name


@pytest.mark.parametrize(
    ("name", "channels"),
    [
        ("WordAttentionBlock", {"query": 4, "key": 4}),
        ("PixelAttentionBlock", {"query": 14, "key": 14}),
        ("WordPixelAttentionBlock", {"query": 18, "key": 18}),
        ("SamePixelAttentionBlock", {"query": 18, "key": 4}),
        ("SameWordAttentionBlock", {"query": 18, "key": 14}),
    ],
)
def test_parameters(name, channels):
    shapes = {
        "query.weight": (7, channels["query"]),
        "key.weight": (7, channels["key"]),
        "value.weight": (7, 18),
        "output.weight": (18, 7),
        "reduce.weight": (5, 18),
        "reduce.bias": (5,),
    }
    block = make_block(name)
    assert {n: tuple(p.shape) for n, p in block.named_parameters()} == shapes


def test_without_attention_only_the_last_convolution_is_left():
    names = [name for name, _ in make_block("MeanPairBlock").named_parameters()]
    assert names == ["reduce.weight", "reduce.bias"]


@pytest.mark.parametrize("garbage", [1e4, torch.inf, torch.nan])
@pytest.mark.parametrize("name", BLOCKS)
def test_what_stands_in_padding_does_not_matter(name, garbage):
    block, text, level = make_block(name), make_text(), make_level()
    noisy = text.tokens.clone()
    noisy[~text.mask] = garbage
    noisy.requires_grad_()
    fused = block(level, TextFeatures(noisy, text.mask, text.sentence), INDEX)
    assert torch.equal(fused, block(level, text, INDEX))
    fused.sum().backward()
    assert torch.isfinite(noisy.grad).all()
    for parameter_name, parameter in block.named_parameters():
        assert torch.isfinite(parameter.grad).all(), parameter_name


@pytest.mark.parametrize("name", BLOCKS)
def test_more_padding_does_not_matter(name):
    block, text, level = make_block(name), make_text(), make_level()
    longer = make_text(longest=9)
    longer.tokens[:, :4] = text.tokens
    torch.testing.assert_close(
        block(level, longer, INDEX), block(level, text, INDEX), rtol=0, atol=1e-12
    )


@pytest.mark.parametrize("name", BLOCKS)
def test_batched_equals_single(name):
    block, text, level = make_block(name), make_text(), make_level()
    fused = block(level, text, INDEX)
    for row, image in enumerate(INDEX.tolist()):
        alone = TextFeatures(
            text.tokens[row : row + 1, : LENGTHS[row]],
            text.mask[row : row + 1, : LENGTHS[row]],
            text.sentence[row : row + 1],
        )
        single = block(level[image : image + 1], alone, torch.tensor([0]))
        torch.testing.assert_close(single[0], fused[row], rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ["WordAttentionBlock", "SamePixelAttentionBlock"])
def test_pixels_do_not_see_each_other_but_in_a_mean(name):
    """A change of one pixel changes all others alike, or none."""
    block, text, level = make_block(name), make_text(), make_level()
    block.reduce.bias.data.fill_(100.0)  # beyond the ReLU
    other = level.clone()
    other[:, :, 2, 1] += 50
    difference = (block(level, text, INDEX) - block(other, text, INDEX)).flatten(2)
    rest = torch.cat([difference[..., :7], difference[..., 8:]], dim=2)
    spread = rest.amax(dim=2) - rest.amin(dim=2)
    torch.testing.assert_close(spread, torch.zeros_like(spread), rtol=0, atol=1e-11)
    assert (rest.abs().max() > 1e-3) == (name == "WordAttentionBlock")


def test_pixel_attention_needs_no_words():
    """All of it is in the image part: expressions of an image differ by a constant."""
    block, text, level = make_block("PixelAttentionBlock"), make_text(), make_level()
    block.reduce.bias.data.fill_(100.0)
    fused = block(level, text, torch.tensor([0, 0, 0]))
    difference = (fused[0] - fused[1]).flatten(1)
    assert difference.abs().max() > 1e-3
    torch.testing.assert_close(difference, difference[:, :1].expand(-1, 15))


@pytest.mark.parametrize(
    ("name", "largest"),
    [
        ("MeanPairBlock", 3 * 6 * 63),
        ("WordAttentionBlock", 3 * 7 * 63),
        ("WordPixelAttentionBlock", 3 * 63 * 20),
        ("SamePixelAttentionBlock", 3 * 63 * 20),
        ("SameWordAttentionBlock", 3 * 63 * 63),
    ],
)
def test_no_pairs_are_formed(name, largest):
    block, level = make_block(name), make_level((7, 9))
    with LargestTensor() as seen:
        block(level, make_text([20, 11, 20]), INDEX).sum().backward()
    assert seen.numel <= largest


@pytest.mark.parametrize(
    "name",
    # Exporting, below, traces the others as well, all but their gradients.
    [*BLOCKS[:2], *(pytest.param(b, marks=pytest.mark.slow) for b in BLOCKS[2:])],
)
def test_compiled_is_the_same(name):
    block, text, level = make_block(name), make_text(), make_level()
    compiled = torch.compile(block, backend="aot_eager", fullgraph=True)
    expected, fused = block(level, text, INDEX), compiled(level, text, INDEX)
    torch.testing.assert_close(fused, expected, rtol=0, atol=1e-12)
    parameters = list(block.parameters())
    ours = torch.autograd.grad(fused.square().sum(), parameters)
    theirs = torch.autograd.grad(expected.square().sum(), parameters)
    for one, other in zip(ours, theirs):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", BLOCKS)
def test_exported_is_the_same_for_any_number_of_expressions(name):
    block, text, level = make_block(name).eval(), make_text(), make_level()
    rows = torch.export.Dim("rows", min=2, max=64)
    arguments = (level, text.tokens, text.mask, text.sentence, INDEX)
    with torch.no_grad():
        program = torch.export.export(
            FromTensors(block), arguments, dynamic_shapes=(None, *[{0: rows}] * 4)
        )
        five = torch.tensor([0, 1, 2, 0, 1])
        fused = program.module()(level, *[value[five] for value in arguments[1:]])
        expected = block(level, text, INDEX)[five]
    torch.testing.assert_close(fused, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", BLOCKS)
def test_scores_keep_their_precision_under_autocast(name):
    block, text, level = make_block(name, spread=3.0).float(), make_text(), make_level()
    text = TextFeatures(text.tokens.float(), text.mask, text.sentence)
    level = level.bfloat16()
    with torch.no_grad():
        exact = block(level.float(), text, INDEX)
        with torch.autocast("cpu", torch.bfloat16):
            fused = block(level, text, INDEX)
    # Values and mixing are in bfloat16: eight bits of the largest value.
    assert (fused - exact).abs().max() < 0.02 * exact.abs().max()


@pytest.mark.parametrize("name", ATTENTIONS)
def test_scores_of_hundreds_in_single_precision(name):
    block, text, level = make_block(name, spread=25.0), make_text(), make_level()
    expected = block(level, text, INDEX)
    text = TextFeatures(text.tokens.float(), text.mask, text.sentence)
    single = block.float()(level.float(), text, INDEX)
    torch.testing.assert_close(single.double(), expected, rtol=0, atol=5e-3)
    single.sum().backward()
    for parameter_name, parameter in block.named_parameters():
        assert torch.isfinite(parameter.grad).all(), parameter_name
