import json

import pytest

from tests.load_tool import load_tool

CONFIG = "configs/cmsa/cmsa_tiny_shapes.py"


@pytest.fixture(scope="module")
def tool():
    return load_tool("analysis_tools/benchmark_evaluation")


def test_both_ways_give_the_same_logits(tool, tmp_path, capsys):
    path = tmp_path / "times.json"
    assert tool.main([CONFIG, "--pictures", "3", "--json", str(path)]) == 0
    (entry,) = json.loads(path.read_text())["measurements"]
    assert entry["config"] == "cmsa_tiny_shapes"
    assert len(entry["together"]) == len(entry["one_by_one"]) == 3
    assert entry["difference"] < 1e-4
    speed_up = sum(entry["one_by_one"]) / sum(entry["together"])
    count = sum(entry["sentences"])
    printed = capsys.readouterr().out
    assert f"| cmsa_tiny_shapes | 3 | {count} |" in printed
    assert f"| {speed_up:.2f} |" in printed


def test_wrong_use_is_a_line(tool, capsys):
    assert tool.main([]) == 2
    assert "--preset paper" in capsys.readouterr().err
    assert tool.main([CONFIG, "--pictures", "0"]) == 2
    assert "--pictures 0" in capsys.readouterr().err
