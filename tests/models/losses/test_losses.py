import math

import pytest
import torch

from mmris.models.losses import MaskLoss
from mmris.structures import MaskOutput

BCE = {"type": "BinaryCrossEntropyLoss"}
DICE = {"type": "mmseg.DiceLoss", "use_sigmoid": True, "naive_dice": True}


def output(logits, **aux):
    return MaskOutput(logits, aux)


def value_of(loss, given, masks):
    """Of an entry with one output."""
    (value,) = loss(given, masks).values()
    return value


def test_binary_cross_entropy_pixel_by_pixel():
    logits = torch.randn(2, 1, 3, 4, dtype=torch.float64)
    masks = torch.rand(2, 3, 4) < 0.5
    expected = 0.0
    for n in range(2):
        for y in range(3):
            for x in range(4):
                p = 1 / (1 + math.exp(-logits[n, 0, y, x].item()))
                expected -= math.log(p if masks[n, y, x] else 1 - p) / 24
    loss = MaskLoss(name="loss_bce", loss=BCE, weight=2.0)
    assert loss(output(logits), masks)["loss_bce"].item() == pytest.approx(2 * expected)


def test_dice_prefers_the_object_to_the_background():
    masks = torch.zeros(1, 4, 6, dtype=torch.uint8)
    masks[:, 1:3, 2:5] = 1
    right = torch.where(masks.bool(), 20.0, -20.0)[:, None]
    loss = MaskLoss(name="loss_dice", loss=DICE)
    assert value_of(loss, output(right), masks).item() == pytest.approx(0, abs=1e-3)
    assert value_of(loss, output(-right), masks).item() == pytest.approx(1, abs=1e-2)
    half = right.clone()
    half[..., 2, :] = -20  # half of the object: 1 - 2 * 3 / (3 + 6)
    assert value_of(loss, output(half), masks).item() == pytest.approx(1 / 3, abs=1e-3)


class Hinge(torch.nn.Module):
    def forward(self, logits, masks):
        return (1 - (2 * masks - 1) * logits).relu().mean()


@pytest.mark.parametrize("size", [None, (2, 3)])
def test_masks_are_numbers_to_calculate_with(size):
    """In 8 bits without a sign 2 * 0 - 1 is 255."""
    masks = torch.zeros(1, 4, 6, dtype=torch.uint8)
    masks[:, :2] = 1
    given = output(torch.full((1, 1, 4, 6), -6.0))
    loss = MaskLoss(name="loss_hinge", loss=BCE, size=size)
    loss.loss = Hinge()
    assert value_of(loss, given, masks).item() == 3.5  # 7 on a half, 0 on the other
    loss.loss = torch.nn.BCEWithLogitsLoss()
    expected = MaskLoss(name="loss_bce", loss=BCE, size=size)
    torch.testing.assert_close(
        value_of(loss, given, masks), value_of(expected, given, masks)
    )


@pytest.mark.parametrize("config", [BCE, DICE])
def test_loss_sits_at_the_size_of_the_masks_and_falls_towards_them(config):
    masks = torch.zeros(2, 8, 12, dtype=torch.uint8)
    masks[0, 2:6, 4:8] = masks[1, :, 6:] = 1
    logits = torch.zeros(2, 1, 4, 6, requires_grad=True)
    loss = MaskLoss(name="loss", loss=config)
    before = value_of(loss, output(logits), masks)
    (gradient,) = torch.autograd.grad(before, logits)
    assert value_of(loss, output(logits - gradient), masks) < before
    assert (gradient[1, 0, :, 4:] < 0).all()
    assert (gradient[1, 0, :, :2] > 0).all()


def test_reads_an_auxiliary_output():
    masks = torch.ones(1, 4, 4, dtype=torch.uint8)
    loss = MaskLoss(name="loss_edge", loss=BCE, output="edge")
    given = output(torch.zeros(1, 1, 4, 4), edge=30 * torch.ones(1, 1, 2, 2))
    value = value_of(loss, given, masks)
    assert value.item() == pytest.approx(0, abs=1e-6)


def test_a_name_that_would_not_count_is_refused():
    with pytest.raises(ValueError, match="must start with 'loss'"):
        MaskLoss(name="dice", loss=DICE)


def test_comparison_at_a_size_of_its_own():
    masks = torch.zeros(1, 6, 8, dtype=torch.bool)
    masks[:, :3] = True
    right = torch.full((1, 1, 3, 4), -20.0)
    right[:, :, :2] = 20
    loss = MaskLoss(name="loss_bce", loss=BCE, size=(3, 4))
    sampled = torch.nn.functional.interpolate(
        masks[:, None].to(torch.uint8), (3, 4), mode="nearest-exact"
    )
    expected = torch.where(sampled.bool() == (right > 0), 0.0, 20.0).mean()
    assert value_of(loss, output(right), masks).item() == pytest.approx(
        expected.item(), abs=1e-4
    )
    seen = []
    loss.loss.register_forward_hook(lambda _m, given, _o: seen.extend(given))
    loss(output(torch.randn(1, 1, 5, 5)), masks)
    assert [tuple(value.shape) for value in seen] == [(1, 1, 3, 4)] * 2
    assert torch.equal(seen[1], sampled)


@pytest.mark.parametrize("size", [(3,), (0, 4), (1, 2, 3)])
def test_a_size_that_is_none_is_refused(size):
    with pytest.raises(ValueError, match=r"size of the model.losses entry 'loss_bce'"):
        MaskLoss(name="loss_bce", loss=BCE, size=size)
