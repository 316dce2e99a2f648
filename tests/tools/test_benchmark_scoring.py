from tests.load_tool import load_tool


def test_scoring_takes_less_than_reading_and_decoding_three_times(capsys):
    tool = load_tool("analysis_tools/benchmark_scoring")
    ratio = tool.main(["--masks", "600"])
    printed = capsys.readouterr().out
    assert "600 masks of 480x640" in printed
    assert f"{ratio:.2f} times" in printed
    assert ratio < 3
