import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from mmris.models import SynchronousFusion
from mmris.structures import LevelSpec, TextFeatures, TextSpec
from tests.references import synchronous_fusion as reference

INDEX = torch.tensor([0, 1, 1])
LENGTHS = [4, 1, 3]
LEVELS = (LevelSpec(5, 8), LevelSpec(6, 16), LevelSpec(7, 16))
SIZES = [(9, 7), (3, 4), (2, 3)]  # larger than, as large as, smaller than the grid
RELEASED = {
    "num_layers": 2,
    "residual": True,
    "ffn_channels": 11,
    "position_in_values": False,
}


def make_neck(*, word_channels=8, **changes):
    """A neck with weights that make the attention choose."""
    torch.manual_seed(0)
    neck = SynchronousFusion(
        **{
            "in_levels": LEVELS,
            "in_text": TextSpec(word_channels, 9),
            "channels": 8,
            "grid_size": (3, 4),
            "num_heads": 2,
            "dropout": 0.0,
            **changes,
        }
    )
    for layer in neck.layers:
        for linear in (layer.query, layer.key):
            torch.nn.init.normal_(linear.weight, std=0.7)
            torch.nn.init.normal_(linear.bias)
    for module in neck.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(std=0.3)
            module.running_var.uniform_(0.5, 2)
        if isinstance(module, torch.nn.LayerNorm):
            torch.nn.init.normal_(module.weight, mean=1.0, std=0.3)
            torch.nn.init.normal_(module.bias, std=0.3)
    return neck.double().eval()


def make_text(lengths=LENGTHS, channels=8, longest=None):
    torch.manual_seed(1)
    longest = longest or max(lengths)
    mask = torch.arange(longest) < torch.tensor(lengths)[:, None]
    tokens = torch.randn(len(lengths), longest, channels, dtype=torch.float64)
    return TextFeatures(tokens, mask, torch.randn(len(lengths), 9).double())


def make_levels(sizes=SIZES, images=2):
    torch.manual_seed(2)
    return [
        torch.randn(images, level.channels, *size, dtype=torch.float64)
        for level, size in zip(LEVELS, sizes)
    ]


def assert_equal(one, other, atol=1e-12):
    for first, second in zip(one.maps, other.maps, strict=True):
        torch.testing.assert_close(first, second, rtol=0, atol=atol)
    for first, second in zip(one.text, other.text, strict=True):
        length = min(first.tokens.shape[1], second.tokens.shape[1])
        torch.testing.assert_close(
            first.tokens[:, :length], second.tokens[:, :length], rtol=0, atol=atol
        )
        torch.testing.assert_close(first.sentence, second.sentence, rtol=0, atol=atol)


def agrees(neck, levels, text, block, atol=1e-10):
    """Whether maps, words and sentences are those of the loops over tokens."""
    fused = neck(levels, text, INDEX)
    for n, image in enumerate(INDEX.tolist()):
        own = text.tokens[n][text.mask[n]]
        maps, words = reference.fuse(neck, [x[image] for x in levels], own, block)
        for level in range(len(levels)):
            found = fused.text[level]
            for one, other in (
                (fused[level][n], maps[level]),
                (found.tokens[n][text.mask[n]], words[level]),
                (found.sentence[n], words[level].mean(dim=0)),
            ):
                if not torch.allclose(one, other, rtol=0, atol=atol):
                    return False
    return True


@pytest.mark.parametrize("grid_size", [(3, 4), (1, 1), (4, 2)])
def test_equals_the_printed_equation(grid_size):
    neck = make_neck(grid_size=grid_size)
    assert agrees(neck, make_levels(), make_text(), reference.printed)


def test_equals_the_released_block():
    neck = make_neck(**RELEASED)
    assert agrees(neck, make_levels(), make_text(), reference.released)


def test_words_of_another_width_go_through_a_linear_map():
    neck, text = make_neck(word_channels=6), make_text(channels=6)
    assert agrees(neck, make_levels(), text, reference.printed)
    assert isinstance(make_neck().words, torch.nn.Identity)


def test_without_positions_the_order_of_words_does_not_matter_and_with_them_it_does():
    levels, text = make_levels(), make_text([4, 4, 4])
    order = torch.tensor([2, 0, 3, 1])
    mixed = TextFeatures(text.tokens[:, order], text.mask, text.sentence)
    for given, same in ((True, False), (False, True)):
        neck = make_neck(positions=given)
        one = neck(levels, text, INDEX).maps[0]
        other = neck(levels, mixed, INDEX).maps[0]
        assert torch.allclose(one, other, rtol=0, atol=1e-10) == same


