"""JMCELN as its configs have it: weights, decay, rows of the ablation, small copies."""

import copy
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper

from mmris.registry import MODELS, PARAM_SCHEDULERS
from mmris.structures import LevelSpec, TextSpec
from mmris.testing import check_model
from tests import parts
from tests.conftest import REPOSITORY
from tests.step_check import check

FOLDER = REPOSITORY / "configs" / "jmceln"
PRIMITIVE = "jmceln_clip-r101_1xb20-127k_refcoco-416"
# What CLIP's RN101 gives.
LEVELS = [LevelSpec(512, 8), LevelSpec(1024, 16), LevelSpec(512, 32)]
# Row of Table 2: the config, stages, whether there is LSRAN, PAN, a newest map.
ROWS = {
    1: ("jmceln-baseline", 0, False, False, True),
    2: ("jmceln-lsran", 0, True, False, True),
    3: ("jmceln-cascade", 6, False, False, True),
    4: ("jmceln-nopan", 6, True, False, True),
    5: ("jmceln", 6, True, True, True),
    6: ("jmceln-fixed", 6, True, True, False),
}


def load(name=PRIMITIVE):
    return Config.fromfile(FOLDER / f"{name}.py")


def build_on_meta(name=PRIMITIVE):
    """Neck and head of a config, without memory for weights."""
    config = load(name)
    with torch.device("meta"):
        neck = MODELS.build(
            {**config.model.neck, "in_levels": LEVELS, "in_text": TextSpec(512, 512)}
        )
        head = MODELS.build({**config.model.decode_head, "in_features": neck.spec})
    return neck, head


def millions(*modules):
    count = sum(p.numel() for module in modules for p in module.parameters())
    return round(count / 1e6, 1)


def test_as_many_weights_as_the_printed_maps_have():
    neck, head = build_on_meta()
    cascade = head.aggregation
    assert cascade.embeddings.shape == (20, 1024)
    assert len(cascade.stages) == 6
    for stage in cascade.stages:
        assert millions(stage) == 16.5
        # Two attentions of four maps each, with biases but for keys.
        both = 2 * (4 * 1024**2 + 3 * 1024)
        count = sum(
            p.numel() for part in (stage.gather, stage.write) for p in part.parameters()
        )
        assert count == both
        assert millions(stage.alignment) == 8.1
    assert millions(cascade.stages) == 98.9
    assert millions(cascade.first_map) == 22.0
    assert millions(neck) == 6.8
    assert millions(head.mask_decoder) == 0.6
    assert millions(neck, head) == 128.4


@pytest.mark.parametrize("row", ROWS)
def test_rows_of_the_ablation_are_small_configs(row):
    name, num_stages, has_first_map, has_alignment, adaptive = ROWS[row]
    path = FOLDER / f"{name}_{PRIMITIVE.split('_', 1)[1]}.py"
    _, head = build_on_meta(path.stem)
    cascade = head.aggregation
    assert len(cascade.stages) == num_stages
    assert (cascade.first_map is not None) == has_first_map
    for stage in cascade.stages:
        assert (stage.alignment is not None) == has_alignment
    assert cascade.adaptive == adaptive
    text = path.read_text(encoding="utf-8")
    assert f"row {row}" in text or row == 5
    assert row == 5 or len(text.splitlines()) <= 20


def small_clip(config):
    """The model block of the published row with CLIP as narrow as it goes."""
    model = copy.deepcopy(config.model)
    model.text_encoder.update(
        channels=16, num_layers=1, num_heads=2, projection_channels=6
    )
    model.backbone.update(arch="RN50", base_channels=4, pooled_channels=8)
    for part in (model.text_encoder, model.backbone):
        part.pop("init_cfg")
    model.neck.channels = 16
    cascade = model.decode_head.aggregation
    if cascade.num_stages > 0:
        cascade.update(num_stages=2)
    if cascade.first_map is not None:
        cascade.first_map.window_size = 5
    model.decode_head.mask_decoder.channels = (8, 6, 4)
    return model


