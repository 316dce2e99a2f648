import pytest
import torch
from torch.nn import functional

from mmris.models import TextMultipliedNeck
from mmris.models.layers import resize_to
from mmris.structures import LevelSpec, TextFeatures, TextSpec
from tests.models.jmceln_parts import (
    CHANNELS,
    INDEX,
    LEVELS,
    SIZES,
    assert_close,
    assert_gradients,
    make_levels,
    make_neck,
    make_text,
)
from tests.references.joint_mask_contextual_embedding import multiplied_map


def agrees(neck, levels=None, atol=1e-11):
    """Whether the map is that of tiled sentences and concatenated maps."""
    levels, text = levels or make_levels(), make_text()
    (fused,) = neck(levels, text, INDEX).maps
    own = neck.select(levels)
    for n, image in enumerate(INDEX.tolist()):
        expected = multiplied_map(neck, [x[image] for x in own], text.sentence[n])
        if not torch.allclose(fused[n], expected, rtol=0, atol=atol):
            return False
    return True


@pytest.mark.parametrize("indices", [None, (0,), (2,), (0, 2), (1, 2)], ids=str)
def test_equals_the_printed_equations(indices):
    assert agrees(make_neck(in_indices=indices))


def test_levels_of_one_size_and_of_one_position():
    assert agrees(make_neck(), make_levels([(4, 3), (4, 3), (1, 1)]))


def test_five_levels():
    levels = tuple(LevelSpec(3, 4) for _ in range(5))
    neck = make_neck(levels)
    sizes = [(9, 8), (5, 4), (5, 4), (3, 2), (1, 1)]
    maps = [torch.randn(2, 3, *size, dtype=torch.float64) for size in sizes]
    assert agrees(neck, maps)


def test_a_1x1_convolution_of_an_enlarged_map_is_the_enlarged_convolution():
    """The identity that the merges rest on, at sizes of any ratio."""
    torch.manual_seed(0)
    coarse = torch.randn(2, 6, 3, 4, dtype=torch.float64)
    fine = torch.randn(2, 5, 7, 9, dtype=torch.float64)
    weight = torch.randn(8, 11, 1, 1, dtype=torch.float64)
    joint = torch.cat([resize_to(coarse, (7, 9)), fine], dim=1)
    expected = functional.conv2d(joint, weight)
    above = resize_to(functional.conv2d(coarse, weight[:, :6]), (7, 9))
    assert_close(above + functional.conv2d(fine, weight[:, 6:]), expected)


def test_what_goes_out():
    neck = make_neck()
    assert neck.spec.levels == (LevelSpec(CHANNELS, 8),)
    assert neck.spec.text == (TextSpec(2, 6),)
    text = make_text()
    fused = neck(make_levels(), text, INDEX)
    assert fused.maps[0].shape == (3, CHANNELS, *SIZES[0])
    assert fused.text == (text,)
    assert make_neck(in_indices=(1, 2)).spec.levels[0].stride == 16


def test_images_are_projected_once_each():
    """And the product of fine levels with their half of a merge, too."""
    neck, levels = make_neck(), make_levels()
    seen = []
    for block in (*neck.laterals, *neck.merges):
        block.register_forward_hook(lambda *args: seen.append(len(args[1][0])))
    projected = neck.project(levels)
    assert [len(part) for part in projected] == [2, 2, 2]
    assert [part.shape[1] for part in projected] == [CHANNELS] * 3
    neck.fuse(projected, make_text(), INDEX)
    assert seen == [2, 2, 2]


def test_words_other_than_the_sentence_do_not_matter():
    neck, text = make_neck(), make_text()
    garbage = TextFeatures(text.tokens + 1e4, text.mask, text.sentence)
    one, other = (neck(make_levels(), given, INDEX)[0] for given in (text, garbage))
    assert torch.equal(one, other)
    changed = TextFeatures(text.tokens, text.mask, text.sentence + 1.0)
    assert (neck(make_levels(), changed, INDEX)[0] - one).abs().max() > 0.1


def test_batched_equals_single():
    neck, levels, text = make_neck(), make_levels(), make_text()
    together = neck(levels, text, INDEX)[0]
    for n, image in enumerate(INDEX.tolist()):
        alone = neck(
            [level[image : image + 1] for level in levels],
            text.rows(n, n + 1),
            torch.tensor([0]),
        )
        assert_close(alone[0][0], together[n])


@pytest.mark.parametrize("training", [True, False])
def test_every_parameter_has_a_gradient(training):
    neck = make_neck().train(training)
    assert_gradients(neck, neck(make_levels(), make_text(), INDEX)[0])


def test_autocast():
    neck = make_neck().float()
    levels = [level.float() for level in make_levels()]
    text = make_text()
    text = TextFeatures(text.tokens.float(), text.mask, text.sentence.float())
    with torch.no_grad():
        exact = neck(levels, text, INDEX)[0]
        with torch.autocast("cpu", torch.bfloat16):
            result = neck(levels, text, INDEX)[0]
    assert (result - exact).abs().max() < 0.05 * exact.abs().max()


def test_compiled_is_the_same():
    neck = make_neck()
    compiled = torch.compile(neck, backend="aot_eager", fullgraph=True)
    given = (make_levels(), make_text(), INDEX)
    assert_close(compiled(*given)[0], neck(*given)[0])


def test_exported_for_any_number_of_expressions():
    neck, rows = make_neck(), torch.export.Dim("rows", min=2, max=64)

    class OnTensors(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.neck = neck

        def forward(self, levels, tokens, mask, sentence, index):
            return self.neck(levels, TextFeatures(tokens, mask, sentence), index)[0]

    def inputs(count):
        text = make_text(4)
        parts = (text.tokens, text.mask, text.sentence, torch.tensor([0, 1, 1, 0]))
        return (make_levels(), *(torch.cat([part, part])[:count] for part in parts))

    program = torch.export.export(
        OnTensors(),
        inputs(3),
        dynamic_shapes=[[None] * 3, *[{0: rows}] * 4],
        strict=False,
    )
    for count in (2, 7):
        assert_close(program.module()(*inputs(count)), OnTensors()(*inputs(count)))


def test_one_expression_alone_in_training_is_refused():
    neck = make_neck().train()
    with pytest.raises(
        ValueError, match=r"batch of one expression .* Raise train_dataloader"
    ):
        neck(make_levels(), make_text(1), torch.tensor([0]))
    neck.eval()(make_levels(), make_text(1), torch.tensor([0]))


def test_weights_are_those_of_the_equations():
    neck = TextMultipliedNeck(
        in_levels=LEVELS, in_text=TextSpec(2, 6), channels=CHANNELS
    )
    count = sum(parameter.numel() for parameter in neck.parameters())
    maps = (6 + 3 + 4 + 5) * CHANNELS + 2 * 2 * CHANNELS**2
    norms = 6 * 2 * CHANNELS
    assert count == maps + norms
