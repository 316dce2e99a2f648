import copy

import torch
from mmengine.optim import build_optim_wrapper

from mmris.engine.merged_groups_constructor import merge_groups
from mmris.utils.config import load_config

RULES = {
    "norm_decay_mult": 0.0,
    "bias_decay_mult": 0.0,
    "custom_keys": {"0": {"lr_mult": 3.0}},
}


def make_wrapper(model, constructor, optimizer="AdamW"):
    config = {
        "type": "OptimWrapper",
        "optimizer": {"type": optimizer, "lr": 0.01, "weight_decay": 0.1},
        "constructor": constructor,
        "paramwise_cfg": copy.deepcopy(RULES),
        "clip_grad": {"max_norm": 0.5},
    }
    return build_optim_wrapper(model, config)


def test_training_is_the_same_with_fewer_groups():
    torch.manual_seed(0)
    start = torch.nn.Sequential(
        torch.nn.Linear(4, 8), torch.nn.LayerNorm(8), torch.nn.Linear(8, 2)
    )
    inputs, found, counts = torch.randn(16, 4), [], []
    for name in (
        "MergedGroupsOptimWrapperConstructor",
        "DefaultOptimWrapperConstructor",
    ):
        model = copy.deepcopy(start)
        wrapper = make_wrapper(model, name)
        counts.append(len(wrapper.optimizer.param_groups))
        for _ in range(5):
            wrapper.update_params(model(inputs).square().mean())
        found.append(torch.cat([value.flatten() for value in model.parameters()]))
    # A rate of three for the first layer, decay or none for the rest.
    assert counts == [3, 6]
    # The norm of all gradients adds them up in the order of the groups.
    torch.testing.assert_close(*found, rtol=1e-5, atol=1e-7)
    assert not torch.equal(
        found[0], torch.cat([value.flatten() for value in start.parameters()])
    )


def test_groups_keep_their_settings_and_the_order_of_parameters():
    groups = [
        {"params": ["a"], "lr": 1.0},
        {"params": ["b"], "lr": 2.0},
        {"params": ["c"], "lr": 1.0},
        {"params": ["d"], "lr": 1.0, "weight_decay": 0.0},
    ]
    assert merge_groups(groups) == [
        {"params": ["a", "c"], "lr": 1.0},
        {"params": ["b"], "lr": 2.0},
        {"params": ["d"], "lr": 1.0, "weight_decay": 0.0},
    ]


def test_full_size_configs_with_rates_by_part_merge_them():
    names = {
        load_config(f"configs/{path}.py").optim_wrapper.constructor
        for path in (
            "cmsa/cmsa_r101-embedding_1xb1-800k_refcoco-320",
            "cmpc/cmpc_r101-lstm_1xb1-800k_refcoco-320",
            "jmceln/jmceln_clip-r101_1xb20-127k_refcoco-416",
        )
    }
    assert names == {
        "MergedGroupsOptimWrapperConstructor",
        "FlatDecayOptimWrapperConstructor",
    }
