import copy

import pytest
from mmengine.config import Config
from mmengine.dataset import InfiniteSampler
from mmengine.registry import DATA_SAMPLERS, DATASETS, LOOPS, PARAM_SCHEDULERS
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop

from mmris.datasets import ShapesRefDataset
from mmris.utils.config import switch_dataset
from mmris.utils.run_check import check_run
from tests.conftest import REPOSITORY

CONFIGS = REPOSITORY / "configs"
METHODS = sorted(p for p in CONFIGS.rglob("*.py") if "_base_" not in p.parts)
SOURCES = sorted((CONFIGS / "_base_" / "datasets").glob("*.py"))
TINY = Config.fromfile(CONFIGS / "baseline/baseline_tiny_shapes.py")
BY_EPOCH = {"_delete_": True, "by_epoch": True, "max_epochs": 3}
FINITE = {"type": "DefaultSampler", "shuffle": True}


@pytest.fixture
def cfg():
    return copy.deepcopy(TINY)


@pytest.mark.parametrize("path", METHODS, ids=lambda path: path.stem)
def test_our_configs_pass_and_stay_as_they_are(path):
    config = Config.fromfile(path)
    before = copy.deepcopy(config.to_dict())
    check_run(config)
    assert config.to_dict() == before


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_every_dataset_passes(cfg, path):
    switch_dataset(cfg, path.stem)
    check_run(cfg)


def test_what_is_not_there_is_not_checked():
    check_run(Config({}))
    check_run(Config({"train_cfg": None, "val_dataloader": None, "param_scheduler": 3}))


# ----- schedules


@pytest.mark.parametrize("kind", ["PolyLR", "LinearLR", "CosineAnnealingLR", "StepLR"])
@pytest.mark.parametrize("given", [{}, {"by_epoch": True}])
@pytest.mark.parametrize(
    "loop",
    [{"type": "IterBasedTrainLoop"}, {"by_epoch": False}, {"type": IterBasedTrainLoop}],
)
def test_schedules_by_epoch_in_a_training_by_iterations(cfg, kind, given, loop):
    cfg.train_cfg = {"max_iters": 10, **loop}
    cfg.param_scheduler[1] = {"type": kind, **given}
    said = "True" if given else "not set, which means True"
    message = rf"^param_scheduler\.1\.by_epoch is {said}, but .* Set by_epoch=False"
    with pytest.raises(ValueError, match=message):
        check_run(cfg)


@pytest.mark.parametrize("place", ["mmpretrain.CosineAnnealingWeightDecay", "PolyLR"])
@pytest.mark.parametrize("form", [lambda s: s, lambda s: {"one": [s]}])
def test_schedules_of_other_libraries_and_of_several_optimizers(cfg, place, form):
    cfg.param_scheduler = form({"type": place, "end": 5})
    with pytest.raises(
        ValueError, match=r"param_scheduler(\.one\.0)?\.by_epoch is not"
    ):
        check_run(cfg)


@PARAM_SCHEDULERS.register_module()
class OwnSchedule:
    def __init__(self, optimizer, **options):
        """May hand on by_epoch=False itself."""


@LOOPS.register_module()
class OwnLoop(IterBasedTrainLoop):
    def run(self):
        """Has epochs of its own."""


@pytest.mark.parametrize(
    "schedule",
    [
        {"type": "PolyLR", "by_epoch": False, "end": 10**6},
        {"type": "CosineAnnealingLR", "T_max": 3, "convert_to_iter_based": True},
        {"type": "ReduceOnPlateauLR", "monitor": "oIoU", "rule": "greater"},
        {"type": "OwnSchedule"},
    ],
    ids=lambda schedule: schedule["type"],
)
def test_schedules_that_pass(cfg, schedule):
    cfg.param_scheduler = [schedule]
    check_run(cfg)


def test_a_loop_of_ones_own_may_have_epochs(cfg):
    cfg.param_scheduler = [{"type": "PolyLR", "power": 0.9}]
    cfg.train_cfg["type"] = "OwnLoop"
    check_run(cfg)


@pytest.mark.parametrize("kind", [None, "CheckpointHook", "mmengine.CheckpointHook"])
def test_checkpoints_by_epoch_in_a_training_by_iterations(cfg, kind):
    hook = cfg.default_hooks.checkpoint
    hook.by_epoch = True
    if kind is not None:
        cfg.default_hooks.checkpoint = {"type": kind, "interval": 10}
    message = r"^default_hooks\.checkpoint saves by epochs .* Set by_epoch=False"
    with pytest.raises(ValueError, match=message):
        check_run(cfg)
    cfg.default_hooks.checkpoint.by_epoch = False
    check_run(cfg)
    cfg.default_hooks.checkpoint.by_epoch = True
    cfg.train_cfg = BY_EPOCH
    cfg.train_dataloader.sampler = FINITE
    check_run(cfg)


