import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from mmris.models.fusion_blocks import CrossModalAttentionBlock
from mmris.models.fusion_blocks import _averaged_attention as attention_file
from mmris.models.fusion_blocks._averaged_attention import averaged_attention
from mmris.structures import LevelSpec, TextFeatures, TextSpec
from tests.references.cross_modal_attention import cross_modal_attention

INDEX = torch.tensor([0, 1, 1])
LENGTHS = [4, 1, 3]


def make_block(*, spread=1.0, **changes):
    """A block with weights that make the attention choose."""
    torch.manual_seed(0)
    block = CrossModalAttentionBlock(
        **{
            "in_level": LevelSpec(6, 8),
            "in_text": TextSpec(4, 9),
            "attention_channels": 7,
            "out_channels": 5,
            **changes,
        }
    )
    for linear in (block.query, block.key):
        torch.nn.init.normal_(linear.weight, std=spread)
    torch.nn.init.normal_(block.reduce.bias)
    return block.double()


def make_text(lengths=LENGTHS, longest=None):
    torch.manual_seed(1)
    longest = longest or max(lengths)
    mask = torch.arange(longest) < torch.tensor(lengths)[:, None]
    tokens = torch.randn(len(lengths), longest, 4, dtype=torch.float64)
    return TextFeatures(tokens, mask, torch.randn(len(lengths), 9))


def make_level(size=(5, 3)):
    torch.manual_seed(2)
    return 30 * torch.randn(2, 6, *size, dtype=torch.float64)


def literally(block, level, text, index):
    rows = [
        cross_modal_attention(block, level[image], text.tokens[n][text.mask[n]])
        for n, image in enumerate(index.tolist())
    ]
    return torch.stack(rows)


@pytest.mark.parametrize("size", [(5, 3), (2, 4), (1, 1)])
@pytest.mark.parametrize("spread", [0.3, 1.0, 15.0])
def test_equals_the_double_loop_over_pairs(size, spread):
    block, text, level = make_block(spread=spread), make_text(), make_level(size)
    fused = block(level, text, INDEX)
    assert fused.shape == (3, 5, *size)
    expected = literally(block, level, text, INDEX)
    assert (expected > 0).any()
    torch.testing.assert_close(fused, expected, rtol=0, atol=1e-9)


def test_the_words_change_the_attention_of_pixels_and_the_pixels_that_of_words():
    """Otherwise the comparison above would not see a missing term of the scores."""
    block, text, level = make_block(), make_text(), make_level()
    image = block.project(level)
    words = torch.nn.functional.normalize(text.tokens, dim=2)
    weights = text.mask / text.mask.sum(dim=1, keepdim=True)
    terms = block._score_terms(image, words, text.mask, INDEX)
    to_pixels = averaged_attention(image.scores[INDEX], terms.word_pixel, weights)
    to_words = averaged_attention(terms.pixel_word, terms.word_word, weights)
    assert (to_pixels[1] - to_pixels[2]).abs().max() > 0.05  # same image
    assert to_words[0].std(dim=0).max() > 0.05
    one = torch.ones(3, 15, dtype=torch.float64)
    torch.testing.assert_close(to_pixels.sum(dim=2), one)
    torch.testing.assert_close(to_words.sum(dim=2), one)
    assert (to_words.transpose(1, 2)[~text.mask] == 0).all()


def test_how_many_queries_are_taken_at_a_time_does_not_matter(monkeypatch):
    block, text, level = make_block(), make_text(), make_level()
    expected = block(level, text, INDEX)
    monkeypatch.setattr(attention_file, "_QUERIES_AT_A_TIME", 4)  # 15 positions
    fused = block(level, text, INDEX)
    torch.testing.assert_close(fused, expected, rtol=0, atol=1e-12)


def test_gradients_equal_those_of_the_double_loop():
    block, text, level = make_block(), make_text(), make_level((3, 2))
    level.requires_grad_()
    text.tokens.requires_grad_()
    inputs = [level, text.tokens, *block.parameters()]
    seed = torch.randn(3, 5, 3, 2, dtype=torch.float64)
    ours = torch.autograd.grad((block(level, text, INDEX) * seed).sum(), inputs)
    expected = torch.autograd.grad(
        (literally(block, level, text, INDEX) * seed).sum(), inputs
    )
    for one, other in zip(ours, expected):
        assert one.abs().sum() > 0
        torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-10)
    assert (ours[1][~text.mask] == 0).all()


@pytest.mark.parametrize("garbage", [1e4, torch.inf, torch.nan])
def test_what_stands_in_padding_does_not_matter(garbage):
    block, text, level = make_block(), make_text(), make_level()
    noisy = text.tokens.clone()
    noisy[~text.mask] = garbage
    noisy.requires_grad_()
    fused = block(level, TextFeatures(noisy, text.mask, text.sentence), INDEX)
    assert torch.equal(fused, block(level, text, INDEX))
    fused.sum().backward()
    assert torch.isfinite(noisy.grad).all()
    for name, parameter in block.named_parameters():
        assert torch.isfinite(parameter.grad).all(), name


def test_more_padding_does_not_matter():
    block, text, level = make_block(), make_text(), make_level()
    longer = make_text(longest=9)
    longer.tokens[:, :4] = text.tokens
    torch.testing.assert_close(
        block(level, longer, INDEX), block(level, text, INDEX), rtol=0, atol=1e-12
    )


def test_batched_equals_single():
    block, text, level = make_block(), make_text(), make_level()
    fused = block(level, text, INDEX)
    for row, image in enumerate(INDEX.tolist()):
        alone = TextFeatures(
            text.tokens[row : row + 1, : LENGTHS[row]],
            text.mask[row : row + 1, : LENGTHS[row]],
            text.sentence[row : row + 1],
        )
        single = block(level[image : image + 1], alone, torch.tensor([0]))
        torch.testing.assert_close(single[0], fused[row], rtol=0, atol=1e-12)


