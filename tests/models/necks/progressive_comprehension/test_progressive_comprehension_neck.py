import itertools

import pytest
import torch

from mmris.models.necks import ProgressiveComprehensionNeck
from mmris.structures import LevelSpec, TextFeatures, TextSpec
from mmris.utils.peak_memory import LargestTensor
from tests.references.progressive_comprehension import progressive_comprehension

LEVELS = (LevelSpec(6, 8), LevelSpec(4, 16))
INDEX = torch.tensor([0, 1, 1])
LENGTHS = [4, 1, 3]
# Rows of the papers' tables: (rank, num_graph_layers).
FORMS = list(itertools.product([0, 1, 5], [0, 1, 2, 3]))
FULL = (5, 2)


def make_neck(form=FULL, *, spread=2.0, **changes):
    """A neck with weights that make the words differ and the graph choose."""
    torch.manual_seed(0)
    rank, num_graph_layers = form
    neck = ProgressiveComprehensionNeck(
        **{
            "in_levels": LEVELS,
            "in_text": TextSpec(4, 9),
            "channels": 7,
            "out_channels": 5,
            "classifier_channels": 6,
            "rank": rank,
            "num_graph_layers": num_graph_layers,
            **changes,
        }
    )
    for name, parameter in neck.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(parameter, std=0.1 if "vertex" in name else 0.5)
        if "score.weight" in name:
            torch.nn.init.normal_(parameter)
        if "region" in name or "word" in name:
            torch.nn.init.normal_(parameter, std=spread)
    return neck.double()


def make_text(lengths=LENGTHS, longest=None):
    torch.manual_seed(1)
    longest = longest or max(lengths)
    mask = torch.arange(longest) < torch.tensor(lengths)[:, None]
    tokens = torch.randn(len(lengths), longest, 4, dtype=torch.float64)
    sentence = torch.randn(len(lengths), 9, dtype=torch.float64)
    return TextFeatures(tokens, mask, sentence)


def make_maps(sizes=((5, 3), (2, 3))):
    torch.manual_seed(2)
    return tuple(
        30 * torch.randn(2, level.channels, *size, dtype=torch.float64)
        for level, size in zip(LEVELS, sizes)
    )


def literally(neck, maps, text, index=INDEX):
    """Levels of N expressions by the reference."""
    return [
        torch.stack(
            [
                progressive_comprehension(
                    neck,
                    i,
                    level[image],
                    text.tokens[n][text.mask[n]],
                    text.sentence[n],
                )
                for n, image in enumerate(index.tolist())
            ]
        )
        for i, level in enumerate(maps)
    ]


def assert_same(one, other, tolerance=1e-12):
    for a, b in zip(one, other, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=tolerance)


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_equals_the_printed_equations_in_every_row_of_the_tables(form):
    neck, text, maps = make_neck(form), make_text(), make_maps()
    fused = neck(maps, text, INDEX)
    expected = literally(neck, maps, text)
    assert [tuple(level.shape) for level in fused.maps] == [(3, 5, 5, 3), (3, 5, 2, 3)]
    assert all((level > 0).any() for level in expected)
    assert_same(fused.maps, expected, 1e-10)


@pytest.mark.parametrize("size", [(1, 1), (2, 4), (7, 1)])
@pytest.mark.parametrize("spread", [0.1, 30.0])
def test_equals_them_at_other_sizes_and_with_weak_and_strong_relations(size, spread):
    neck, text = make_neck(spread=spread), make_text()
    maps = make_maps((size, (1, 1)))
    assert_same(neck(maps, text, INDEX).maps, literally(neck, maps, text), 1e-9)