def test_epochs_take_both_kinds_of_schedules(cfg):
    cfg.merge_from_dict(
        {"train_cfg": dict(BY_EPOCH), "train_dataloader.sampler": FINITE}
    )
    cfg.param_scheduler = [
        {"type": "LinearLR", "by_epoch": False, "end": 50},
        {"type": "PolyLR", "power": 0.9},
    ]
    check_run(cfg)


# ----- samplers


@DATA_SAMPLERS.register_module()
class OwnSampler(InfiniteSampler):
    def __iter__(self):
        """Ends."""


@LOOPS.register_module()
class OwnEpochs(EpochBasedTrainLoop):
    def run_epoch(self):
        """Ends."""


@pytest.mark.parametrize("kind", ["InfiniteSampler", InfiniteSampler])
def test_epochs_that_never_end(cfg, kind):
    cfg.train_dataloader.sampler["type"] = kind
    cfg.merge_from_dict({"train_cfg": dict(BY_EPOCH)})
    message = r"^train_dataloader\.sampler is an InfiniteSampler.*type='DefaultSampler'"
    with pytest.raises(ValueError, match=message):
        check_run(cfg)


@pytest.mark.parametrize("split", ["val", "test"])
def test_an_evaluation_that_never_ends(cfg, split):
    cfg[f"{split}_dataloader"].sampler = {"type": "InfiniteSampler"}
    message = rf"^{split}_dataloader\.sampler is an InfiniteSampler"
    with pytest.raises(ValueError, match=message):
        check_run(cfg)


@pytest.mark.parametrize(
    "options",
    [
        {"train_dataloader.sampler": FINITE},
        {"train_dataloader.sampler": FINITE, "train_cfg": BY_EPOCH},
        {"train_dataloader.sampler.type": "OwnSampler", "train_cfg": BY_EPOCH},
        {"train_cfg": {**BY_EPOCH, "type": "OwnEpochs", "by_epoch": None}},
    ],
    ids=str,
)
def test_samplers_that_pass(cfg, options):
    cfg.merge_from_dict(copy.deepcopy(options))
    cfg.param_scheduler = None
    check_run(cfg)


# ----- test_mode


def test_a_forgotten_test_mode(cfg):
    for split in ("val", "test"):
        wrong = copy.deepcopy(cfg)
        del wrong[f"{split}_dataloader"].dataset["test_mode"]
        message = (
            rf"^{split}_dataloader\.dataset\.test_mode is not set, .* test_mode=Tr"
        )
        with pytest.raises(ValueError, match=message):
            check_run(wrong)
        wrong[f"{split}_dataloader"].dataset.test_mode = False
        with pytest.raises(ValueError, match=r"\.test_mode is False, so that"):
            check_run(wrong)


def test_training_in_test_mode(cfg):
    cfg.train_dataloader.dataset.test_mode = True
    message = r"^train_dataloader\.dataset\.test_mode is True, .* Remove it"
    with pytest.raises(ValueError, match=message):
        check_run(cfg)


def test_through_wrappers(cfg):
    right, wrong = (
        {"type": "ShapesRefDataset", "test_mode": mode} for mode in (True, False)
    )
    both = {"type": "ConcatDataset", "datasets": [right, {"dataset": wrong}]}
    both["datasets"][1]["type"] = "RepeatDataset"
    cfg.val_dataloader.dataset = both
    message = r"^val_dataloader\.dataset\.datasets\.1\.dataset\.test_mode is False"
    with pytest.raises(ValueError, match=message):
        check_run(cfg)
    cfg.val_dataloader.dataset = {"type": "RepeatDataset", "dataset": right}
    check_run(cfg)
    cfg.train_dataloader.dataset = {"type": "MixedRefDataset", "datasets": [right]}
    with pytest.raises(ValueError, match=r"^train_.*\.datasets\.0\.test_mode is True"):
        check_run(cfg)


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_mixture_is_for_training(cfg, wrapped):
    mixture = {"type": "MixedRefDataset", "datasets": [{"type": "ShapesRefDataset"}]}
    if wrapped:
        mixture = {"type": "RepeatDataset", "dataset": mixture}
    cfg.test_dataloader.dataset = mixture
    message = r"test_dataloader\.dataset is a MixedRefDataset, which is for training"
    with pytest.raises(ValueError, match=message):
        check_run(cfg)


@DATASETS.register_module()
class ScoredShapes(ShapesRefDataset):
    def __init__(self, *, split="val", test_mode=True):
        super().__init__(split=split, test_mode=test_mode)


@DATASETS.register_module()
class HandingOn(ShapesRefDataset):
    def __init__(self, **options):
        super().__init__(test_mode=True, **options)


@DATASETS.register_module()
class Inheriting(ShapesRefDataset):
    pass


def test_the_default_of_the_class_counts(cfg):
    for kind in ("ScoredShapes", "HandingOn", "mmengine.BaseDataset"):
        cfg.val_dataloader.dataset = {"type": kind}
        check_run(cfg)
    cfg.val_dataloader.dataset = {"type": "Inheriting"}
    with pytest.raises(ValueError, match=r"dataset\.test_mode is not set"):
        check_run(cfg)
