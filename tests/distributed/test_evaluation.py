"""Scores do not depend on the number of processes, to the last digit."""

import json

import pytest

from tests.conftest import REPOSITORY
from tests.distributed.ranks import run_jobs
from tests.evaluation.scenes_run import BREAKDOWNS, CONFIG, write_checkpoint

pytestmark = pytest.mark.slow

# Two and three processes share 7 pictures unevenly; of 2 pictures one of three has none
# of its own.
CASES = [(processes, length) for length in (7, 2) for processes in (1, 2, 3)]


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Scores and the file of predictions, by number of processes and of pictures."""
    folder = tmp_path_factory.mktemp("scoring")
    base = REPOSITORY / "configs/baseline/baseline_tiny_shapes.py"
    config, checkpoint = folder / "scenes.py", folder / "model.pth"
    config.write_text(CONFIG.format(base=str(base), breakdowns=BREAKDOWNS))
    write_checkpoint(checkpoint, config, seed=0)
    jobs, files = [], []
    for processes, length in CASES:
        place = folder / f"{processes}_{length}"
        files.append((place / "scores.json", place / "masks.jsonl"))
        arguments = [str(config), str(checkpoint), "--work-dir", str(place)]
        arguments += ["--metrics", str(files[-1][0]), "--out", str(files[-1][1])]
        number = f"test_dataloader.dataset.num_images={length}"
        arguments += ["--cfg-options", number, "log_level=ERROR"]
        jobs.append(
            ("tests.distributed.scoring:score", processes, {"arguments": arguments})
        )
    codes = run_jobs(folder, jobs)
    assert codes == [[0] * processes for processes, _ in CASES], codes
    found = [
        (json.loads(scores.read_text())["metrics"], masks.read_text())
        for scores, masks in files
    ]
    return dict(zip(CASES, found, strict=True))


@pytest.mark.parametrize("length", [7, 2])
@pytest.mark.parametrize("processes", [2, 3])
def test_scores_are_those_of_one_process(results, processes, length):
    expected, masks = results[1, length]
    scores, found = results[processes, length]
    assert scores == expected
    assert sorted(found.splitlines()) == sorted(masks.splitlines())


def test_there_is_something_to_be_equal(results):
    scores, masks = results[1, 7]
    assert 0 < scores["mIoU"] < 100
    assert scores != results[1, 2][0]
    assert len(masks.splitlines()) >= 7
