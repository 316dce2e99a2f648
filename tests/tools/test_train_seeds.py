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

    assert "--resume" not in trained[0]

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
        (["--seeds", "1", "-1"], "--seeds -1: seeds are numbers from 0 to 4294967295"),
        (["--seeds", "4294967296"], "--seeds 4294967296: seeds are numbers"),
        (["--seed", "3"], "--seed is set for each seed by this tool; leave it out"),
        (["--seed=3"], "--seed=3 is set for each seed by this tool"),
        (["--resume"], "--resume is set for each seed by this tool"),
    ],
)
def test_runs_that_do_not_belong_together(
    seeds_tool, config, tmp_path, capsys, change, message, monkeypatch
):
    monkeypatch.setattr(seeds_tool, "train_and_test", lambda *arguments: {"mIoU": 1.0})
    words = words_for(config, tmp_path / "seeds", 1)
    assert seeds_tool.main(words) == 0
    assert seeds_tool.main([*words, *change]) == 2
    printed = capsys.readouterr().err
    assert re.search(message, printed)
    assert printed.count("\n") == 1


def test_a_config_that_changed_is_noticed(
    seeds_tool, config, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(seeds_tool, "train_and_test", lambda *arguments: {"mIoU": 1.0})
    words = words_for(config, tmp_path / "seeds", 1)
    assert seeds_tool.main(words) == 0
    before = config.read_text()
    config.write_text(before.replace("lr=0.5", "lr=0.25"))
    assert seeds_tool.main(words) == 2
    assert "has runs of this config before it was changed" in capsys.readouterr().err
    config.write_text(before)
    assert seeds_tool.main(words) == 0


def test_a_split_that_is_not_there_is_noticed_before_training(
    seeds_tool, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(seeds_tool, "run", lambda *arguments: pytest.fail("it ran"))
    config = REPOSITORY / "configs" / "baseline" / "baseline_tiny_shapes.py"
    words = words_for(config, tmp_path / "seeds", 1)
    assert seeds_tool.main([*words, "--split", "tset"]) == 2
    printed = capsys.readouterr().err
    assert "split is 'tset'; choose one of" in printed
    assert printed.count("\n") == 1
    assert not (tmp_path / "seeds").exists()


def test_a_config_that_is_not_there_leaves_no_folder(seeds_tool, tmp_path, capsys):
    words = words_for(tmp_path / "gone.py", tmp_path / "seeds", 1)
    assert seeds_tool.main(words) == 2
    printed = capsys.readouterr().err
    assert "no config file" in printed
    assert printed.count("\n") == 1
    assert not (tmp_path / "seeds").exists()


@pytest.mark.parametrize("name", ["options.json", "seed_1/scores.json"])
@pytest.mark.parametrize("content", ["", "{", "[]"])
def test_damaged_files_are_named(
    seeds_tool, config, tmp_path, capsys, monkeypatch, name, content
):
    ran = []
    monkeypatch.setattr(seeds_tool, "run", lambda *arguments: ran.append(1) or 0)
    file = tmp_path / "seeds" / name
    file.parent.mkdir(parents=True)
    file.write_text(content)
    assert seeds_tool.main(words_for(config, tmp_path / "seeds", 1)) == 2
    assert f"{file} is damaged" in capsys.readouterr().err
    assert not ran


def test_fine_tuning_starts_from_weights_and_resumes_from_its_own(
    seeds_tool, config, tmp_path
):
    folder = tmp_path / "seeds" / "seed_1"
    start = seeds_tool.start_words
    for more in (["--load-from", "a.pth", "--amp"], ["--load-from=a.pth", "--amp"]):
        assert start(folder, more) == more
    folder.mkdir(parents=True)
    (folder / "last_checkpoint").write_text(str(folder / "iter_2.pth"))
    for more in (["--load-from", "a.pth", "--amp"], ["--load-from=a.pth", "--amp"]):
        assert start(folder, more) == ["--resume", "--amp"]


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
