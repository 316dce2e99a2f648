import pytest
import torch

from tests.load_tool import load_tool, run_cases_here

SMALL = ["--channels", "8", "--attention-channels", "4", "--repeats", "1"]


@pytest.fixture(scope="module")
def program():
    return load_tool("analysis_tools/benchmark_co_attention")


@pytest.mark.parametrize("kind", ["vanilla", "asymmetric"])
def test_both_forms_are_the_same(program, kind):
    module, *maps = program.make_case(program.parse_args(SMALL), kind, 5)
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter)
    expected = program.LITERAL[kind](module, *maps)
    assert expected.shape == (1, 16, 5, 5)
    torch.testing.assert_close(module(*maps), expected, rtol=1e-4, atol=1e-4)


def test_the_table(program, tmp_path, capsys, monkeypatch):
    run_cases_here(program, monkeypatch)
    picture = ["--plot", str(tmp_path / "forms.png")]
    program.main([*SMALL, "--sizes", "4", "--memory-limit", "0.001", *picture])
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 4
    assert printed[2].startswith("| vanilla | 8 x 4 x 4 | ")
    assert "skipped" in printed[2]
    assert printed[3].startswith("| asymmetric | 8 x 4 x 4 | ")
    assert printed[3].count("ms") == printed[3].count("MB") == 2
    assert (tmp_path / "forms.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow  # another program's, in the default run, does the same
def test_a_failing_case_is_reported(program):
    args = program.parse_args(SMALL)
    args.threads = 0
    with pytest.raises(RuntimeError, match="literal form of vanilla co-attention at 4"):
        program.start_case(args, "vanilla", "literal", 4)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "most"), [("vanilla", 200), ("asymmetric", 95)])
def test_peak_memory_at_96x96(program, kind, most):
    """Of the literal forms the paper's table has 1308 and 61 MB, on a GPU."""
    args = program.parse_args(["--repeats", "1"])
    assert program.start_case(args, kind, "mmris", 96)["megabytes"] <= most