@pytest.mark.parametrize("changes", [{}, RELEASED])
@pytest.mark.parametrize("garbage", [1e4, torch.inf, torch.nan])
def test_what_stands_in_padding_does_not_matter(garbage, changes):
    neck, text, levels = make_neck(**changes), make_text(), make_levels()
    noisy = text.tokens.clone()
    noisy[~text.mask] = garbage
    noisy.requires_grad_()
    fused = neck(levels, TextFeatures(noisy, text.mask, text.sentence), INDEX)
    assert_equal(fused, neck(levels, text, INDEX), atol=0)
    assert all((words.tokens[~text.mask] == 0).all() for words in fused.text)
    sum(level.sum() for level in fused.maps).backward()
    assert torch.isfinite(noisy.grad).all()


@pytest.mark.parametrize("changes", [{}, RELEASED])
def test_more_padding_does_not_matter(changes):
    neck, text, levels = make_neck(**changes), make_text(), make_levels()
    longer = make_text(longest=9)
    longer.tokens[:, :4] = text.tokens
    assert_equal(neck(levels, longer, INDEX), neck(levels, text, INDEX))


@pytest.mark.parametrize("changes", [{}, RELEASED])
def test_batched_equals_single(changes):
    neck, text, levels = make_neck(**changes), make_text(), make_levels()
    fused = neck(levels, text, INDEX)
    for row, image in enumerate(INDEX.tolist()):
        length = LENGTHS[row]
        alone = TextFeatures(
            text.tokens[row : row + 1, :length],
            text.mask[row : row + 1, :length],
            text.sentence[row : row + 1],
        )
        own = [level[image : image + 1] for level in levels]
        single = neck(own, alone, torch.tensor([0]))
        for level in range(3):
            torch.testing.assert_close(
                single[level][0], fused[level][row], rtol=0, atol=1e-12
            )


def test_levels_share_the_attention_and_do_not_see_each_other():
    neck, text, levels = make_neck(), make_text(), make_levels()
    before = neck(levels, text, INDEX)
    levels[1] = levels[1] + 1
    after = neck(levels, text, INDEX)
    for level in range(3):
        assert torch.equal(before[level], after[level]) == (level != 1)
        same = torch.equal(before.text[level].tokens, after.text[level].tokens)
        assert same == (level != 1)


@pytest.mark.parametrize("changes", [{}, RELEASED])
def test_every_parameter_has_a_gradient(changes):
    neck, text, levels = make_neck(**changes), make_text(), make_levels()
    neck.train()
    fused = neck(levels, text, INDEX)
    total = sum(level.square().sum() for level in fused.maps)
    (total + sum(words.tokens.sin().sum() for words in fused.text)).backward()
    for name, parameter in neck.named_parameters():
        assert torch.isfinite(parameter.grad).all(), name
        # Attention does not see what is added to all keys, batch normalisation not what
        # is added to all cells.
        if not name.endswith(("key.bias", "conv.bias")):
            assert parameter.grad.abs().max() > 1e-9, name


def test_dropout_is_for_training_only():
    neck, text, levels = make_neck(dropout=0.5), make_text(), make_levels()
    assert torch.equal(neck(levels, text, INDEX)[0], neck(levels, text, INDEX)[0])
    neck.train()
    assert not torch.equal(neck(levels, text, INDEX)[0], neck(levels, text, INDEX)[0])


def test_published_shapes():
    neck = make_neck()
    assert neck.spec.channels == (8, 8, 8)
    assert [level.stride for level in neck.spec.levels] == [8, 16, 16]
    assert neck.spec.text == (TextSpec(8, 8),) * 3
    fused = neck(make_levels(), make_text(), INDEX)
    assert [tuple(level.shape) for level in fused.maps] == [(3, 8, 3, 4)] * 3
    assert fused.text[2].sentence.shape == (3, 8)


def test_some_of_the_levels():
    neck = make_neck(in_indices=(0, 2))
    fused = neck(make_levels(), make_text(), INDEX)
    assert len(fused) == 2


class Watch(TorchDispatchMode):
    """The largest tensor that is made, and which operators run."""

    def __init__(self):
        super().__init__()
        self.numel, self.names = 0, set()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        self.names.add(function.__name__.split(".")[0])
        for leaf in tree_leaves(result):
            if isinstance(leaf, torch.Tensor):
                self.numel = max(self.numel, leaf.numel())
        return result


@pytest.mark.parametrize("changes", [{}, RELEASED])
def test_no_matrix_of_all_pairs_in_inference(changes):
    neck = make_neck(grid_size=(40, 40), **changes)
    text = make_text([20, 11, 20])
    with torch.no_grad(), Watch() as seen:
        neck(make_levels([(40, 40), (40, 40), (20, 20)]), text, INDEX)
    assert "_scaled_dot_product_flash_attention_for_cpu" in seen.names
    assert not {"_softmax", "_safe_softmax"} & seen.names
    # One head of one expression at one level would have 1620 * 1620 of them.
    assert seen.numel <= 3 * 3 * 1620 * max(8, 11)


