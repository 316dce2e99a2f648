import importlib.util

import pytest
from mmengine.config import Config

from mmris.utils.config_options import (
    add_tracker,
    check_work_dir,
    keep_testing_only,
    samples_a_step,
    scale_learning_rates,
    select_split,
    set_seed,
    set_work_dir,
    shorten_schedule,
    use_mixed_precision,
)


def schedule(**changes):
    values = {
        "train_cfg": {"max_iters": 1000, "val_interval": 400},
        "default_hooks": {
            "checkpoint": {"interval": 200},
            "logger": {"interval": 50},
        },
        "param_scheduler": [
            {"type": "LinearLR", "by_epoch": False, "begin": 0, "end": 100},
            {"type": "PolyLR", "by_epoch": False, "begin": 100, "end": 1000},
            {"type": "MultiStepLR", "by_epoch": False, "milestones": [500, 800]},
        ],
    }
    values.update(changes)
    return Config(values)


def test_a_shorter_schedule_keeps_its_form():
    cfg = schedule()
    shorten_schedule(cfg, 100)
    assert cfg.train_cfg == {"max_iters": 100, "val_interval": 100}
    assert cfg.default_hooks.checkpoint.interval == 100
    assert cfg.default_hooks.logger.interval == 25
    linear, poly, steps = cfg.param_scheduler
    assert (linear.begin, linear.end, poly.begin, poly.end) == (0, 10, 10, 100)
    assert steps.milestones == [50, 80]


def test_a_longer_schedule_is_stretched_and_keeps_its_intervals():
    cfg = schedule()
    shorten_schedule(cfg, 3000)
    assert cfg.train_cfg == {"max_iters": 3000, "val_interval": 400}
    assert cfg.param_scheduler[1].end == 3000
    assert cfg.default_hooks.logger.interval == 50


@pytest.mark.parametrize("iterations", [1, 2, 3, 20])
def test_phases_of_the_shortest_schedules_follow_each_other(iterations):
    cfg = schedule()
    shorten_schedule(cfg, iterations)
    linear, poly, _ = cfg.param_scheduler
    assert linear.begin == 0
    assert linear.end == poly.begin == 2
    assert poly.end >= max(4, iterations)
    assert cfg.default_hooks.logger.interval >= 1


def test_schedules_by_epoch_are_refused():
    with pytest.raises(ValueError, match=r"train_cfg has no max_iters: .*max_epochs"):
        shorten_schedule(schedule(train_cfg={"max_epochs": 3}), 10)
    with pytest.raises(ValueError, match="--max-iters is 0"):
        shorten_schedule(schedule(), 0)


def test_work_dir_comes_from_option_config_or_name(tmp_path):
    path = tmp_path / "plain.py"
    path.write_text("a = 1")
    cfg = Config.fromfile(str(path))
    set_work_dir(cfg, None, subfolder="test")
    assert cfg.work_dir == "work_dirs/plain/test"
    cfg.work_dir = "mine"
    set_work_dir(cfg, None)
    assert cfg.work_dir == "mine"
    set_work_dir(cfg, "other", subfolder="test")
    assert cfg.work_dir == "other"


def test_a_work_dir_that_cannot_be_written(tmp_path):
    check_work_dir(str(tmp_path / "a" / "b"))
    assert list((tmp_path / "a" / "b").iterdir()) == []
    (tmp_path / "file").write_text("")
    for place in ("file", "file/run"):
        with pytest.raises(OSError, match=r"file.* cannot be written \(.*--work-dir"):
            check_work_dir(str(tmp_path / place))


def seeded(dataset):
    cfg = Config({"train_dataloader": {"dataset": dataset}, "randomness": {"seed": 3}})
    set_seed(cfg, seed=7, deterministic=True)
    return cfg


def test_the_seed_reaches_model_and_data():
    cfg = seeded({"type": "ShapesRefDataset", "split": "train", "scene_seed": 0})
    assert cfg.randomness == {"seed": 7, "deterministic": True}
    assert cfg.train_dataloader.dataset.seed == 7
    assert cfg.train_dataloader.dataset.scene_seed == 0


def test_a_seed_of_the_dataset_in_the_config_stays():
    cfg = seeded({"type": "ShapesRefDataset", "seed": 1})
    assert cfg.train_dataloader.dataset.seed == 1


def test_datasets_without_a_seed_get_none():
    cfg = seeded({"type": "mmengine.BaseDataset"})
    assert "seed" not in cfg.train_dataloader.dataset