def test_the_words_choose_regions_and_regions_choose_words():
    """Otherwise the comparison above would not see a softmax over the wrong axis."""
    neck, text, maps = make_neck(), make_text(), make_maps()
    own, phrase = neck.levels[0], neck.read(text)
    joint = own.joint(own.project(maps[0]).joint, phrase, INDEX)
    words, regions = own.reasoning.shares(joint, phrase)
    assert words[0].std(dim=1).max() > 0.05
    assert regions[0].std(dim=1).max() > 0.02
    one = torch.ones(3, 15, dtype=torch.float64)
    torch.testing.assert_close(words.sum(dim=1), one)
    torch.testing.assert_close(regions.sum(dim=2), one[:, :4])
    # The rows of the adjacency that is never built.
    adjacency = words.transpose(1, 2) @ regions
    torch.testing.assert_close(adjacency.sum(dim=2), one)
    assert (words[~text.mask] == 0).all()


def test_gradients_equal_those_of_the_printed_equations():
    neck, text, maps = make_neck(), make_text(), make_maps(((3, 2), (2, 1)))
    for level in maps:
        level.requires_grad_()
    text.tokens.requires_grad_()
    inputs = [*maps, text.tokens, *neck.parameters()]
    fused, expected = neck(maps, text, INDEX).maps, literally(neck, maps, text)
    seeds = [torch.randn_like(level) for level in fused]

    def gradients(levels):
        total = sum((seed * level).sum() for seed, level in zip(seeds, levels))
        return torch.autograd.grad(total, inputs)

    ours = gradients(fused)
    for one, other in zip(ours, gradients(expected)):
        torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-10)
    assert (ours[2][~text.mask] == 0).all()


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_every_parameter_has_a_gradient(form):
    neck, text, maps = make_neck(form, spread=1.0), make_text(), make_maps()
    sum(m.square().sum() for m in neck(maps, text, INDEX).maps).backward()
    for name, parameter in neck.named_parameters():
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().sum() > 0, name
    for own in neck.levels:
        for linear, widths in (
            (own.visual, own.in_widths),
            (own.output, own.out_widths),
        ):
            for columns in linear.weight.grad.split(widths, dim=1):
                assert columns.numel() == 0 or columns.abs().sum() > 0


@pytest.mark.parametrize("garbage", [1e4, torch.inf, torch.nan])
def test_what_stands_in_padding_does_not_matter(garbage):
    neck, text, maps = make_neck(), make_text(), make_maps()
    noisy = text.tokens.clone()
    noisy[~text.mask] = garbage
    noisy.requires_grad_()
    fused = neck(maps, TextFeatures(noisy, text.mask, text.sentence), INDEX)
    expected = neck(maps, text, INDEX)
    for one, other in zip(fused.maps, expected.maps):
        assert torch.equal(one, other)
    assert torch.equal(fused.text[0].sentence, expected.text[0].sentence)
    sum(level.sum() for level in fused.maps).backward()
    assert torch.isfinite(noisy.grad).all()
    for name, parameter in neck.named_parameters():
        assert torch.isfinite(parameter.grad).all(), name


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_more_padding_and_other_expressions_do_not_matter(form):
    neck, text, maps = make_neck(form), make_text(), make_maps()
    longer = make_text(longest=9)
    longer.tokens[:, :4] = text.tokens
    longer = TextFeatures(longer.tokens, longer.mask, text.sentence)
    fused = neck(maps, text, INDEX).maps
    assert_same(neck(maps, longer, INDEX).maps, fused)
    for row, image in enumerate(INDEX.tolist()):
        alone = TextFeatures(
            text.tokens[row : row + 1, : LENGTHS[row]],
            text.mask[row : row + 1, : LENGTHS[row]],
            text.sentence[row : row + 1],
        )
        of_image = [level[image : image + 1] for level in maps]
        single = neck(of_image, alone, torch.tensor([0])).maps
        assert_same(single, [level[row : row + 1] for level in fused])


