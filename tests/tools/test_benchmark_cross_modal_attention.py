import json

import pytest
import torch

from tests.load_tool import load_tool


@pytest.fixture(scope="module")
def program():
    return load_tool("analysis_tools/benchmark_cross_modal_attention")


CHANNELS = [
    *("--channels", "16", "--word-channels", "9", "--attention-channels", "8"),
    *("--out-channels", "5", "--repeats", "1"),
]


def test_both_forms_are_the_same(program):
    args = program.parse_args(CHANNELS)
    block, level, text = program.make_case(args, 5, 4)
    for linear in (block.query, block.key):
        torch.nn.init.normal_(linear.weight)
    expected = program.literal(block, level, text)
    assert expected.shape == (1, 5, 5, 5)
    torch.testing.assert_close(program.factorised(block, level, text), expected)


def test_the_peak_of_what_is_freed_again_is_seen(program):
    grown = program.peak_growth(lambda: torch.ones(50_000_000, dtype=torch.uint8).max())
    assert 45 < grown < 80


def test_table_and_json(program, tmp_path, capsys):
    out = tmp_path / "numbers.json"
    limits = ["--sizes", "3", "20", "--words", "2", "--memory-limit", "1"]
    picture = ["--plot", str(tmp_path / "forms.png")]
    program.main([*CHANNELS, *limits, "--json", str(out), *picture])
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 4
    assert printed[2].startswith("| 3x3 | 2 | ")
    assert "skipped" in printed[3]
    small, large = json.loads(out.read_text())
    assert small["literal"]["difference"] < 1e-5
    assert large["literal"] is None
    assert large["literal_at_least"] > 5
    assert (tmp_path / "forms.png").read_bytes().startswith(b"\x89PNG")


def test_a_failing_case_is_reported(program):
    args = program.parse_args(CHANNELS)
    args.threads = 0
    with pytest.raises(RuntimeError, match="factorised form of 3x3 .* 2 words ended"):
        program.start_case(args, "factorised", 3, 2)
