import pytest
import torch

from mmris.models.necks import DecoderFusion
from mmris.structures import LevelSpec, TextFeatures, TextSpec

LEVELS = (LevelSpec(4, 8), LevelSpec(6, 16))
BLOCK = {"type": "ConcatBlock", "channels": 5, "out_channels": 9}


def make_neck(**changes):
    arguments = {"in_levels": LEVELS, "in_text": TextSpec(3, 7), "block": BLOCK}
    return DecoderFusion(**{**arguments, **changes}).eval()


def make_inputs(rows):
    maps = (torch.randn(2, 4, 5, 3), torch.randn(2, 6, 3, 2))
    mask = torch.ones(rows, 4, dtype=torch.bool)
    return maps, TextFeatures(torch.rand(rows, 4, 3), mask, torch.randn(rows, 7))


def test_batched_equals_single_also_for_one_image_with_several_expressions():
    neck, (maps, text) = make_neck(), make_inputs(4)
    index = torch.tensor([0, 0, 0, 1])
    fused = neck(maps, text, index)
    assert [tuple(level.shape) for level in fused.maps] == [(4, 9, 5, 3), (4, 9, 3, 2)]
    for row, image in enumerate(index.tolist()):
        alone = neck(
            tuple(level[image : image + 1] for level in maps),
            text.rows(row, row + 1),
            torch.zeros(1, dtype=torch.int64),
        )
        for level in range(2):
            torch.testing.assert_close(fused[level][row : row + 1], alone[level])


def test_the_block_runs_on_each_level_with_its_own_weights():
    neck, (maps, text) = make_neck(), make_inputs(2)
    index = torch.tensor([1, 0])
    fused = neck(maps, text, index)
    for level in range(2):
        expected = neck.blocks[level](maps[level], text, index)
        torch.testing.assert_close(fused[level], expected)
    assert neck.blocks[0].visual.weight.shape != neck.blocks[1].visual.weight.shape


def test_chosen_levels():
    neck = make_neck(in_indices=[1])
    assert neck.spec.channels == (9,)
    assert neck.spec.levels[0].stride == 16
    maps, text = make_inputs(2)
    fused = neck(maps, text, torch.tensor([0, 1]))
    assert [tuple(level.shape) for level in fused.maps] == [(2, 9, 3, 2)]


def test_messages():
    with pytest.raises(ValueError, match=r"in_indices is \[1, 0\]; give increasing"):
        make_neck(in_indices=[1, 0])
    with pytest.raises(ValueError, match=r"is \[2\], but model.backbone gives 2 lev"):
        make_neck(in_indices=[2])
    with pytest.raises(ValueError, match=r"is \[\]; give increasing"):
        make_neck(in_indices=[])
