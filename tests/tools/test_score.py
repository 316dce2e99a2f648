import json

import pytest

from mmris.evaluation.protocols import PROTOCOLS
from tests.load_tool import load_tool


@pytest.fixture(scope="module")
def score_tool():
    return load_tool("analysis_tools/score")


@pytest.fixture
def words(scenes):
    return [str(scenes.folder / "first.jsonl"), str(scenes.config)]


def bare(scenes, tmp_path):
    """The predictions without soft scores."""
    header, *lines = (scenes.folder / "first.jsonl").read_text().splitlines()
    changed = json.dumps({**json.loads(header), "soft_scores": None})
    path = tmp_path / "bare.jsonl"
    path.write_text("\n".join([changed, *lines]) + "\n")
    return str(path)


def test_a_table_of_all_protocols(score_tool, words, scenes, tmp_path, capsys):
    report = tmp_path / "scores.json"
    more = ["--protocol", "all", "--json", str(report), "--intervals", "--boundary"]
    more += ["--breakdown", "size", "category"]
    assert score_tool.main([*words, *more]) == 0
    printed = capsys.readouterr().out
    for name in PROTOCOLS:
        assert f"\n{name} " in printed
    content = json.loads(report.read_text())
    assert set(content["protocols"]) == {*PROTOCOLS, "boundary"}
    ours = content["protocols"]["mmris"]
    for key, value in ours["scores"].items():
        assert scenes.scores[key] == value
        if key in ours["intervals"]:
            low, high = ours["intervals"][key]
            assert low <= value <= high
    bands = content["protocols"]["boundary"]["scores"]
    assert bands["boundary IoU"] == scenes.scores["boundary IoU"]
    groups = ours["groups"]
    small = groups["size_small"]
    assert small["mIoU"] == scenes.scores["mIoU_size_small"]
    assert content["header"]["split"] == "val"
    assert f"{scenes.scores['oIoU']:.2f}" in printed


def test_masks_alone_answer_what_they_can(score_tool, words, scenes, tmp_path, capsys):
    path = bare(scenes, tmp_path)
    assert score_tool.main([path, words[1], "--protocol", "all"]) == 0
    printed = capsys.readouterr().out
    assert "\nmmdet " in printed
    assert "\nlavt " not in printed
    assert "are left out: they need predictions of tools/test.py" in printed
    assert score_tool.main([path, words[1], "--protocol", "lavt"]) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("error: --protocol lavt makes masks at a size")
    assert printed.count("\n") == 1


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--protocol", "iou"], "error: --protocol iou: there is none of this name"),
        (["--breakdown", "length"], "error: --breakdown has 'length'; choose from"),
        (["--split", "testA"], "has no mask for"),
        (["--split", "tset"], "split is 'tset'; choose one of"),
    ],
)
def test_wrong_use_is_one_line(score_tool, words, capsys, more, message):
    assert score_tool.main([*words, *more]) == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert printed.count("\n") == 1


def test_thresholds(words, tmp_path, capsys):
    tool = load_tool("analysis_tools/threshold")
    report = tmp_path / "curve.json"
    assert tool.main([*words, "--json", str(report)]) == 0
    printed = capsys.readouterr().out
    content = json.loads(report.read_text())
    best = content["best"]["mIoU"]
    assert best["score"] == max(content["mIoU"])
    assert f"best mIoU: {best['score']:.2f} at threshold {best['threshold']:.2f}" in (
        printed
    )
    assert "expected calibration error" in printed
    assert "choose a threshold on val" not in printed


def test_thresholds_of_a_test_split_are_warned_of(scenes, words, tmp_path, capsys):
    tool = load_tool("analysis_tools/threshold")
    header, *lines = (scenes.folder / "first.jsonl").read_text().splitlines()
    changed = json.dumps({**json.loads(header), "split": "testA"})
    path = tmp_path / "first.jsonl"
    path.write_text("\n".join([changed, *lines]) + "\n")
    (tmp_path / "first.scores").symlink_to(scenes.folder / "first.scores")
    assert tool.main([str(path), words[1]]) == 0
    assert "These are predictions of testA: choose a thr" in capsys.readouterr().out


def test_soft_scores_belong_to_a_file(test_tool, scenes, tmp_path, capsys):
    words = [str(scenes.config), str(scenes.folder / "first.pth"), "--soft-scores"]
    assert test_tool.main([*words, "--work-dir", str(tmp_path)]) == 2
    assert "--soft-scores adds the network's maps to what --out" in (
        capsys.readouterr().err
    )
