import json

import pytest

from tests.conftest import REPOSITORY
from tests.load_tool import load_tool

CMSA = str(REPOSITORY / "configs/cmsa/cmsa_tiny_shapes.py")


@pytest.fixture
def program():
    return load_tool("analysis_tools/benchmark_growth")


def test_tables_file_and_picture(program, tmp_path, capsys):
    file, picture = tmp_path / "growth.json", tmp_path / "growth.png"
    options = ["--sizes", "128", "64", "--words", "3", "9", "--rounds", "1"]
    options += ["--json", str(file), "--plot", str(picture), "--warm-up", "0"]
    assert program.main([CMSA, *options]) == 0
    positions, words = capsys.readouterr().out.strip().split("\n\n")
    rows = [line.split("|")[1:-1] for line in positions.splitlines()[2:]]
    assert [row[1].strip() for row in rows] == ["64x64", "128x128"]
    work = [float(row[3]) for row in rows]
    assert 1 < work[1] / work[0] < 16
    assert 0 < float(rows[1][6]) < 2
    rows = [line.split("|")[1:-1] for line in words.splitlines()[2:]]
    assert [row[1].strip() for row in rows] == ["3", "9"]
    measured = json.loads(file.read_text())["measurements"]
    assert [(m["size"], m["words"]) for m in measured] == [
        ([64, 64], 3),
        ([128, 128], 3),
        ([64, 64], 9),
    ]
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "no config is given"),
        ([CMSA, "--sizes", "64"], "two different --sizes"),
        ([CMSA, "--sizes", "64", "0"], "positive"),
    ],
)
def test_wrong_use(program, options, message, capsys):
    assert program.main(options) == 2
    assert message in capsys.readouterr().err
