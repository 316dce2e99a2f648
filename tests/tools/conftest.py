"""Runs of the command-line tools in this process."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(Path(__file__).parent))

import tiny_run  # noqa: E402  (it lies beside this file)
from resumed_runs import train, write  # noqa: E402, F401  (fixtures)

from tests.load_tool import load_tool  # noqa: E402


@pytest.fixture(scope="session")
def train_tool():
    return load_tool("train")


@pytest.fixture(scope="session")
def test_tool():
    return load_tool("test")


def write_config(folder: Path) -> Path:
    """Write the tiny config, named as the folder is and so new in each test."""
    runtime = str(REPOSITORY / "configs" / "_base_" / "default_runtime.py")
    path = folder / f"{folder.name}.py"
    path.write_text(tiny_run.CONFIG.format(runtime=runtime))
    datasets = folder / "_base_" / "datasets"
    datasets.mkdir(parents=True)
    (datasets / "dark.py").write_text(tiny_run.DATASET)
    return path


@pytest.fixture
def config(tmp_path):
    return write_config(tmp_path)


@pytest.fixture(scope="session")
def trained(train_tool, tmp_path_factory):
    """Config and work dir of a run of four iterations, all else as it is by default."""
    folder = tmp_path_factory.mktemp("trained")
    path, work_dir = write_config(folder), folder / "run"
    arguments = [str(path), "--work-dir", str(work_dir), "--max-iters", "4"]
    assert train_tool.main(arguments) == 0
    return path, work_dir
