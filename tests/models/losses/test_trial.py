"""Losses from which one logit a pixel would learn nothing are refused when built."""

import random

import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from mmris.models.losses import BoundaryLoss, MaskLoss
from mmris.models.losses.trial import try_loss


def mask_loss(config, **changes):
    return MaskLoss(name="loss_mask", loss=config, **changes)


@pytest.mark.parametrize(
    "config",
    [
        {"type": "BinaryCrossEntropyLoss"},
        {"type": "mmseg.DiceLoss"},
        {"type": "mmseg.DiceLoss", "use_sigmoid": True, "naive_dice": True},
        {"type": "mmseg.FocalLoss"},
        {"type": "mmseg.LovaszLoss", "loss_type": "binary", "reduction": "none"},
        {"type": "mmseg.LovaszLoss", "loss_type": "binary", "per_image": True},
        {"type": "mmseg.BoundaryLoss"},
        {"type": "mmpretrain.CrossEntropyLoss", "use_sigmoid": True},
        {"type": "mmpretrain.FocalLoss"},
        {"type": "mmpretrain.AsymmetricLoss"},
        {"type": torch.nn.BCEWithLogitsLoss},
        {"type": torch.nn.BCEWithLogitsLoss, "reduction": "none"},
        {"type": torch.nn.MSELoss},
    ],
    ids=str,
)
def test_losses_that_teach_are_taken(config):
    mask_loss(config)
    BoundaryLoss(outputs=["boundary_1"], loss=config)


class Spread(torch.nn.Module):
    """Smooths, whatever the masks."""

    def forward(self, logits, masks):
        return logits.diff(dim=2).abs().mean() + logits.diff(dim=3).abs().mean()


class Ranking(torch.nn.Module):
    """Only says that the object has larger logits than the rest."""

    def forward(self, logits, masks):
        inside = (logits * masks).sum() / masks.sum()
        return inside.neg() + (logits * (1 - masks)).sum() / (1 - masks).sum()


class Area(torch.nn.Module):
    """Only says how large objects are."""

    def forward(self, logits, masks):
        sizes = logits.sigmoid().mean(dim=(2, 3)) - masks.mean(dim=(2, 3))
        return (sizes**2).mean()


@pytest.mark.parametrize("own", [Spread, Ranking, Area])
def test_a_loss_that_teaches_a_part_of_it_is_taken(own):
    mask_loss({"type": own})


class UpsideDown(torch.nn.Module):
    def forward(self, logits, masks):
        return -torch.nn.functional.binary_cross_entropy_with_logits(logits, masks)


class NotFinite(torch.nn.Module):
    def forward(self, logits, masks):
        return logits.log().mean()


class SteepRoot(torch.nn.Module):
    def forward(self, logits, masks):
        return ((logits - logits.detach()) ** 2).mean().sqrt()


class Detached(torch.nn.Module):
    def forward(self, logits, masks):
        return (logits.detach().sigmoid() - masks).abs().mean()


class ByName(torch.nn.Module):
    def forward(self, logits, masks):
        return {"loss": (logits - masks).abs().mean()}


ZERO = "from which nothing is learned: its gradient is zero"
ROWS = "which takes the pixels of a row or column for classes"


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"type": "mmseg.TverskyLoss"}, f"TverskyLoss, {ZERO}"),
        ({"type": "mmseg.CrossEntropyLoss"}, f"CrossEntropyLoss, {ZERO}"),
        ({"type": Detached}, f"Detached, {ZERO}"),
        (
            {"type": "mmpretrain.LabelSmoothLoss", "label_smooth_val": 0.1},
            f"LabelSmoothLoss, {ROWS}",
        ),
        (
            {"type": "mmpretrain.CrossEntropyLoss", "use_soft": True},
            f"CrossEntropyLoss, {ROWS}",
        ),
        ({"type": UpsideDown}, "UpsideDown, from which the opposite is learned"),
        ({"type": NotFinite}, "NotFinite, which gives nan on random logits"),
        ({"type": SteepRoot}, "SteepRoot, whose gradient is not finite"),
        ({"type": ByName}, "ByName, which gives a dict instead of one number"),
        (
            {"type": "mmseg.CrossEntropyLoss", "use_sigmoid": True},
            "CrossEntropyLoss, which cannot be computed: AssertionError: Only pred",
        ),
        (
            {"type": torch.nn.BCELoss},
            "BCELoss, which cannot be computed: RuntimeError: all elements",
        ),
    ],
)
def test_losses_that_do_not_teach_are_refused(config, message):
    key = r"^loss of the model\.losses entry 'loss_mask' is "
    with pytest.raises(ValueError, match=f"{key}{message}.*choose BinaryCross"):
        mask_loss(config)
    key = r"^loss of a model\.losses entry BoundaryLoss is "
    with pytest.raises(ValueError, match=f"{key}{message}.*choose BinaryCross"):
        BoundaryLoss(outputs=["boundary_1"], loss=config)


class Counting(torch.nn.Module):
    """Draws numbers, counts its calls, and has weights."""

    sizes = []  # noqa: RUF012

    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))
        self.scale = torch.nn.Parameter(torch.ones(()))

    def forward(self, logits, masks):
        self.calls += 1
        self.sizes.append(tuple(logits.shape[2:]))
        noisy = logits * self.scale + torch.randn_like(logits) / 100
        return torch.nn.functional.binary_cross_entropy_with_logits(noisy, masks)


def test_a_trial_leaves_no_trace():
    def states():
        return torch.get_rng_state().tolist(), random.getstate(), np.random.get_state()

    torch.rand(3)
    before = states()
    loss = mask_loss({"type": Counting})
    after = states()
    assert before[:2] == after[:2]
    assert before[2][2:] == after[2][2:]
    assert (before[2][1] == after[2][1]).all()
    assert loss.loss.calls == 0
    assert loss.loss.scale.grad is None
    assert loss.loss.training
    assert Counting.sizes  # it was tried


def test_a_loss_with_a_size_is_tried_at_it():
    Counting.sizes.clear()
    mask_loss({"type": Counting}, size=(24, 40))
    assert Counting.sizes == [(24, 40)]


@pytest.mark.parametrize("loss", [{"type": "mmseg.FocalLoss"}, {"type": Counting}])
def test_models_are_built_without_gradients_memory_or_numbers(loss):
    for context in (
        torch.no_grad(),
        torch.inference_mode(),
        torch.device("meta"),
        FakeTensorMode(),
    ):
        with context:
            mask_loss(loss)


def test_what_is_wrong_is_seen_within_other_contexts():
    for context in (torch.no_grad(), torch.inference_mode(), torch.device("meta")):
        with context, pytest.raises(ValueError, match=ZERO):
            mask_loss({"type": "mmseg.TverskyLoss"})


def test_a_loss_that_is_turned_off_is_taken():
    mask_loss({"type": "mmseg.DiceLoss", "loss_weight": 0.0})


def test_a_function_will_do_for_a_loss():
    try_loss("loss", torch.nn.functional.binary_cross_entropy_with_logits)
    with pytest.raises(ValueError, match="opposite"):
        try_loss("loss", lambda logits, masks: (logits * masks).sum())
