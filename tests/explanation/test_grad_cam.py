import numpy as np
import pytest
import torch

from mmris.explanation import explain
from mmris.explanation.grad_cam import grad_cam
from tests.explanation.conftest import build


def naive(model, inputs, layer, threshold_places):
    """Each channel's weight by moving the whole channel a little, in float64."""
    index = torch.zeros(1, dtype=torch.int64)
    module = model.get_submodule(layer)
    kept = {}

    def run(change=None):
        def moved(_module, _arguments, result):
            kept["map"] = result
            return result if change is None else result + change

        handle = module.register_forward_hook(moved)
        try:
            with torch.no_grad():
                logits = model.decode(inputs, ["red circle"], index).logits.flatten()
        finally:
            handle.remove()
        return logits

    logits = run()
    places = threshold_places(logits)
    maps, step = kept["map"], 1e-5
    weights = []
    for channel in range(maps.shape[1]):
        change = torch.zeros(1, maps.shape[1], 1, 1, dtype=torch.float64)
        change[0, channel] = step
        slope = (run(change)[places] - run(-change)[places]).sum() / (2 * step)
        weights.append(slope / (maps.shape[2] * maps.shape[3]))
    return torch.relu((torch.stack(weights)[:, None, None] * maps[0]).sum(dim=0))


@pytest.mark.parametrize("empty", [False, True])
def test_equals_finite_differences(empty):
    model = build("cefnet").double()
    torch.manual_seed(0)
    inputs = torch.randn(1, 3, 32, 48).double()
    index = torch.zeros(1, dtype=torch.int64)
    score = model.decode_head.mask_scores.score
    with torch.no_grad():
        logits = model.decode(inputs, ["red circle"], index).logits
        score.bias -= logits.max() + 1 if empty else logits.median()
    layer = "backbone.layer1"
    (found,) = grad_cam(model, inputs, "red circle", index, [layer])

    def places(logits):
        if empty:
            return logits.topk(round(0.01 * len(logits))).indices
        return logits > 0

    expected = naive(model, inputs, layer, places).numpy()
    assert expected.max() > 0
    scale = expected.max()
    np.testing.assert_allclose(found.values, expected, atol=2e-3 * scale)


def test_layers_that_stand_behind_frozen_ones_and_in_place(picture):
    """Frozen parts and layers that are followed by an in-place ReLU."""
    model = build("cmsa")
    for parameter in model.backbone.parameters():
        parameter.requires_grad_(False)
    layers = ["backbone.layer1.0.bn1", "backbone.layer2", "neck"]
    before = {name: p.grad for name, p in model.named_parameters()}
    (found,) = explain(
        model, picture, ["circle"], kinds=[], layers=layers, channel_order="rgb"
    )
    assert list(found.maps) == [
        "grad_cam/backbone.layer1.0.bn1",
        "grad_cam/backbone.layer2",
        "grad_cam/neck_0",
        "grad_cam/neck_1",
    ]
    assert {name: p.grad for name, p in model.named_parameters()} == before
    (plain,) = explain(model, picture, ["circle"], kinds=[], channel_order="rgb")
    np.testing.assert_array_equal(found.logits, plain.logits)


def test_a_layer_without_effect_is_said(picture):
    model = build("cmsa")  # reads the second and third of four levels
    with pytest.raises(ValueError, match=r"'backbone.layer4' has no effect on the"):
        explain(
            model, picture, ["circle"], layers=["backbone.layer4"], channel_order="rgb"
        )