def test_without_the_option_the_configured_seed_stays():
    cfg = Config({"randomness": {"seed": 3}})
    set_seed(cfg, seed=None, deterministic=False)
    assert cfg.randomness == {"seed": 3}


def test_a_split_needs_a_dataset_that_knows_splits():
    cfg = Config({"test_dataloader": {"dataset": {"type": "ShapesRefDataset"}}})
    select_split(cfg, "testB")
    assert cfg.test_dataloader.dataset.split == "testB"
    cfg = Config({"test_dataloader": {"dataset": {"type": "mmengine.BaseDataset"}}})
    with pytest.raises(ValueError, match=r"--split testB: .* has no argument 'split'"):
        select_split(cfg, "testB")


@pytest.mark.parametrize("name", ["OptimWrapper", "AmpOptimWrapper"])
def test_mixed_precision_replaces_the_wrapper(name):
    cfg = Config({"optim_wrapper": {"type": name, "optimizer": {"type": "SGD"}}})
    use_mixed_precision(cfg)
    use_mixed_precision(cfg)
    assert cfg.optim_wrapper.type == "MixedPrecisionOptimWrapper"
    assert cfg.optim_wrapper.optimizer.type == "SGD"


def test_mixed_precision_refuses_other_wrappers():
    with pytest.raises(ValueError, match=r"optim_wrapper\.type is 'ApexOptimWrapper'"):
        use_mixed_precision(Config({"optim_wrapper": {"type": "ApexOptimWrapper"}}))


@pytest.fixture
def installed_trackers(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.mark.usefixtures("installed_trackers")
def test_trackers_are_added_once():
    backends = [{"type": "TensorboardVisBackend"}]
    cfg = Config({"visualizer": {"vis_backends": backends}, "work_dir": "run"})
    for tracker in ("tensorboard", "wandb", "mlflow", "wandb"):
        add_tracker(cfg, tracker)
    types = [backend["type"] for backend in cfg.visualizer.vis_backends]
    assert types == ["TensorboardVisBackend", "WandbVisBackend", "RefMLflowVisBackend"]


@pytest.mark.usefixtures("installed_trackers")
def test_mlflow_writes_to_the_server_or_into_the_work_dir(tmp_path, monkeypatch):
    cfg = Config({"visualizer": {}, "work_dir": str(tmp_path)})
    add_tracker(cfg, "mlflow")
    (backend,) = cfg.visualizer.vis_backends
    assert backend["tracking_uri"] == f"sqlite:///{tmp_path}/mlflow.db"
    assert backend["artifact_location"] == f"file://{tmp_path}/mlflow_artifacts"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://server:5000")
    cfg = Config({"visualizer": {}, "work_dir": str(tmp_path)})
    add_tracker(cfg, "mlflow")
    assert cfg.visualizer.vis_backends[0]["tracking_uri"] == "http://server:5000"


def test_a_missing_tracker_names_the_command(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    cfg = Config({"visualizer": {}})
    with pytest.raises(ModuleNotFoundError, match="Run: pip install wandb"):
        add_tracker(cfg, "wandb")


def test_testing_needs_no_training_settings():
    keys = ["train_dataloader", "val_cfg", "optim_wrapper", "test_dataloader", "model"]
    cfg = Config({key: {} for key in keys})
    keep_testing_only(cfg)
    assert sorted(cfg.keys()) == ["model", "test_dataloader"]


def test_learning_rates_belong_to_the_samples_of_the_file():
    cfg = Config(
        {
            "train_dataloader": {"batch_size": 12},
            "optim_wrapper": {"accumulative_counts": 2},
        }
    )
    base = samples_a_step(cfg)
    assert base == 24
    cfg.train_dataloader.batch_size = 3
    cfg.optim_wrapper.accumulative_counts = 4
    scale_learning_rates(cfg, base=base)
    # MMEngine: rates times processes * 3 / 6, which is times processes * 12 / 24.
    assert cfg.auto_scale_lr == {"enable": True, "base_batch_size": 6}


def test_a_base_in_the_config_goes_first():
    cfg = Config(
        {
            "train_dataloader": {"batch_size": 8},
            "optim_wrapper": {},
            "auto_scale_lr": {"base_batch_size": 32},
        }
    )
    scale_learning_rates(cfg, base=samples_a_step(cfg))
    assert cfg.auto_scale_lr == {"enable": True, "base_batch_size": 32}
