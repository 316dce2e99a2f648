import pytest
import torch

from tests.load_tool import load_tool, run_cases_here

SMALL = ["--channels", "8", "--heads", "2", "--words", "3", "--repeats", "1"]


@pytest.fixture(scope="module")
def program():
    return load_tool("analysis_tools/benchmark_synchronous_fusion")


def test_both_forms_are_the_same(program):
    inputs = program.make_case(program.parse_args(SMALL), 5)
    one, other = (program.fuse(form, *inputs) for form in program.FORMS)
    assert one.shape == (1, 8, 5, 5)
    torch.testing.assert_close(one, other)


def test_the_table(program, tmp_path, capsys, monkeypatch):
    run_cases_here(program, monkeypatch)
    picture = ["--plot", str(tmp_path / "forms.png")]
    program.main([*SMALL, "--sizes", "4", *picture])
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 3
    assert printed[2].startswith("| 4x4 | 19 | ")
    assert printed[2].count("ms") == printed[2].count("MB") == 2
    assert (tmp_path / "forms.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow  # another program's, in the default run, does the same
def test_a_failing_case_is_reported(program):
    args = program.parse_args(SMALL)
    args.threads = 0
    with pytest.raises(RuntimeError, match="case 'fused' of a 4x4 grid ended with"):
        program.start_case(args, "fused", 4)
