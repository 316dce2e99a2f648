import cv2
import numpy as np
import pytest
import torch

from mmris.models.losses import BoundaryLoss, boundary_loss
from mmris.models.losses.contour import contour
from mmris.structures import MaskOutput
from tests.references import boundary_enhancement as reference

BCE = {"type": "BinaryCrossEntropyLoss"}


class Hinge(torch.nn.Module):
    def forward(self, logits, edges):
        return (1 - (2 * edges - 1) * logits).relu().mean()


HEIGHT, WIDTH = 7, 9


def some_masks():
    """Random ones of all densities, and shapes at and across the border."""
    generator = torch.Generator().manual_seed(0)
    shares = torch.linspace(0.02, 0.98, 12)[:, None, None]
    random = torch.rand(12, HEIGHT, WIDTH, generator=generator) < shares
    drawn = torch.zeros(8, HEIGHT, WIDTH, dtype=torch.bool)
    drawn[0] = True  # all object
    drawn[2, 0, 0] = True  # a corner; mask 1 is empty
    drawn[3, :, 4:] = True  # cut by the border
    drawn[4, 3, 4] = True
    drawn[5, 1:6, 1:8] = True
    drawn[6, 1:6, 1:8] = True
    drawn[6, 3, 4] = False  # with a hole
    drawn[7, :, 4] = True  # thinner than the disc
    return torch.cat([random, drawn])


def agrees(radius, masks=None):
    """Whether contours are those of the distances, pixel by pixel."""
    masks = some_masks() if masks is None else masks
    found = boundary_loss.contour(masks, radius=radius)
    wanted = torch.stack([reference.contour(mask, radius) for mask in masks])
    return found.dtype == torch.bool and torch.equal(found, wanted)


@pytest.mark.parametrize("radius", [1, 1.5, 2, 3])
def test_contours_equal_the_distances(radius):
    assert agrees(radius)


@pytest.mark.parametrize("size", [(1, 1), (1, 6), (5, 2)])
def test_contours_of_masks_smaller_than_the_disc(size):
    masks = torch.rand(4, *size) < 0.5
    masks[0] = True
    assert agrees(2, masks)


def test_every_mask_of_three_by_three():
    numbers = torch.arange(2**9)
    masks = (numbers[:, None] >> torch.arange(9) & 1).bool().view(-1, 3, 3)
    assert agrees(2, masks)
    assert agrees(1, masks)


def test_contours_equal_those_of_the_distance_transforms():
    """The way of the released code, with a ring of background around the mask."""
    for mask in some_masks():
        if not mask.any():
            continue
        inside = np.pad(mask.numpy().astype(np.uint8), 1)
        distances = sum(
            cv2.distanceTransform(kind, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
            for kind in (inside, 1 - inside)
        )
        edge = torch.from_numpy(distances[1:-1, 1:-1] < 2.1)  # the next is 2.24
        assert torch.equal(contour(mask[None], radius=2)[0], edge)


def test_no_object_has_no_contour_and_a_full_one_that_of_the_picture():
    masks = torch.stack([torch.zeros(8, 10), torch.ones(8, 10)])
    empty, full = contour(masks, radius=2)
    assert not empty.any()
    expected = torch.ones(8, 10, dtype=torch.bool)
    expected[2:-2, 2:-2] = False
    assert torch.equal(full, expected)


@pytest.mark.parametrize(
    "dtype", [torch.bool, torch.uint8, torch.int64, torch.float32, torch.float64]
)
def test_contours_of_masks_of_any_type(dtype):
    masks = some_masks()
    assert torch.equal(contour(masks.to(dtype), radius=2), contour(masks, radius=2))
    assert contour(masks[:0].to(dtype), radius=2).shape == (0, HEIGHT, WIDTH)


def make_loss(**changes):
    settings = {"outputs": ("boundary_1", "boundary_2"), "loss": BCE, **changes}
    return BoundaryLoss(**settings)


def make_output():
    torch.manual_seed(4)
    aux = {
        "boundary_1": torch.randn(3, 1, 12, 16),
        "boundary_2": torch.randn(3, 1, 5, 7),
    }
    return MaskOutput(torch.zeros(3, 1, 12, 16), aux)


def make_masks():
    masks = torch.zeros(3, 12, 16, dtype=torch.uint8)
    masks[0, 2:9, 3:12] = masks[1, :, 8:] = 1
    return masks


def loss_agrees(loss):
    """Whether both losses are the mean over pixels at the size of the masks."""
    output, masks = make_output(), make_masks()
    edges = torch.stack([reference.contour(mask, 2) for mask in masks])[:, None]
    for name in ("boundary_1", "boundary_2"):
        logits = torch.nn.functional.interpolate(
            output.aux[name], (12, 16), mode="bilinear", align_corners=False
        )
        probs = logits.sigmoid()
        expected = -torch.where(edges, probs, 1 - probs).log().mean()
        found = loss(output, masks).get(f"loss_{name}")
        if found is None or not torch.allclose(found, loss.weight * expected):
            return False
    return True


def test_contours_are_numbers_to_calculate_with():
    """In 8 bits without a sign 2 * 0 - 1 is 255."""
    loss = make_loss()
    loss.loss = Hinge()
    far = {name: torch.full_like(x, -6.0) for name, x in make_output().aux.items()}
    values = loss(MaskOutput(torch.zeros(3, 1, 12, 16), far), make_masks() * 0)
    assert [value.item() for value in values.values()] == [0.0, 0.0]


@pytest.mark.parametrize("weight", [1.0, 0.5])
def test_each_output_is_compared_with_the_contour(weight):
    loss = make_loss(weight=weight)
    assert loss.reads == {f"loss_boundary_{k}": f"boundary_{k}" for k in (1, 2)}
    assert loss_agrees(loss)


def test_contours_are_drawn_once_for_all_outputs(monkeypatch):
    drawn = []

    def watched(masks, *, radius):
        drawn.append(radius)
        return contour(masks, radius=radius)

    monkeypatch.setattr(boundary_loss, "contour", watched)
    make_loss(radius=3.0)(make_output(), make_masks())
    assert drawn == [3.0]


def test_the_loss_falls_towards_the_contour():
    masks = make_masks()
    logits = torch.zeros(3, 1, 12, 16, requires_grad=True)
    loss = make_loss(outputs=["boundary_1"])
    output = MaskOutput(logits, {"boundary_1": logits})
    (gradient,) = torch.autograd.grad(loss(output, masks)["loss_boundary_1"], logits)
    assert torch.equal(gradient[:, 0] < 0, contour(masks, radius=2))


@pytest.mark.parametrize("outputs", [(), "boundary_1", ("boundary_1",) * 2])
def test_outputs_that_are_none_or_twice_there_are_refused(outputs):
    with pytest.raises(ValueError, match="give a list of one output or more, each on"):
        make_loss(outputs=outputs)


def test_a_radius_without_neighbours_is_refused():
    with pytest.raises(ValueError, match=r"radius .* BoundaryLoss is 0.5: no pixel"):
        make_loss(radius=0.5)


def test_an_output_that_the_head_does_not_give_is_named():
    with pytest.raises(KeyError, match="gives no output 'boundary_3'"):
        make_loss(outputs=["boundary_3"])(make_output(), make_masks())
