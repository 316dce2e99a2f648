import pytest
import torch

from mmris.models.fusion_blocks import co_attention_block as block_file
from mmris.structures import TextFeatures
from tests.models.fusion_blocks.co_attention_cases import (
    ASYMMETRIC,
    INDEX,
    KINDS,
    LENGTHS,
    VANILLA,
    agrees,
    literally,
    make_block,
    make_level,
    make_text,
)
from tests.seeded_bugs import broken

# A place far from what the statistics of a normalisation say is only rounded more.
EXACT = {"rtol": 0, "atol": 1e-9}


def make(kind, **changes):
    return make_block(KINDS[kind], **changes)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(4, 3), (2, 5), (1, 1)])
def test_equals_the_equations_place_by_place(kind, size):
    block, text, level = make(kind), make_text(), make_level(size)
    fused = block(level, text, INDEX)
    assert fused.shape == (3, 5, *size)
    expected = literally(block, level, text)
    assert expected.std() > 0.1
    torch.testing.assert_close(fused, expected, **EXACT)


def test_equals_the_equations_without_the_query_convolution():
    block, text, level = make("vanilla", query_conv=False), make_text(), make_level()
    torch.testing.assert_close(
        block(level, text, INDEX), literally(block, level, text), **EXACT
    )
    names = {name for name, _ in block.named_parameters()}
    assert not any("language.query" in name for name in names)


@pytest.mark.parametrize("kind", ["vanilla", "asymmetric"])
def test_gradients_equal_those_of_the_equations(kind):
    block, text, level = make(kind), make_text(), make_level((3, 2)).requires_grad_()
    inputs = [level, *block.parameters()]
    assert agrees(block(level, text, INDEX), literally(block, level, text), inputs)


def test_the_words_matter_and_differ_from_place_to_place():
    """Otherwise the comparisons above would not see what is missing."""
    block, text, level = make("vanilla"), make_text(), make_level()
    joint = block.multimodal.fuse(block.multimodal.project(level), text.sentence, INDEX)
    language = block.language(joint, text)
    assert language[0].flatten(1).std(dim=1).max() > 0.02
    assert language[1].flatten(1).std(dim=1).max() < 1e-12  # it has one word
    fused = block(level, text, INDEX)
    assert (fused[1] - fused[2]).abs().max() > 0.1  # same image


@pytest.mark.parametrize("garbage", [1e4, torch.inf, torch.nan])
@pytest.mark.parametrize("training", [False, True])
def test_what_stands_in_padding_does_not_matter(garbage, training):
    block, text, level = make("vanilla").train(training), make_text(), make_level()
    expected = block(level, text, INDEX)
    noisy = text.tokens.clone()
    noisy[~text.mask] = garbage
    noisy.requires_grad_()
    fused = block(level, TextFeatures(noisy, text.mask, text.sentence), INDEX)
    assert torch.equal(fused, expected)
    fused.square().sum().backward()
    assert torch.isfinite(noisy.grad).all()
    assert (noisy.grad[~text.mask] == 0).all()
    for name, parameter in block.named_parameters():
        assert torch.isfinite(parameter.grad).all(), name


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("training", [False, True])
def test_more_padding_does_not_matter(kind, training):
    text, level = make_text(), make_level()
    longer = make_text(longest=9)
    longer.tokens[:, :4] = text.tokens
    longer = TextFeatures(longer.tokens, longer.mask, text.sentence)
    one, other = make(kind).train(training), make(kind).train(training)
    torch.testing.assert_close(
        one(level, longer, INDEX), other(level, text, INDEX), **EXACT
    )
    for name, value in one.state_dict().items():  # statistics as well
        torch.testing.assert_close(value, other.state_dict()[name], **EXACT)


@pytest.mark.parametrize("kind", KINDS)
def test_batched_equals_single(kind):
    block, text, level = make(kind), make_text(), make_level()
    fused = block(level, text, INDEX)
    for row, image in enumerate(INDEX.tolist()):
        alone = TextFeatures(
            text.tokens[row : row + 1, : LENGTHS[row]],
            text.mask[row : row + 1, : LENGTHS[row]],
            text.sentence[row : row + 1],
        )
        single = block(level[image : image + 1], alone, torch.tensor([0]))
        torch.testing.assert_close(single[0], fused[row], **EXACT)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("training", [False, True])
def test_every_parameter_has_a_gradient(kind, training):
    block, text, level = make(kind).train(training), make_text(), make_level()
    fused = block(level, text, INDEX)
    (fused * torch.randn_like(fused)).sum().backward()
    for name, parameter in block.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().max() > 1e-9, name


def test_one_word_in_training_is_finite():
    block, level = make("vanilla").train(), make_level()[:1]
    text = make_text([1])
    fused = block(level, text, torch.tensor([0]))
    fused.square().sum().backward()
    assert torch.isfinite(fused).all()
    for name, parameter in block.named_parameters():
        assert torch.isfinite(parameter.grad).all(), name