def test_the_order_of_words_does_not_matter():
    block, text, level = make_block(), make_text(), make_level()
    order = torch.tensor([2, 0, 3, 1])
    mixed = TextFeatures(text.tokens[:, order], text.mask[:, order], text.sentence)
    torch.testing.assert_close(
        block(level, mixed, INDEX), block(level, text, INDEX), rtol=0, atol=1e-12
    )


def test_scores_of_hundreds_in_single_precision():
    block, text, level = make_block(spread=25.0), make_text(), make_level()
    assert block.project(level).scores.abs().max() > 1000
    expected = block(level, text, INDEX)
    single = block.float()(
        level.float(),
        TextFeatures(text.tokens.float(), text.mask, text.sentence),
        INDEX,
    )
    torch.testing.assert_close(single.double(), expected, rtol=0, atol=5e-3)
    single.sum().backward()
    for name, parameter in block.named_parameters():
        assert torch.isfinite(parameter.grad).all(), name


def test_the_size_of_a_feature_does_not_matter_and_zero_is_one():
    block, text, level = make_block(), make_text(), make_level()
    fused = block(level, text, INDEX)
    louder = TextFeatures(7 * text.tokens, text.mask, text.sentence)
    torch.testing.assert_close(block(5 * level, louder, INDEX), fused)
    level[:, :, 2, 1] = 0  # as behind a ReLU
    text.tokens[0, 1] = 0
    level.requires_grad_()
    fused = block(level, text, INDEX)
    fused.sum().backward()
    assert torch.isfinite(fused).all()
    assert torch.isfinite(level.grad).all()


def test_every_parameter_has_a_gradient():
    block, text, level = make_block(), make_text(), make_level()
    block(level, text, INDEX).square().sum().backward()
    for name, parameter in block.named_parameters():
        assert torch.isfinite(parameter.grad).all(), name
        assert (parameter.grad.abs().sum(dim=-1) > 0).any(), name
    for linear in (block.query, block.key, block.value, block.reduce):
        parts = torch.split(linear.weight.grad, [6, 4, 8], dim=1)
        assert all(part.abs().sum() > 0 for part in parts)


def test_parameters_are_those_of_the_printed_form():
    block = make_block(out_channels=None)
    assert {name: tuple(p.shape) for name, p in block.named_parameters()} == {
        "query.weight": (7, 18),
        "key.weight": (7, 18),
        "value.weight": (7, 18),
        "output.weight": (18, 7),
        "reduce.weight": (6, 18),
        "reduce.bias": (6,),
    }
    assert block(make_level(), make_text(), INDEX).shape == (3, 6, 5, 3)


class LargestTensor(TorchDispatchMode):
    """Watches every tensor that is made, forward and backward."""

    def __init__(self):
        super().__init__()
        self.numel = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, torch.Tensor):
                self.numel = max(self.numel, leaf.numel())
        return result


def test_no_tensor_is_larger_than_the_scores_between_pixels():
    block, level = make_block(), make_level((7, 9))
    text = make_text([20, 11, 20])
    with LargestTensor() as seen:
        block(level, text, INDEX).sum().backward()
    assert seen.numel == 3 * 63 * 63


class FromTensors(torch.nn.Module):
    """The block with plain tensors as arguments."""

    def __init__(self, block):
        super().__init__()
        self.block = block

    def forward(self, level, tokens, mask, sentence, image_index):
        return self.block(level, TextFeatures(tokens, mask, sentence), image_index)


def test_compiled_is_the_same():
    block, text, level = make_block(), make_text(), make_level()
    compiled = torch.compile(block, backend="aot_eager", fullgraph=True)
    expected = block(level, text, INDEX)
    fused = compiled(level, text, INDEX)
    torch.testing.assert_close(fused, expected, rtol=0, atol=1e-12)
    parameters = list(block.parameters())
    ours = torch.autograd.grad(fused.square().sum(), parameters)
    theirs = torch.autograd.grad(expected.square().sum(), parameters)
    for one, other in zip(ours, theirs):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


def test_exported_is_the_same_for_any_number_of_expressions():
    block, text, level = make_block().eval(), make_text(), make_level()
    rows = torch.export.Dim("rows", min=2, max=64)
    arguments = (level, text.tokens, text.mask, text.sentence, INDEX)
    with torch.no_grad():
        program = torch.export.export(
            FromTensors(block),
            arguments,
            dynamic_shapes=(None, *[{0: rows}] * 4),
        )
        five = torch.tensor([0, 1, 2, 0, 1])
        more = [value[five] for value in arguments[1:]]
        fused = program.module()(level, *more)
        expected = block(level, text, INDEX)[five]
    torch.testing.assert_close(fused, expected, rtol=0, atol=1e-12)


def test_scores_keep_their_precision_under_autocast():
    block, text, level = make_block(spread=3.0).float(), make_text(), make_level()
    text = TextFeatures(text.tokens.float(), text.mask, text.sentence)
    level = level.bfloat16()
    with torch.no_grad():
        exact = block(level.float(), text, INDEX)
        scores = block.project(level.float()).scores
        with torch.autocast("cpu", torch.bfloat16):
            assert torch.equal(block.project(level).scores, scores)
            fused = block(level, text, INDEX)
    assert scores.dtype == torch.float32
    # Values and mixing are in bfloat16: eight bits of the largest value.
    assert (fused - exact).abs().max() < 0.02 * exact.abs().max()
