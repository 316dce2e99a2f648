import pytest
import torch
from torch import nn
from torch.nn import functional

from mmris.models.fusion_blocks.co_attention import multimodal_feature as feature_file
from mmris.models.fusion_blocks.co_attention import tiled_convolution as tiled_file
from mmris.models.fusion_blocks.co_attention.multimodal_feature import MultimodalFeature
from mmris.models.fusion_blocks.co_attention.tiled_convolution import tiled_convolution
from mmris.models.layers import coordinate_map
from tests.models.fusion_blocks.co_attention_cases import (
    INDEX,
    agrees,
    liven,
    make_level,
    make_text,
)
from tests.references import co_attention as reference
from tests.seeded_bugs import broken

SIZES = [(4, 3), (2, 5), (1, 3), (2, 2), (1, 1)]


def make_module():
    torch.manual_seed(0)
    module = MultimodalFeature(in_channels=5, sentence_channels=6, channels=7)
    return liven(module).double().eval()


def fuse(module, level, sentence, index=INDEX):
    own = type(module)
    return own.fuse(module, own.project(module, level), sentence, index)


def literally(module, level, sentence):
    rows = [
        reference.multimodal_feature(module, level[image], sentence[n])
        for n, image in enumerate(INDEX.tolist())
    ]
    return torch.stack(rows)


@pytest.mark.parametrize("size", SIZES)
def test_equals_equation_1_place_by_place(size):
    module, level, text = make_module(), make_level(size), make_text()
    found = fuse(module, level, text.sentence)
    expected = literally(module, level, text.sentence)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)
    one = torch.ones(3, *size, dtype=torch.float64)
    torch.testing.assert_close(found.norm(dim=1), one)


def test_in_training_it_is_the_convolution_of_the_concatenation():
    """Statistics of expressions, not of images; gradients of all three parts."""
    module, level, text = make_module().train(), make_level(), make_text()
    with torch.no_grad():
        module.norm.reset_running_stats()
    found = fuse(module, level, text.sentence)
    visual = functional.normalize(module.visual(level), dim=1)[INDEX]
    tiled = text.sentence[:, :, None, None].expand(-1, -1, 4, 3)
    place = coordinate_map(4, 3, dtype=level.dtype).expand(3, -1, -1, -1)
    joint = module.joint(torch.cat([visual, tiled, place], dim=1))
    joint = functional.batch_norm(
        joint, None, None, module.norm.weight, module.norm.bias, training=True
    )
    expected = functional.normalize(module.activation(joint), dim=1)
    assert agrees(found, expected, list(module.parameters()))


@pytest.mark.parametrize("size", [*SIZES, (7, 2)])
@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_tiled_convolution_equals_tiling_and_convolving(size, kernel):
    torch.manual_seed(0)
    vectors = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(6, 4, kernel, kernel, dtype=torch.float64, requires_grad=True)
    found = tiled_convolution(vectors, weight, size)
    tiled = vectors[:, :, None, None].expand(-1, -1, *size)
    expected = functional.conv2d(tiled, weight, padding=kernel // 2)
    assert found.shape == (3, 6, *size)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    assert agrees(found, expected, [vectors, weight])


def test_nothing_is_tiled():
    """No convolution has rows of expressions."""
    module, level, text = make_module(), make_level(), make_text([1] * 9)
    rows = []
    original = functional.conv2d

    def watched(maps, *arguments, **options):
        rows.append(len(maps))
        return original(maps, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(functional, "conv2d", watched)
        fuse(module, level, text.sentence, torch.arange(9) % 2)
    assert set(rows) <= {1, 2}


BUGS = {
    "visual part not of length one": (
        "visual = unit_length(self.visual(level), dim=1)",
        "visual = self.visual(level)",
    ),
    "height and width exchanged": (
        "coordinate_map(height, width,",
        "coordinate_map(width, height,",
    ),
    "parts of the kernel exchanged": (
        "of_visual, _, of_place = torch.split(self.joint.weight, self.parts, dim=1)",
        "of_place, _, of_visual = torch.split(self.joint.weight, self.parts[::-1], "
        "dim=1)",
    ),
    "image of another row": (
        "projected[image_index]",
        "projected[image_index.flip(0)]",
    ),
    "normalised before the words": (
        "self.norm(projected[image_index] + said)",
        "self.norm(projected[image_index]) + said",
    ),
    "activation left out": ("self.activation(joint)", "joint"),
    "branch detached": (
        "visual = unit_length(self.visual(level), dim=1)",
        "visual = unit_length(self.visual(level), dim=1).detach()",
    ),
}
TILED_BUGS = {
    "height and width exchanged": ("for length in size", "for length in size[::-1]"),
    "kernel transposed": ("->noxy", "->noyx"),
    "kernel flipped": (
        "torch.arange(-reach, reach + 1",
        "-torch.arange(-reach, reach + 1",
    ),
    "border not cut off": ("(places >= 0) & ", ""),
    "last row not cut off": (" & (places < length)", ""),
}


def module_agrees(module):
    level, sentence = make_level().requires_grad_(), make_text().sentence
    try:
        found = fuse(module, level, sentence)
    except RuntimeError:  # sizes that do not fit
        return False
    return agrees(found, literally(module, level, sentence), [level])


def test_the_module_as_it_is_agrees():
    assert module_agrees(make_module())


@pytest.mark.parametrize("bug", BUGS)
def test_a_seeded_bug_is_seen(bug):
    module = make_module()
    module.__class__ = broken(feature_file, "MultimodalFeature", *BUGS[bug])
    assert not module_agrees(module)


@pytest.mark.parametrize("bug", TILED_BUGS)
def test_a_seeded_bug_in_the_borders_is_seen(bug, monkeypatch):
    wrong = broken(tiled_file, "tiled_convolution", *TILED_BUGS[bug])
    monkeypatch.setattr(feature_file, "tiled_convolution", wrong)
    assert not module_agrees(make_module())


def test_slopes_are_shared_by_all_channels():
    module = make_module()
    slopes = [part for part in module.modules() if isinstance(part, nn.PReLU)]
    assert [slope.weight.numel() for slope in slopes] == [1, 1]