@pytest.mark.parametrize(
    "name", sorted(path.stem for path in FOLDER.glob("*refcoco*.py"))
)
def test_small_copies_train_a_step_and_predict_alike_alone_and_in_a_batch(name):
    check(parts.build_model(small_clip(load(name))))


def test_the_small_shapes_model_keeps_what_every_model_promises():
    model = load("jmceln_tiny_shapes").model
    check_model(parts.build_model(copy.deepcopy(model)))


def groups(head_lr_mult):
    """Rate and decay by name of parameter, with CLIP as narrow as it goes."""
    config = load()
    model = MODELS.build(small_clip(config))
    for entry in config.optim_wrapper.paramwise_cfg.custom_keys.values():
        entry.lr_mult *= head_lr_mult
    wrapper = build_optim_wrapper(model, config.optim_wrapper)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return model, {
        names[id(parameter)]: (group["lr"], group["weight_decay"])
        for group in wrapper.optimizer.param_groups
        for parameter in group["params"]
    }


def test_kernels_and_matrices_decay_and_nothing_else():
    model, found = groups(1)
    undecayed = {name for name, (_, decay) in found.items() if decay == 0}
    expected = {
        name
        for name, parameter in model.named_parameters()
        if parameter.ndim == 1
        or name.endswith(("aggregation.embeddings", "relative_position_bias_table"))
    }
    assert undecayed == expected
    assert {decay for _, decay in found.values()} == {0.0, 0.01}
    assert {rate for rate, _ in found.values()} == {6e-6}


def test_the_rate_of_the_head_is_that_of_all_that_clip_does_not_provide():
    _, found = groups(10)
    for name, (rate, _) in found.items():
        new = name.startswith(("neck.", "decode_head.")) or ".residual." in name
        assert rate == pytest.approx(6e-5 if new else 6e-6), name
    assert any(".residual." in name for name in found)
    one, other = groups(1)[1], groups(10)[1]
    assert {name: decay for name, (_, decay) in one.items()} == {
        name: decay for name, (_, decay) in other.items()
    }


def test_the_variable_sets_the_rates():
    text = Path(FOLDER / f"{PRIMITIVE}.py").read_text(encoding="utf-8")
    assert text.count("lr_mult=head_lr_mult") == 5
    config = Config.fromstring(
        text.replace("head_lr_mult = 1\n", "head_lr_mult = 20\n").replace(
            '"../_base_/', f'"{FOLDER.parent}/_base_/'
        ),
        ".py",
    )
    keys = config.optim_wrapper.paramwise_cfg.custom_keys
    assert {entry.lr_mult for entry in keys.values()} == {20}


def test_sixty_epochs_of_the_references_of_refcoco():
    config = load()
    epoch = 42_404 // config.train_dataloader.batch_size
    assert 60 * epoch <= config.train_cfg.max_iters <= 60 * (epoch + 1)
    assert config.train_dataloader.dataset.sampling == "reference"
    assert config.default_hooks.checkpoint.save_best == "mIoU"


def test_the_rate_falls_by_a_power_of_nine_tenths():
    config = load()
    model = torch.nn.Linear(1, 1)
    wrapper = build_optim_wrapper(
        model, {**config.optim_wrapper, "paramwise_cfg": None}
    )
    (group,) = wrapper.optimizer.param_groups
    assert type(wrapper.optimizer).__name__ == "AdamW"
    (scheduler,) = config.param_scheduler
    # MMEngine's schedule arrives one step before its end: 101 for 100 steps.
    scheduler = PARAM_SCHEDULERS.build(
        {**scheduler, "optimizer": wrapper.optimizer, "end": 101}
    )
    for step in range(1, 101):
        wrapper.optimizer.step()
        scheduler.step()
        assert group["lr"] == pytest.approx(6e-6 * (1 - step / 100) ** 0.9)


def test_pictures_are_normalised_like_clips():
    settings = load().model.data_preprocessor
    means, deviations = (
        (0.48145466, 0.4578275, 0.40821073),
        (
            0.26862954,
            0.26130258,
            0.27577711,
        ),
    )
    assert settings.bgr_to_rgb
    assert settings.mean == pytest.approx([255 * value for value in means])
    assert settings.std == pytest.approx([255 * value for value in deviations])
