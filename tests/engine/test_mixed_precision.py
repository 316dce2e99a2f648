import pytest
import torch
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from torch import nn

from mmris.engine.mixed_precision import MixedPrecisionOptimWrapper

on_cpu = pytest.mark.skipif(torch.cuda.is_available(), reason="about hosts without GPU")


def wrapper(model, **arguments):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    return MixedPrecisionOptimWrapper(optimizer=optimizer, **arguments)


def step(model, optim_wrapper, inputs):
    with optim_wrapper.optim_context(model):
        outputs = model(inputs)
    optim_wrapper.update_params(outputs.float().square().mean())
    return outputs


@on_cpu
def test_the_forward_pass_runs_in_bfloat16_and_weights_stay_float32():
    model = nn.Linear(4, 3)
    optim_wrapper = wrapper(model)
    assert isinstance(optim_wrapper, AmpOptimWrapper)
    assert step(model, optim_wrapper, torch.rand(2, 4)).dtype == torch.bfloat16
    assert model.weight.dtype == torch.float32


@on_cpu
def test_steps_agree_with_full_precision_up_to_rounding():
    models = nn.Linear(4, 3), nn.Linear(4, 3)
    models[1].load_state_dict(models[0].state_dict())
    full = OptimWrapper(torch.optim.SGD(models[1].parameters(), lr=0.1, momentum=0.9))
    optim_wrappers = wrapper(models[0]), full
    inputs = torch.rand(8, 4)
    for _ in range(3):
        for model, optim_wrapper in zip(models, optim_wrappers, strict=True):
            step(model, optim_wrapper, inputs)
    torch.testing.assert_close(models[0].weight, models[1].weight, atol=5e-3, rtol=0)


@on_cpu
def test_gradients_are_accumulated_and_clipped():
    model = nn.Linear(4, 3)
    before = model.weight.clone()
    clip = {"max_norm": 1e-6}
    optim_wrapper = wrapper(model, accumulative_counts=2, clip_grad=clip)
    optim_wrapper.initialize_count_status(model, 0, 2)
    step(model, optim_wrapper, torch.rand(2, 4))
    assert torch.equal(model.weight, before)
    step(model, optim_wrapper, torch.rand(2, 4))
    assert not torch.equal(model.weight, before)
    assert (model.weight - before).abs().max() < 1e-6


@on_cpu
def test_the_state_survives_a_round_trip():
    model = nn.Linear(4, 3)
    optim_wrapper = wrapper(model)
    step(model, optim_wrapper, torch.rand(2, 4))
    other = wrapper(model)
    other.load_state_dict(optim_wrapper.state_dict())
    momenta = [
        next(iter(w.optimizer.state.values()))["momentum_buffer"]
        for w in (optim_wrapper, other)
    ]
    assert torch.equal(momenta[0], momenta[1])


def test_a_state_without_scaling_goes_into_one_with():
    optim_wrapper = wrapper(nn.Linear(4, 3))
    state = optim_wrapper.state_dict()
    state["loss_scaler"] = {}
    optim_wrapper.loss_scaler = torch.amp.GradScaler(device="cpu", enabled=True)
    optim_wrapper.load_state_dict(state)


@pytest.mark.gpu
def test_a_gpu_runs_in_the_chosen_precision():
    model = nn.Linear(4, 3).cuda()
    inputs = torch.rand(2, 4).cuda()
    assert step(model, wrapper(model), inputs).dtype == torch.float16
    optim_wrapper = wrapper(model, precision="bfloat16", loss_scale=8)
    assert step(model, optim_wrapper, inputs).dtype == torch.bfloat16


def test_an_unknown_precision_is_named():
    with pytest.raises(ValueError, match=r"optim_wrapper\.precision is 'float8'"):
        wrapper(nn.Linear(4, 3), precision="float8")
