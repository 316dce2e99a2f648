"""Learning rates of the language model and of its parts, by MMEngine's own options."""

import pytest
import torch
from mmengine.optim import build_optim_wrapper
from mmengine.runner import Runner

from mmris.engine.hooks.vocabulary_hook import VocabularyHook
from mmris.registry import MODELS
from tests import parts

BASE = 0.01
KEYS = {
    "text_encoder": {"lr_mult": 0.1},
    "text_encoder.model.embeddings": {"lr_mult": 0.01, "decay_mult": 0.0},
}


def build(**own):
    config = parts.model_config(text_encoder="HuggingFaceTextEncoder")
    config["text_encoder"].update(own)
    return MODELS.build(config)


def groups_of(model):
    """The group of each parameter, by its name."""
    wrapper = build_optim_wrapper(
        model,
        {
            "type": "OptimWrapper",
            "optimizer": {"type": "AdamW", "lr": BASE, "weight_decay": 0.05},
            "paramwise_cfg": {"custom_keys": KEYS},
        },
    )
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return {
        names[id(parameter)]: group
        for group in wrapper.optimizer.param_groups
        for parameter in group["params"]
    }


@pytest.mark.parametrize("own", [{}, {"num_frozen_layers": 1}, {"frozen": True}])
def test_parts_have_their_own_rates(own):
    model = build(**own)
    groups = groups_of(model)
    trained = {name for name, p in model.named_parameters() if p.requires_grad}
    assert set(groups) == trained  # frozen ones are left out
    found = set()
    for name, group in groups.items():
        if name.startswith("text_encoder.model.embeddings."):
            expected = (BASE * 0.01, 0.0)
        elif name.startswith("text_encoder."):
            expected = (BASE * 0.1, 0.05)
        else:
            expected = (BASE, 0.05)
        assert (group["lr"], group["weight_decay"]) == pytest.approx(expected), name
        found.add(expected)
    assert len(found) == {(): 3, ("num_frozen_layers",): 2, ("frozen",): 1}[tuple(own)]


def test_a_training_step_moves_what_is_not_frozen():
    model = build(num_frozen_layers=1).train()
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    size = (64, 96)
    items = [parts.make_item(3, size, masks_at=size)]
    data = model.data_preprocessor(parts.collate(items), True)
    loss, _ = model.parse_losses(model(**data, mode="loss"))
    loss.backward()
    torch.optim.SGD([p for p in model.parameters() if p.requires_grad], 0.1).step()
    encoder = {
        name: not torch.equal(parameter, before[name])
        for name, parameter in model.named_parameters()
        if name.startswith("text_encoder.")
    }
    frozen = ("text_encoder.model.embeddings.", "text_encoder.model.encoder.layer.0.")
    for name, moved in encoder.items():
        if not name.endswith("key.bias"):  # softmax does not see it
            assert moved != name.startswith(frozen), name


def test_the_vocabulary_hook_leaves_language_models_alone():
    model = build()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    runner = Runner.__new__(Runner)  # nothing but a model: data is not looked at
    runner.model = model
    VocabularyHook().before_train(runner)
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), name
