import pytest
import torch
from mmengine.optim import build_optim_wrapper


def make_model():
    return torch.nn.ModuleDict(
        {
            "backbone": torch.nn.Sequential(
                torch.nn.Conv2d(3, 4, 1), torch.nn.BatchNorm2d(4)
            ),
            "head": torch.nn.ModuleDict(
                {
                    "linear": torch.nn.Linear(4, 5),
                    "norm": torch.nn.LayerNorm(5),
                    "table": torch.nn.Embedding(6, 5),
                }
            ),
        }
    )


def make_wrapper(model, **changes):
    config = {
        "type": "OptimWrapper",
        "optimizer": {"type": "AdamW", "lr": 0.01, "weight_decay": 0.1},
        "constructor": "FlatDecayOptimWrapperConstructor",
        "paramwise_cfg": {
            "flat_decay_mult": 0.0,
            "custom_keys": {
                "head": {"lr_mult": 10.0},
                "head.table": {"lr_mult": 10.0, "decay_mult": 0.0},
                "norm.bias": {"decay_mult": 0.5},
            },
        },
        **changes,
    }
    return build_optim_wrapper(model, config)


def rates(model, **changes):
    """Learning rate and weight decay of every parameter by its name."""
    wrapper = make_wrapper(model, **changes)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return {
        names[id(parameter)]: (group["lr"], group["weight_decay"])
        for group in wrapper.optimizer.param_groups
        for parameter in group["params"]
    }


def test_parts_with_rates_of_their_own_decay_in_matrices_only():
    expected = {
        "backbone.0.weight": (0.01, 0.1),
        "backbone.0.bias": (0.01, 0.0),
        "backbone.1.weight": (0.01, 0.0),
        "backbone.1.bias": (0.01, 0.0),
        "head.linear.weight": (0.1, 0.1),
        "head.linear.bias": (0.1, 0.0),
        "head.norm.weight": (0.1, 0.0),
        # An entry that names a factor decides.
        "head.norm.bias": (0.01, 0.05),
        "head.table.weight": (0.1, 0.0),
    }
    found = rates(make_model())
    assert set(found) == set(expected)
    for name, values in expected.items():
        assert found[name] == pytest.approx(values), name


def test_parameters_that_are_trained_alike_share_a_group():
    groups = make_wrapper(make_model()).optimizer.param_groups
    assert [len(group["params"]) for group in groups] == [1, 3, 1, 2, 1, 1]


def test_mmengines_own_forgets_the_rule_there():
    """What the class is for; once MMEngine changes, it can go."""
    found = rates(make_model(), constructor="DefaultOptimWrapperConstructor")
    assert found["backbone.0.bias"] == pytest.approx((0.01, 0.0))
    assert found["head.linear.bias"] == pytest.approx((0.1, 0.1))


@pytest.mark.parametrize("own", [{}, {"custom_keys": {"head": {"lr_mult": 10.0}}}])
def test_without_the_rule_it_is_mmengines(own):
    one, other = (
        rates(make_model(), constructor=name, paramwise_cfg=dict(own))
        for name in (
            "FlatDecayOptimWrapperConstructor",
            "DefaultOptimWrapperConstructor",
        )
    )
    assert one == other


def test_frozen_parameters_are_left_out():
    model = make_model()
    model["head"].requires_grad_(False)
    assert all(name.startswith("backbone") for name in rates(model))


def test_without_weight_decay_there_is_nothing_to_multiply():
    found = rates(
        make_model(),
        optimizer={"type": "SGD", "lr": 0.01},
        paramwise_cfg={"custom_keys": {"head": {"lr_mult": 10.0}}},
    )
    assert found["head.linear.bias"] == pytest.approx((0.1, 0.0))
