import json
import os
import re
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.load_tool import load_tool


@pytest.fixture
def seeds_tool(train_tool, test_tool, monkeypatch):
    """The tool, which runs the others in this process and notes what it ran."""
    tool = load_tool("train_seeds")
    tool.ran = []

    def run(name, words):
        tool.ran.append((name, words))
        return {"train.py": train_tool, "test.py": test_tool}[name].main(words)

    monkeypatch.setattr(tool, "run", run)
    return tool


def words_for(config, folder, *seeds):
    words = [str(config), "--work-dir", str(folder), "--seeds", *map(str, seeds)]
    return [*words, "--max-iters", "2"]


def test_seeds_are_trained_tested_and_summed_up(seeds_tool, config, tmp_path, capsys):
    folder = tmp_path / "seeds"
    assert seeds_tool.main(words_for(config, folder, 3, 4)) == 0
    printed = capsys.readouterr().out
    content = json.loads((folder / "seeds.json").read_text())
    assert set(content["seeds"]) == {"3", "4"}
    values = [run["mIoU"] for run in content["seeds"].values()]
    summary = content["summary"]["mIoU"]
    assert summary["mean"] == pytest.approx(statistics.fmean(values))
    assert summary["deviation"] == pytest.approx(statistics.stdev(values))
    assert f"mIoU  {summary['mean']:.2f} +- {summary['deviation']:.2f}" in printed
    trained = [words for name, words in seeds_tool.ran if name == "train.py"]
    assert [words[words.index("--seed") + 1] for words in trained] == ["3", "4"]
    assert all(words[-2:] == ["--max-iters", "2"] for words in trained)

    # Started again with one seed more, only that one runs.
    seeds_tool.ran.clear()
    assert seeds_tool.main(words_for(config, folder, 3, 4, 5)) == 0
    assert [name for name, _ in seeds_tool.ran] == ["train.py", "test.py"]
    assert len(json.loads((folder / "seeds.json").read_text())["seeds"]) == 3

    # A seed whose test is missing is resumed, which has nothing left to train.
    (folder / "seed_4" / "scores.json").unlink()
    seeds_tool.ran.clear()
    assert seeds_tool.main(words_for(config, folder, 3, 4, 5)) == 0
    assert [name for name, _ in seeds_tool.ran] == ["train.py", "test.py"]
    assert "--resume" in seeds_tool.ran[0][1]


def test_a_run_that_fails_stops_the_others(seeds_tool, config, tmp_path, capsys):
    words = words_for(config, tmp_path / "seeds", 1, 2)
    assert seeds_tool.main([*words, "--cfg-options", "model.chanels=3"]) == 2
    assert [name for name, _ in seeds_tool.ran] == ["train.py"]
    assert "training with seed 1 ended with code 2" in capsys.readouterr().err


def test_options_for_both_go_to_both(seeds_tool, config, tmp_path):
    words = words_for(config, tmp_path / "seeds", 1)
    words += ["--dataset", "dark", "--cfg-options", "log_level=WARNING"]
    assert seeds_tool.main(words) == 0
    for _, given in seeds_tool.ran:
        assert "dark" in given
        assert "log_level=WARNING" in given


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--max-iters", "3"], "has runs of other options: .*another --work-dir"),
        (["--seeds", "1", "1"], "--seeds 1 1: name each seed once"),
    ],
)
def test_runs_that_do_not_belong_together(
    seeds_tool, config, tmp_path, capsys, change, message, monkeypatch
):
    monkeypatch.setattr(seeds_tool, "train_and_test", lambda *arguments: {"mIoU": 1.0})
    words = words_for(config, tmp_path / "seeds", 1)
    assert seeds_tool.main(words) == 0
    assert seeds_tool.main([*words, *change]) == 2
    assert re.search(message, capsys.readouterr().err)


def test_one_seed_has_no_deviation(seeds_tool, config, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(seeds_tool, "train_and_test", lambda *arguments: {"mIoU": 1.0})
    assert seeds_tool.main(words_for(config, tmp_path / "seeds", 1)) == 0
    assert "mIoU  1.00   (1.00)" in capsys.readouterr().out


def test_runs_without_a_checkpoint(seeds_tool, config, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(seeds_tool, "run", lambda name, words: 0)
    assert seeds_tool.main(words_for(config, tmp_path / "seeds", 1)) == 2
    assert "has no checkpoint after training" in capsys.readouterr().err


@pytest.mark.slow
def test_real_programs(config, tmp_path):
    folders = [str(Path(__file__).parent), str(REPOSITORY)]
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(folders))
    command = [sys.executable, "-W", "ignore", "tools/train_seeds.py"]
    command += words_for(config, tmp_path / "seeds", 0, 1)
    done = subprocess.run(
        command,
        check=False,
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "2 seeds: 0, 1" in done.stdout
