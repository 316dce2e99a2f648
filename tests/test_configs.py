"""Every config loads, builds, and goes together with every dataset."""

import copy
import itertools

import pytest
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.optim import build_optim_wrapper

from mmris.registry import DATASETS, METRICS, MODELS, PARAM_SCHEDULERS
from mmris.utils.config import switch_dataset
from mmris.utils.config_check import check_config, check_custom_keys
from tests.conftest import REPOSITORY
from tests.golden import BASES, bases_of, config_of, model_of
from tests.golden import CONFIGS as METHODS

CONFIGS = REPOSITORY / "configs"
SOURCES = sorted((BASES / "datasets").glob("*.py"))
SPLITS = ("train", "val", "test")
# Rows of a table take their data from these.
WITH_DATA = [
    path for path in METHODS if any(BASES in b.parents for b in bases_of(path))
]


def name(path):
    return path.stem


def test_there_are_configs():
    assert len(METHODS) >= 2
    assert len(SOURCES) >= 6


@pytest.mark.parametrize("path", METHODS, ids=name)
def test_one_base_of_bases_or_one_config_of_the_same_method(path):
    """So that a model is read in one file, or two: the primitive and the row."""
    own = [base for base in bases_of(path) if BASES not in base.parents]
    assert len(own) <= 1
    steps = 0
    while own:
        (base,) = own
        assert base in METHODS
        assert base.parent == path.parent
        assert len(bases_of(path)) == 1
        path, own = base, [b for b in bases_of(base) if BASES not in b.parents]
        steps += 1
    # A row at another input size builds on the primitive at that size.
    assert steps <= 2


@pytest.mark.parametrize("path", METHODS, ids=name)
def test_says_what_it_is_and_how_it_is_run(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    head = list(itertools.takewhile(lambda line: line.startswith("#"), lines))
    assert head[0].endswith((".", ":")) or head[1] != "#"
    assert any(line.startswith("# Command: python tools/train.py") for line in head)


@pytest.mark.parametrize("path", METHODS, ids=name)
def test_model_optimizer_and_schedule_build(path):
    config = config_of(path)
    check_config(config)
    model = model_of(path)
    check_custom_keys(model, config)
    wrapper = build_optim_wrapper(model, copy.deepcopy(config.optim_wrapper))
    for scheduler in config.param_scheduler:
        PARAM_SCHEDULERS.build({**scheduler, "optimizer": wrapper.optimizer})
    ends = [s["end"] for s in config.param_scheduler if s.get("end") is not None]
    assert max(ends) == config.train_cfg.max_iters


def test_cmsa_decays_the_score_kernel_and_nothing_else():
    config = Config.fromfile(
        CONFIGS / "cmsa/cmsa_r101-embedding_1xb1-800k_refcoco-320.py"
    )
    config.model.backbone.depth = 50
    model = MODELS.build(config.model)
    optimizer = build_optim_wrapper(model, config.optim_wrapper).optimizer
    assert type(optimizer).__name__ == "Adam"  # coupled decay
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    decayed = [
        names[id(parameter)]
        for group in optimizer.param_groups
        for parameter in group["params"]
        if group["weight_decay"] > 0 and parameter.requires_grad
    ]
    assert decayed == ["decode_head.mask_decoder.score.weight"]
    rates = {group["lr"] for group in optimizer.param_groups}
    assert rates == {2.5e-4}
    # MMEngine's schedule arrives one step before its end: 101 for 100 steps.
    scheduler = PARAM_SCHEDULERS.build(
        {**config.param_scheduler[0], "optimizer": optimizer, "end": 101}
    )
    for step in range(1, 101):
        optimizer.step()
        scheduler.step()
        expected = (2.5e-4 - 1e-5) * (1 - step / 100) ** 0.9 + 1e-5
        assert optimizer.param_groups[0]["lr"] == pytest.approx(expected)


@pytest.mark.parametrize("path", METHODS, ids=name)
def test_pipelines_build_and_score_at_the_original_size(path):
    config = config_of(path)
    for split in SPLITS:
        steps = config[f"{split}_dataloader"].dataset.pipeline
        Compose(copy.deepcopy(steps))
        order = [step["type"] for step in steps]
        masks_first = order.index("LoadRefMasks") < order.index("RefResize")
        assert masks_first == (split == "train")
        if split != "train":
            METRICS.build(copy.deepcopy(config[f"{split}_evaluator"]))


@pytest.mark.parametrize("source", SOURCES, ids=name)
def test_data_sources_hold_data_only(source):
    text = source.read_text(encoding="utf-8")
    for word in ("pipeline", "RefResize", "model"):
        assert f"{word}=" not in text
    config = Config.fromfile(source)
    for split in SPLITS:
        dataset = config[f"{split}_dataloader"].dataset
        DATASETS.build({**copy.deepcopy(dataset), "lazy_init": True})
        assert bool(dataset.get("test_mode")) == (split != "train")


@pytest.mark.parametrize("source", SOURCES, ids=name)
@pytest.mark.parametrize("path", WITH_DATA, ids=name)
def test_every_method_goes_with_every_dataset(path, source):
    config = config_of(path)
    before = {split: config[f"{split}_dataloader"].dataset.pipeline for split in SPLITS}
    switch_dataset(config, source.stem)
    plain = Config.fromfile(source)
    for split in SPLITS:
        dataset = dict(config[f"{split}_dataloader"].dataset)
        assert dataset.pop("pipeline") == before[split]
        dataset.pop("sampling", None)
        dataset.pop("expressions_per_image", None)
        # No key of the dataset before has survived.
        assert dataset == dict(plain[f"{split}_dataloader"].dataset)
        DATASETS.build(
            {**copy.deepcopy(config[f"{split}_dataloader"].dataset), "lazy_init": True}
        )
