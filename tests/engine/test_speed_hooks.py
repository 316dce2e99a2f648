"""Compilation, memory layout and activation checkpointing change no number."""

import copy
import inspect
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmengine.logging import MMLogger
from torch import nn
from torch._dynamo.testing import CompileCounter

from mmris.benchmark import build_random_model, random_batch
from mmris.engine import ActivationCheckpointingHook, ChannelsLastHook, CompileHook
from mmris.engine.hooks import compile_hook
from mmris.engine.hooks.activation_checkpointing_hook import (
    checkpoint_activations,
    kept_buffers,
)
from mmris.structures import FusedFeatures, TextFeatures
from mmris.utils.config import load_config
from mmris.utils.config_keys import FIXED_KEYS
from mmris.utils.speed_options import pin_memory_for_gpu, use_speed_hooks
from tests.conftest import REPOSITORY

CPU = torch.device("cpu")
SIZE = (32, 64)


def runner_of(model):
    return SimpleNamespace(model=model, logger=MMLogger.get_current_instance())


def tiny(name):
    config = load_config(REPOSITORY / f"configs/{name}/{name}_tiny_shapes.py")
    return build_random_model(config, size=SIZE, device=CPU)


def batch_of(images, expressions, words):
    return random_batch(
        size=SIZE, images=images, expressions=expressions, words=words, device=CPU
    )


def losses_and_gradients(model, batch):
    torch.manual_seed(0)
    model.train()
    model.zero_grad(set_to_none=True)
    losses = model.loss(batch.images, batch.samples, batch.image_index)
    total, _ = model.parse_losses(losses)
    total.backward()
    gradients = {
        name: value.grad
        for name, value in model.named_parameters()
        if value.grad is not None
    }
    return total.detach(), gradients


class Toy(nn.Module):
    """Has what the hook compiles."""

    def __init__(self):
        super().__init__()
        self.image = nn.Linear(4, 4)
        self.text_encoder = nn.Linear(4, 4)
        self.text_encoder.encode = lambda words: self.text_encoder(words).tanh()

    def encode_image(self, images):
        return self.image(images).relu()

    def decode_text(self, encoded, text, index):
        return encoded[index] * text


def test_the_three_tensor_parts_are_compiled_once():
    model, counter = Toy(), CompileCounter()
    words = {count: torch.rand(count, 4) for count in (1, 2, 3, 4, 5)}
    images, index = torch.rand(2, 4), torch.tensor([0, 1, 1, 0, 1])

    def answer(count):
        text = model.text_encoder.encode(words[count])
        return model.decode_text(model.encode_image(images), text, index[:count])

    expected = {count: answer(count) for count in words}
    hook = CompileHook(backend=counter)
    hook.before_val(runner_of(model))
    hook.before_train(runner_of(model))
    for count in words:
        assert torch.equal(answer(count), expected[count])
    # The image part once. Of the others one for a single row, one for two, one for
    # any number: what has changed once is a variable.
    assert counter.frame_count <= 1 + 2 * 3


def test_a_compiled_model_of_several_processes(monkeypatch):
    wrapper = SimpleNamespace(module=Toy())
    monkeypatch.setattr(compile_hook, "is_model_wrapper", lambda model: True)
    before = wrapper.module.encode_image
    CompileHook(backend="eager").before_test(runner_of(wrapper))
    assert wrapper.module.encode_image is not before


@pytest.mark.slow  # a minute: every part is traced
@pytest.mark.parametrize(
    "name", ["baseline", "cefnet", "cmpc", "cmsa", "jmceln", "shnet"]
)
def test_a_compiled_system_trains_and_predicts_the_same(name):
    model = tiny(name)
    compiled = copy.deepcopy(model)
    CompileHook(backend="aot_eager").before_train(runner_of(compiled))
    for words, expressions in ((4, 2), (6, 3)):
        batch = batch_of(2, expressions, words)
        loss, gradients = losses_and_gradients(model, batch)
        other, others = losses_and_gradients(compiled, batch)
        if name != "shnet":  # whose dropout draws other numbers
            torch.testing.assert_close(other, loss, rtol=1e-4, atol=1e-5)
            assert gradients.keys() == others.keys()
        model.eval()
        compiled.eval()
        with torch.no_grad():
            plain = model.predict(batch.images, batch.samples, batch.image_index)
            logits = [sample.seg_logits.data.clone() for sample in plain]
            again = compiled.predict(batch.images, batch.samples, batch.image_index)
        for sample, expected in zip(again, logits, strict=True):
            scale = expected.abs().max().item()
            torch.testing.assert_close(
                sample.seg_logits.data, expected, rtol=0, atol=2e-3 * scale
            )
    torch.compiler.reset()


def test_channels_last_gives_the_same_logits():
    model, batch = tiny("baseline"), batch_of(1, 2, 4)
    with torch.no_grad():
        plain = model(batch.images, batch.samples, batch.image_index).logits
        ChannelsLastHook().before_run(runner_of(model))
        last = model(batch.images, batch.samples, batch.image_index).logits
    kernels = [value for value in model.parameters() if value.ndim == 4]
    assert all(
        value.is_contiguous(memory_format=torch.channels_last) for value in kernels
    )
    torch.testing.assert_close(last, plain, rtol=1e-4, atol=1e-4)