def test_a_level_of_zeros_is_finite():
    block, text, level = make("asymmetric"), make_text(), make_level() * 0
    level.requires_grad_()
    fused = block(level, text, INDEX)
    fused.sum().backward()
    assert torch.isfinite(fused).all()
    assert torch.isfinite(level.grad).all()


def test_the_image_part_runs_once_an_image():
    block, text, level = make("vanilla"), make_text([2] * 7), make_level()[:1]
    rows = []
    block.multimodal.visual[0].register_forward_hook(
        lambda _m, inputs, _o: rows.append(len(inputs[0]))
    )
    projected = block.project(level)
    index = torch.zeros(7, dtype=torch.int64)
    assert block.fuse(projected, text, index).shape[0] == 7
    assert rows == [1]
    assert projected.shape == (1, 7, 4, 3)


def test_without_co_attention_only_the_sentence_is_read():
    block, text, level = make("none"), make_text(), make_level()
    other = TextFeatures(text.tokens * 3 + 1, text.mask, text.sentence)
    assert torch.equal(block(level, other, INDEX), block(level, text, INDEX))
    assert not any("language" in name for name, _ in block.named_parameters())


class FromTensors(torch.nn.Module):
    """The block with plain tensors as arguments."""

    def __init__(self, block):
        super().__init__()
        self.block = block

    def forward(self, level, tokens, mask, sentence, image_index):
        return self.block(level, TextFeatures(tokens, mask, sentence), image_index)


@pytest.mark.parametrize(
    "kind",
    # Exporting, below, traces the others as well, all but their gradients.
    [
        kind
        if kind in ("vanilla", "asymmetric")
        else pytest.param(kind, marks=pytest.mark.slow)
        for kind in KINDS
    ],
)
def test_compiled_is_the_same(kind):
    block, text, level = make(kind).train(), make_text(), make_level()
    torch._dynamo.reset()
    compiled = torch.compile(block, backend="aot_eager", fullgraph=True)
    parameters = list(block.parameters())
    fused = compiled(level, text, INDEX)
    ours = torch.autograd.grad(fused.square().sum(), parameters)
    expected = block(level, text, INDEX)
    torch.testing.assert_close(fused, expected, **EXACT)
    theirs = torch.autograd.grad(expected.square().sum(), parameters)
    for one, other in zip(ours, theirs):
        torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("kind", KINDS)
def test_exported_is_the_same_for_any_number_of_expressions(kind):
    block, text, level = make(kind), make_text(), make_level()
    rows = torch.export.Dim("rows", min=2, max=64)
    arguments = (level, text.tokens, text.mask, text.sentence, INDEX)
    with torch.no_grad():
        program = torch.export.export(
            FromTensors(block), arguments, dynamic_shapes=(None, *[{0: rows}] * 4)
        )
        five = torch.tensor([0, 1, 2, 0, 1])
        more = [value[five] for value in arguments[1:]]
        fused = program.module()(level, *more)
        expected = block(level, text, INDEX)[five]
    torch.testing.assert_close(fused, expected, **EXACT)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("training", [False, True])
def test_under_autocast(kind, training):
    block, text = make(kind).float().train(training), make_text()
    level = make_level((6, 5)).float()
    text = TextFeatures(text.tokens.float(), text.mask, text.sentence.float())
    exact = block(level, text, INDEX)
    with torch.autocast("cpu", torch.bfloat16):
        fused = block(level, text, INDEX)
    assert (fused - exact).abs().mean() < 0.05 * exact.abs().mean()
    fused.float().square().sum().backward()
    for name, parameter in block.named_parameters():
        assert torch.isfinite(parameter.grad).all(), name


BUGS = {
    "not of length one": (
        "unit_length(self.co_attention(joint, language), dim=1)",
        "self.co_attention(joint, language)",
    ),
    "arguments exchanged": (
        "self.co_attention(joint, language)",
        "self.co_attention(language, joint)",
    ),
    "branch detached": (
        "self.language(joint, text)",
        "self.language(joint.detach(), text)",
    ),
    "image of another row": (
        "projected, text.sentence, image_index)",
        "projected, text.sentence, image_index.flip(0))",
    ),
    "sentence of another row": (
        "text.sentence, image_index",
        "text.sentence.flip(0), image_index",
    ),
    "words of another row": (
        "self.language(joint, text)",
        "self.language(joint, type(text)(text.tokens.flip(0), text.mask.flip(0), "
        "text.sentence))",
    ),
}


def block_agrees(block):
    text, level = make_text(), make_level().requires_grad_()
    result = type(block).forward(block, level, text, INDEX)
    return agrees(result, literally(block, level, text), [level])


def test_the_block_as_it_is_agrees():
    assert block_agrees(make_block(VANILLA))
    assert block_agrees(make_block(ASYMMETRIC))


@pytest.mark.parametrize("bug", BUGS)
def test_a_seeded_bug_is_seen(bug):
    block = make_block(VANILLA)
    block.__class__ = broken(block_file, "CoAttentionBlock", *BUGS[bug])
    assert not block_agrees(block)