def test_the_size_of_a_word_does_not_matter_and_zero_is_one():
    neck, text, maps = make_neck(), make_text(), make_maps()
    fused = neck(maps, text, INDEX).maps
    louder = TextFeatures(7 * text.tokens, text.mask, text.sentence)
    assert_same(neck(maps, louder, INDEX).maps, fused)
    text.tokens[0, 1] = 0
    maps[0][:, :, 2, 1] = 0  # as behind a ReLU
    maps[0].requires_grad_()
    text.tokens.requires_grad_()
    fused = neck(maps, text, INDEX).maps
    sum(level.sum() for level in fused).backward()
    assert all(torch.isfinite(level).all() for level in fused)
    assert torch.isfinite(maps[0].grad).all()
    assert torch.isfinite(text.tokens.grad).all()


def test_order_of_words_matters_to_nobody_but_the_encoder():
    neck, text, maps = make_neck(), make_text(), make_maps()
    order = torch.tensor([2, 0, 3, 1])
    mixed = TextFeatures(text.tokens[:, order], text.mask[:, order], text.sentence)
    assert_same(neck(maps, mixed, INDEX).maps, neck(maps, text, INDEX).maps)


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_leaves_the_words_and_the_weighted_sentence(form):
    neck, text, maps = make_neck(form), make_text(), make_maps()
    fused = neck(maps, text, INDEX)
    assert neck.spec.channels == (5, 5)
    assert [level.stride for level in neck.spec.levels] == [8, 16]
    for left, spec in zip(fused.text, neck.spec.text, strict=True):
        assert torch.equal(left.tokens, text.tokens)
        assert torch.equal(left.mask, text.mask)
        assert left.sentence.shape == (3, spec.sentence_channels)
        assert spec.token_channels == 4
        norms = left.sentence.square().sum(dim=1)
        torch.testing.assert_close(norms, torch.ones_like(norms))
    assert neck.spec.text[0].sentence_channels == (9 if form == (0, 0) else 4)
    assert (neck.classifier is None) == (form == (0, 0))


def test_only_the_last_level():
    neck, text, maps = make_neck(in_indices=[1]), make_text(), make_maps()
    fused = neck(maps, text, INDEX)
    assert len(fused) == len(neck.levels) == 1
    assert_same(fused.maps, literally(neck, maps[1:], text), 1e-10)


@pytest.mark.parametrize("num_graph_layers", [1, 3])
def test_no_tensor_of_positions_by_positions_at_40_by_40_and_20_words(num_graph_layers):
    neck = make_neck((5, num_graph_layers), in_levels=LEVELS[:1]).float()
    tokens = torch.randn(3, 20, 4)
    text = TextFeatures(tokens, torch.ones(3, 20, dtype=torch.bool), tokens[:, 0])
    level = torch.randn(2, 6, 40, 40)
    with LargestTensor() as seen:
        sum(m.sum() for m in neck([level], text, INDEX).maps).backward()
    # That of words and positions; one expression's P x P would be 25 times as large.
    assert seen.shape == (3, 20, 1600)


def test_parameters_are_those_of_the_printed_form():
    neck = make_neck((5, 2), in_levels=LEVELS[:1])
    assert {name: tuple(p.shape) for name, p in neck.named_parameters()} == {
        "classifier.hidden.weight": (6, 4),
        "classifier.hidden.bias": (6,),
        "classifier.score.weight": (4, 6),
        "classifier.score.bias": (4,),
        "levels.0.visual.weight": (7, 14),
        "levels.0.visual.bias": (7,),
        "levels.0.joint.entity": (5, 7, 4),
        "levels.0.joint.visual": (5, 7, 7),
        "levels.0.reasoning.vertex.weight": (7, 7),
        "levels.0.reasoning.vertex.bias": (7,),
        "levels.0.reasoning.region.weight": (7, 7),
        "levels.0.reasoning.word.weight": (7, 4),
        "levels.0.reasoning.layers": (2, 7, 7),
        "levels.0.output.weight": (5, 18),
        "levels.0.output.bias": (5,),
    }