def test_channels_last_leaves_kernels_of_three_dimensions_alone():
    model = tiny("shnet")
    shapes = {name: tuple(value.stride()) for name, value in model.named_parameters()}
    ChannelsLastHook().before_run(runner_of(model))
    solid = [name for name, value in model.named_parameters() if value.ndim == 5]
    assert solid
    for name, value in model.named_parameters():
        if value.ndim == 4:
            assert value.is_contiguous(memory_format=torch.channels_last), name
        else:
            assert tuple(value.stride()) == shapes[name], name


@pytest.mark.parametrize(
    ("name", "modules", "inner"),
    [
        (
            "jmceln",
            ["decode_head.aggregation.stages.*.alignment"],
            "decode_head.aggregation.stages.0.alignment.expand",
        ),
        ("shnet", ["decode_head"], "decode_head.exchange"),
    ],
)
def test_checkpointed_activations_change_nothing(name, modules, inner):
    model, batch = tiny(name), batch_of(2, 2, 4)
    wrapped = copy.deepcopy(model)
    ActivationCheckpointingHook(modules=modules).before_train(runner_of(wrapped))
    runs = []
    inside = wrapped.get_submodule(inner)
    inside.register_forward_hook(lambda *_: runs.append(1))
    loss, gradients = losses_and_gradients(model, batch)
    other, others = losses_and_gradients(wrapped, batch)
    assert torch.equal(other, loss)
    assert len(runs) == 2
    assert gradients.keys() == others.keys()
    for key, expected in gradients.items():
        torch.testing.assert_close(others[key], expected, rtol=1e-4, atol=1e-6)
    buffers = dict(model.named_buffers())
    for key, buffer in wrapped.named_buffers():
        assert torch.equal(buffer, buffers[key]), key


def test_checkpointed_activations_are_forgotten():
    class Wide(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(8, 8)

        def forward(self, fused):
            return self.linear(fused.maps[0].flatten(1)).exp().sin().cos()

    def kept(module):
        total = 0

        def pack(value):
            nonlocal total
            total += value.numel()
            return value

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda value: value):
            module(fused).sum()
        return total

    mask = torch.ones(2, 3, dtype=torch.bool)
    text = TextFeatures(torch.rand(2, 3, 4), mask, torch.rand(2, 4))
    maps = torch.rand(2, 2, 2, 2, requires_grad=True)
    fused = FusedFeatures((maps,), (text,), torch.tensor([0, 1]))
    module = Wide()
    before = kept(module)
    checkpoint_activations(module)
    assert kept(module) < before
    module(fused).sum().backward()
    assert maps.grad is not None
    assert module.linear.weight.grad is not None
    module.eval()
    with torch.no_grad():
        assert module(fused).shape == (2, 8)


def test_buffers_that_were_changed_get_their_values_back():
    norm = nn.BatchNorm1d(3)
    with kept_buffers(norm):
        norm(torch.rand(5, 3) + 4)
        assert norm.running_mean.min() > 0.1
    assert not norm.running_mean.any()
    assert norm.num_batches_tracked == 0


def test_a_part_that_cannot_be_run_again_is_named():
    def wrap(name):
        hook = ActivationCheckpointingHook(modules=[name])
        hook.before_train(runner_of(model))

    model = tiny("baseline")
    with pytest.raises(ValueError, match="names 'decode_head.x', but the model has no"):
        wrap("decode_head.x")
    with pytest.raises(ValueError, match="names 'neck', but neck is never run as a"):
        wrap("neck")
    with pytest.raises(ValueError, match="neck.blocks is never run as a whole; name"):
        wrap("neck.blocks")


def test_switches_become_hooks():
    cfg = Config({"compile": {"mode": "max-autotune"}, "custom_hooks": [{"type": "A"}]})
    use_speed_hooks(cfg)
    assert cfg.custom_hooks == [
        {"type": "A"},
        {"type": "CompileHook", "mode": "max-autotune"},
    ]
    assert "compile" not in cfg
    cfg = Config({"compile": False, "activation_checkpointing": ["decode_head"]})
    use_speed_hooks(cfg)
    assert cfg.custom_hooks == [
        {"type": "ActivationCheckpointingHook", "modules": ["decode_head"]}
    ]
    cfg = Config({"compile": True})
    use_speed_hooks(cfg)
    assert cfg.custom_hooks == [{"type": "CompileHook"}]
    with pytest.raises(ValueError, match="are both set"):
        use_speed_hooks(Config({"compile": True, "activation_checkpointing": ["neck"]}))
    with pytest.raises(TypeError, match="compile is 'inductor'; give True, or a dict"):
        use_speed_hooks(Config({"compile": "inductor"}))


def test_pages_are_pinned_where_a_gpu_reads_them(monkeypatch):
    for there in (True, False):
        monkeypatch.setattr(torch.cuda, "is_available", lambda there=there: there)
        cfg = Config(
            {"train_dataloader": {"batch_size": 1}, "val_dataloader": {"pin_memory": 0}}
        )
        pin_memory_for_gpu(cfg)
        assert cfg.train_dataloader.get("pin_memory", False) is there
        assert cfg.val_dataloader.pin_memory == 0


def test_the_keys_of_the_switch_are_the_arguments_of_the_hook():
    arguments = set(inspect.signature(CompileHook.__init__).parameters) - {"self"}
    assert FIXED_KEYS["compile"] == arguments