def test_the_part_of_the_image_runs_once_an_image():
    neck, text, levels = make_neck(**RELEASED), make_text(), make_levels()
    rows = []
    first = neck.layers[0]
    first.query.register_forward_hook(lambda _m, x, _o: rows.append(x[0].shape[:-1]))
    expected = neck(levels, text, INDEX)
    assert rows == [(3, 2, 12), (3, 4)]  # levels, images, cells; expressions, words
    projected = neck.project(levels)
    parts = [
        neck.fuse(projected, text.rows(n, n + 1), INDEX[n : n + 1]) for n in range(3)
    ]
    for level in range(3):
        chunked = torch.cat([part[level] for part in parts])
        torch.testing.assert_close(chunked, expected[level], rtol=0, atol=1e-12)


class FromTensors(torch.nn.Module):
    """The neck with plain tensors in and out."""

    def __init__(self, neck):
        super().__init__()
        self.neck = neck

    def forward(self, levels, tokens, mask, sentence, image_index):
        fused = self.neck(levels, TextFeatures(tokens, mask, sentence), image_index)
        return fused.maps, tuple(text.tokens for text in fused.text)


@pytest.mark.parametrize("changes", [{}, RELEASED])
def test_compiled_is_the_same(changes):
    neck, text, levels = make_neck(**changes), make_text(), make_levels()
    compiled = torch.compile(neck, backend="aot_eager", fullgraph=True)
    expected = neck(levels, text, INDEX)
    assert_equal(compiled(levels, text, INDEX), expected)


def test_exported_is_the_same_for_any_number_of_expressions():
    neck, text, levels = make_neck(), make_text(), make_levels()
    rows = torch.export.Dim("rows", min=2, max=64)
    arguments = (levels, text.tokens, text.mask, text.sentence, INDEX)
    with torch.no_grad():
        program = torch.export.export(
            FromTensors(neck), arguments, dynamic_shapes=([None] * 3, *[{0: rows}] * 4)
        )
        five = torch.tensor([0, 1, 2, 0, 1])
        maps, words = program.module()(levels, *(x[five] for x in arguments[1:]))
        expected = neck(levels, text, INDEX)
    for level in range(3):
        torch.testing.assert_close(maps[level], expected[level][five])
        torch.testing.assert_close(words[level], expected.text[level].tokens[five])


@pytest.mark.parametrize("word_channels", [8, 6])
def test_without_layers_levels_and_words_go_on_side_by_side(word_channels):
    neck = make_neck(num_layers=0, word_channels=word_channels)
    text, levels = make_text(channels=word_channels), make_levels()
    fused = neck(levels, text, INDEX)
    assert fused.per_image == {0, 1, 2}  # one row an image
    for own, level, grid in zip(fused.maps, levels, neck.levels):
        for found, image in zip(own, level, strict=True):
            expected = reference.to_grid(grid, image)
            torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    for n, words in enumerate(fused.text[2].tokens):
        length = LENGTHS[n]
        expected = neck.words(text.tokens[n, :length])
        torch.testing.assert_close(words[:length], expected)
        assert not words[length:].any()
        torch.testing.assert_close(fused.text[2].sentence[n], expected.mean(dim=0))
    said = sum(text.sentence.sum() for text in fused.text)
    (sum(level.square().sum() for level in fused.expanded()) + said).backward()
    for name, parameter in neck.named_parameters():
        assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize("changes", [{}, RELEASED])
def test_close_to_exact_under_autocast(changes):
    neck, text, levels = make_neck(**changes), make_text(), make_levels()
    exact = neck(levels, text, INDEX)
    neck.float()
    text = TextFeatures(text.tokens.float(), text.mask, text.sentence.float())
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        fused = neck([level.float() for level in levels], text, INDEX)
    for level in range(3):
        error = (fused[level].double() - exact[level]).abs()
        assert error.mean() < 0.03 * exact[level].abs().mean()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"channels": 6}, "neck.channels is 6; make it a multiple of 4.*which is 2"),
        ({"num_heads": 3}, "neck.channels is 8; make .*neck.num_heads, which is 3"),
        ({"num_heads": 0}, "which is 0"),
        ({"grid_size": (3,)}, r"neck.grid_size is \(3,\); give \(height, width\)"),
        ({"grid_size": (0, 3)}, r"neck.grid_size is \(0, 3\)"),
        ({"num_layers": -1}, "neck.num_layers is -1; set it to 1 or more, or to 0"),
    ],
)
def test_impossible_values_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        make_neck(**changes)