def test_weights_start_like_those_of_the_separate_maps():
    """Xavier's bound is that of each of the r maps, not of the stack."""
    neck = ProgressiveComprehensionNeck(
        in_levels=LEVELS, in_text=TextSpec(40, 9), channels=60, out_channels=5
    )
    own = neck.levels[0]
    for weights, bound in (
        (own.joint.entity, (6 / 100) ** 0.5),
        (own.joint.visual, (6 / 120) ** 0.5),
        (own.reasoning.layers, (6 / 120) ** 0.5),
    ):
        assert 0.95 * bound < weights.abs().max() <= bound


class FromTensors(torch.nn.Module):
    """The neck with plain tensors as arguments and results."""

    def __init__(self, neck):
        super().__init__()
        self.neck = neck

    def forward(self, fine, coarse, tokens, mask, sentence, image_index):
        text = TextFeatures(tokens, mask, sentence)
        return self.neck((fine, coarse), text, image_index).maps


@pytest.mark.parametrize("form", [FULL, (0, 1), (0, 0)], ids=str)
def test_compiled_is_the_same(form):
    neck, text, maps = make_neck(form), make_text(), make_maps()
    compiled = torch.compile(FromTensors(neck), backend="aot_eager", fullgraph=True)
    fused = compiled(*maps, text.tokens, text.mask, text.sentence, INDEX)
    expected = neck(maps, text, INDEX).maps
    assert_same(fused, expected)
    parameters = list(neck.parameters())
    ours = torch.autograd.grad(sum(m.square().sum() for m in fused), parameters)
    theirs = torch.autograd.grad(sum(m.square().sum() for m in expected), parameters)
    for one, other in zip(ours, theirs):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("form", [FULL, (0, 1), (0, 0)], ids=str)
def test_exported_is_the_same_for_any_number_of_expressions(form):
    neck, text, maps = make_neck(form).eval(), make_text(), make_maps()
    rows = torch.export.Dim("rows", min=2, max=64)
    arguments = (*maps, text.tokens, text.mask, text.sentence, INDEX)
    with torch.no_grad():
        program = torch.export.export(
            FromTensors(neck),
            arguments,
            dynamic_shapes=(None, None, *[{0: rows}] * 4),
        )
        five = torch.tensor([0, 1, 2, 0, 1])
        more = [value[five] for value in arguments[2:]]
        fused = program.module()(*maps, *more)
        expected = [level[five] for level in neck(maps, text, INDEX).maps]
    assert_same(fused, expected)


def test_relations_keep_their_precision_under_autocast():
    neck, text, maps = make_neck().float(), make_text(), make_maps()
    text = TextFeatures(text.tokens.float(), text.mask, text.sentence.float())
    maps = [level.bfloat16() for level in maps]
    reasoning, phrase = neck.levels[0].reasoning, neck.read(text)
    joint = torch.randn(3, 7, 15).bfloat16()
    with torch.no_grad():
        exact = neck([level.float() for level in maps], text, INDEX).maps
        shares = reasoning.shares(joint.float(), phrase)
        with torch.autocast("cpu", torch.bfloat16):
            for one, other in zip(reasoning.shares(joint, phrase), shares):
                assert one.dtype == torch.float32
                assert torch.equal(one, other)
            fused = neck(maps, text, INDEX).maps
    for one, other in zip(fused, exact):
        # Eight bits of what is added up, twice through weights in bfloat16.
        assert (one - other).abs().max() < 0.05 * other.abs().max()


def test_messages():
    with pytest.raises(ValueError, match=r"model.neck.rank is -1; set it to 1 or more"):
        make_neck((-1, 1))
    with pytest.raises(
        ValueError, match=r"model.neck.num_graph_layers is -2; .* or to 0"
    ):
        make_neck((5, -2))
    with pytest.raises(
        ValueError, match=r"in_indices is \[2\], but model.backbone gives"
    ):
        make_neck(in_indices=[2])
