"""Training says by itself what it shares with what is tested on."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from mmengine.config import Config
from mmengine.dataset import ConcatDataset
from mmengine.logging import MMLogger

from mmris.engine import LeakWarningHook
from mmris.registry import DATASETS, HOOKS
from tests.datasets.refer_folder import reference, write_refer


@pytest.fixture
def warn(tmp_path, monkeypatch):
    """Runs the hook; returns what it logs, level and text."""
    write_refer(
        tmp_path,
        [
            reference(1, 1, "train"),
            reference(2, 2, "train"),
            reference(3, 2, "val"),
            reference(4, 9, "testA"),
        ],
    )
    logger = MMLogger.get_instance(f"leaks of {tmp_path}", log_level="DEBUG")
    records = []
    monkeypatch.setattr(
        logger,
        "handle",
        lambda record: records.append((record.levelname, record.getMessage())),
    )

    def _warn(train, **tests):
        cfg = {"train_dataloader": {"dataset": train}}
        cfg.update({f"{k}_dataloader": {"dataset": v} for k, v in tests.items()})
        built = [DATASETS.build(part) for part in train.get("datasets", [train])]
        dataset = ConcatDataset(built) if "datasets" in train else built[0]
        runner = SimpleNamespace(
            cfg=Config(cfg), train_dataloader=SimpleNamespace(dataset=dataset)
        )
        records.clear()
        LeakWarningHook().before_train(runner)
        # The registry has words of its own.
        return [entry for entry in records if "pictures" in entry[1]]

    return _warn


def leaf(root, split, **more):
    return {
        "type": "ReferDataset",
        "dataset": "cups",
        "partition": "unc",
        "split": split,
        "data_root": str(root),
        **more,
    }


def test_registered():
    assert isinstance(HOOKS.build({"type": "LeakWarningHook"}), LeakWarningHook)


def test_it_warns_of_the_pictures_of_val_and_test(warn, tmp_path):
    parts = leaf(tmp_path, "train"), leaf(tmp_path, "val"), leaf(tmp_path, "testA")
    ((level, text),) = warn(parts[0], val=parts[1], test=parts[2])
    assert level == "WARNING"
    assert text.startswith(
        "1 of the 1 pictures of cups (unc) val are also in the training set cups (unc) "
        "train"
    )
    assert "tools/dataset_tools/check_leak.py" in text
    ((_, text),) = warn(parts[2], val=parts[1], test=parts[2])
    assert "pictures of cups (unc) testA are" in text


def test_it_is_silent_where_nothing_is_shared(warn, tmp_path):
    assert warn(leaf(tmp_path, "train"), test=leaf(tmp_path, "testA")) == []
    assert warn(leaf(tmp_path, "train")) == []


def test_wrappers_are_looked_into(warn, tmp_path):
    parts = [leaf(tmp_path, "testA"), leaf(tmp_path, "train")]
    train = {"type": "ConcatDataset", "datasets": parts}
    ((_, text),) = warn(train, val=leaf(tmp_path, "val"))
    assert "cups (unc) train" in text


def test_what_cannot_be_compared_stops_nobody(warn, tmp_path):
    missing = leaf(tmp_path / "no", "val")
    ((level, text),) = warn(leaf(tmp_path, "train"), test=missing)
    assert level == "DEBUG"
    assert "were not compared: no file " in text


def test_only_the_main_process_reads(warn, tmp_path, monkeypatch):
    target = "mmris.engine.hooks.leak_warning_hook.is_main_process"
    monkeypatch.setattr(target, lambda: False)
    assert warn(leaf(tmp_path, "train"), val=leaf(tmp_path, "val")) == []
