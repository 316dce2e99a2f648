import pytest
import torch
from torch.nn import functional

from mmris.models.decode_heads.boundary_enhancement_step import (
    BoundaryEnhancementStep,
)
from tests.models.decode_heads.cefnet_levels import enliven
from tests.references import boundary_enhancement as reference

SIZES = [((2, 3), (5, 4)), ((3, 2), (3, 2)), ((1, 1), (4, 1)), ((3, 5), (4, 7))]


def make_step():
    return enliven(BoundaryEnhancementStep(channels=3, out_channels=2))


def make_maps(above, lateral, rows=3, lateral_rows=3):
    torch.manual_seed(3)
    return (
        torch.randn(rows, 3, *above, dtype=torch.float64),
        torch.randn(lateral_rows, 3, *lateral, dtype=torch.float64),
    )


def agrees(step, above, lateral, image_index=None):
    """Whether all that the step gives, and gradients, are those of the loops."""
    above, lateral = above.clone().requires_grad_(), lateral.clone().requires_grad_()
    found = step(above, lateral, image_index)
    own = lateral if image_index is None else lateral[image_index]
    rows = [reference.step(step, *pair) for pair in zip(above, own, strict=True)]
    total = [0.0, 0.0]
    for wanted, result in zip(zip(*rows, strict=True), found, strict=True):
        expected = torch.stack(wanted)
        if not torch.allclose(result, expected, rtol=0, atol=1e-11):
            return False
        weight = torch.randn_like(expected)
        total[0] = total[0] + (expected * weight).sum()
        total[1] = total[1] + (result * weight).sum()
    watched = [above, lateral, step.edge.weight]
    gradients = [torch.autograd.grad(value, watched) for value in total]
    return all(
        torch.allclose(one, other, rtol=0, atol=1e-10)
        for one, other in zip(*gradients, strict=True)
    )


@pytest.mark.parametrize(("above", "lateral"), SIZES)
def test_equals_the_equations(above, lateral):
    step, maps = make_step(), make_maps(above, lateral)
    assert agrees(step, *maps)
    assert step(*maps, None).boundary.abs().max() > 1e-3


def test_a_lateral_of_images_is_taken_by_each_of_their_expressions(monkeypatch):
    step, index = make_step(), torch.tensor([1, 0, 1])
    above, lateral = make_maps((2, 3), (5, 4), lateral_rows=2)
    assert agrees(step, above, lateral, index)
    rows = []
    original = functional.conv2d

    def watched(features, *args):
        rows.append(tuple(features.shape))
        return original(features, *args)

    monkeypatch.setattr(functional, "conv2d", watched)
    step(above, lateral, index)
    # Once an image at the finer size, once an expression at the coarser one.
    assert (2, 3, 5, 4) in rows
    assert (3, 3, 2, 3) in rows
    assert (3, 3, 5, 4) not in rows


def test_the_boundary_is_zero_at_first():
    step = BoundaryEnhancementStep(channels=3, out_channels=2)
    above, lateral = (value.float() for value in make_maps((20, 30), (40, 60)))
    found = step(above, lateral, None)
    assert found.boundary.abs().max() < 1e-4
    assert found.edge.abs().max() > 0.1  # the lateral alone


def test_every_parameter_has_a_gradient():
    step, maps = make_step().train(), make_maps((4, 6), (7, 9))
    found = step(*maps, None)
    sum((value * torch.randn_like(value)).sum() for value in found).backward()
    for name, parameter in step.named_parameters():
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().max() > 1e-9, name
