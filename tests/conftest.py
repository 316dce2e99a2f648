"""Fixtures that several test modules use."""

from __future__ import annotations

import itertools
import os
from pathlib import Path
from typing import TYPE_CHECKING

# Tests work on tiny tensors: more threads only wait for each other, and very long where
# something else uses the cores. The variable is for the programs that tests start.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import torch
from mmengine.registry import DefaultScope

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import SimpleNamespace

torch.set_num_threads(1)

_scopes = itertools.count()

REPOSITORY = Path(__file__).resolve().parents[1]
TEST_DATA_VARIABLE = "MMRIS_TEST_DATA"


@pytest.fixture(scope="session")
def test_data() -> Path:
    """Folder with mini_refcoco and refcoco_text, or a skip that says where it was."""
    default = REPOSITORY.parent / "shared" / "data"
    folder = Path(os.environ.get(TEST_DATA_VARIABLE, default))
    if not (folder / "mini_refcoco" / "expected.json").is_file():
        pytest.skip(
            f"no mini_refcoco/expected.json in {folder}; set {TEST_DATA_VARIABLE}"
        )
    return folder


@pytest.fixture(scope="session")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """Folder, config, predictions and scores of a test run on generated scenes."""
    # Only who asks for it imports all that it takes.
    from tests.evaluation.scenes_run import run_scenes  # noqa: PLC0415

    return run_scenes(tmp_path_factory.mktemp("scenes"))


@pytest.fixture(scope="session", autouse=True)
def _shared_indices(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Scenes are made once for all tests, and nothing is left in the user's cache."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:  # the folder of all workers
        folder = folder.parent
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MMRIS_INDEX_DIR", str(folder / "indices"))
        yield


@pytest.fixture(autouse=True)
def _fresh_state() -> None:
    """Fixed random numbers, and bare names meaning mmris's whatever ran before."""
    torch.manual_seed(0)
    # MMEngine copies all scopes there ever were whenever it looks into another library:
    # after thousands of tests that took most of the time.
    DefaultScope._instance_dict.clear()
    DefaultScope.get_instance(f"test-{next(_scopes)}", scope_name="mmris")
