import pytest
import torch
from torch.utils import _pytree as pytree

from mmris.structures import (
    FusedFeatures,
    FusedSpec,
    LevelSpec,
    MaskOutput,
    TextFeatures,
    TextSpec,
)


def make_text(rows=3, length=4):
    mask = torch.ones(rows, length, dtype=torch.bool)
    return TextFeatures(torch.rand(rows, length, 5), mask, torch.rand(rows, 7))


def make_fused(index=(0, 0, 1)):
    text = make_text(len(index))
    shallow, deep = torch.rand(2, 4, 6, 8), torch.rand(len(index), 5, 3, 4)
    return FusedFeatures((shallow, deep), (text, text), torch.tensor(index), {0})


def test_a_level_of_images_is_expanded_when_indexed():
    fused = make_fused()
    torch.testing.assert_close(fused[0], fused.maps[0][[0, 0, 1]])
    assert fused[1] is fused.maps[1]
    assert [level.shape[0] for level in fused.expanded()] == [3, 3]


def test_expansion_does_not_depend_on_how_many_expressions_there_are():
    # Two expressions of the second of two images: as many rows as images.
    fused = make_fused(index=(1, 1))
    torch.testing.assert_close(fused[0], fused.maps[0][[1, 1]])


def test_rows_of_text():
    text = make_text()
    part = text.rows(1, 3)
    assert len(part) == 2
    torch.testing.assert_close(part.tokens, text.tokens[1:3])
    torch.testing.assert_close(part.sentence, text.sentence[1:3])


@pytest.mark.parametrize("value", [make_text(), make_fused()])
def test_pytree_round_trip(value):
    leaves, tree = pytree.tree_flatten(value)
    assert all(isinstance(leaf, torch.Tensor) for leaf in leaves)
    doubled = pytree.tree_map(lambda x: x if x.dtype == torch.bool else x * 2, value)
    rebuilt = pytree.tree_unflatten(leaves, tree)
    assert type(rebuilt) is type(value) is type(doubled)
    for before, after in zip(leaves, pytree.tree_leaves(rebuilt), strict=True):
        assert before is after
    if isinstance(value, FusedFeatures):
        assert rebuilt.per_image == {0}
        torch.testing.assert_close(doubled.maps[1], value.maps[1] * 2)


def test_mask_output_is_read_by_name():
    output = MaskOutput(torch.rand(2, 1, 3, 3), {"boundary": torch.rand(2, 1, 3, 3)})
    assert output.named("logits") is output.logits
    assert output.named("boundary") is output.aux["boundary"]
    with pytest.raises(
        KeyError, match=r"no output 'body'; it gives \['logits', 'bound"
    ):
        output.named("body")


def test_text_messages():
    tokens, sentence = torch.rand(2, 5, 6), torch.rand(2, 6)
    with pytest.raises(ValueError, match=r"mask must be bool of shape \(2, 5\)"):
        TextFeatures(tokens, torch.ones(2, 5), sentence)
    with pytest.raises(ValueError, match=r"tokens must have shape \(N, T, C_t\)"):
        TextFeatures(tokens[0], torch.ones(2, 5).bool(), sentence)
    with pytest.raises(ValueError, match=r"sentence must have shape \(2, C_s\)"):
        TextFeatures(tokens, torch.ones(2, 5).bool(), sentence[:1])


def test_fused_messages():
    text, index = make_text(), torch.tensor([0, 0, 1])
    fine, coarse = torch.rand(3, 4, 6, 8), torch.rand(3, 4, 3, 4)
    with pytest.raises(ValueError, match="got 0 maps, 1 to 5 are allowed"):
        FusedFeatures((), (), index)
    with pytest.raises(ValueError, match="2 maps but text for 1 levels"):
        FusedFeatures((fine, coarse), (text,), index)
    with pytest.raises(ValueError, match="levels must go from fine to coarse"):
        FusedFeatures((coarse, fine), (text, text), index)
    with pytest.raises(ValueError, match="every map must have shape"):
        FusedFeatures((fine[0],), (text,), index)
    with pytest.raises(ValueError, match="image_index must be int64"):
        FusedFeatures((fine,), (text,), index.float())
    with pytest.raises(ValueError, match=r"text rows \[2\] do not match the 3"):
        FusedFeatures((fine,), (make_text(2),), index)
    with pytest.raises(ValueError, match="level 0 has 2 rows for 3 expressions"):
        FusedFeatures((fine[:2],), (text,), index)
    with pytest.raises(ValueError, match=r"logits must have shape \(N, 1, h, w\)"):
        MaskOutput(torch.rand(2, 3, 3), {})
    with pytest.raises(ValueError, match="got 1 levels but text for 2"):
        FusedSpec((LevelSpec(3, 8),), (TextSpec(1, 2), TextSpec(1, 2)))


class Reader(torch.nn.Module):
    def forward(self, text, fused):
        words = (text.tokens * text.mask[:, :, None]).sum(1) @ torch.ones(5, 1)
        return MaskOutput(words[:, :, None, None] + fused[0][:, :1], {"fine": fused[1]})


def test_values_pass_through_an_exported_program():
    text, fused = make_text(), make_fused()
    exported = torch.export.export(Reader(), (text, fused))
    result, expected = exported.module()(text, fused), Reader()(text, fused)
    assert isinstance(result, MaskOutput)
    torch.testing.assert_close(result.logits, expected.logits)
    torch.testing.assert_close(result.aux["fine"], expected.aux["fine"])
