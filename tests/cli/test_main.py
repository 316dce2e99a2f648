"""The command as such: what it answers, how fast, and whom it calls."""

import subprocess
import sys

import pytest

from mmris.cli import main
from mmris.cli.commands import COMMANDS
from mmris.cli.tool_files import TOOLS, load_tool
from mmris.version import __version__
from tests.conftest import REPOSITORY

# What takes seconds to import.
HEAVY = ("torch", "mmengine", "numpy", "cv2")


@pytest.mark.parametrize("words", [["--help"], [], ["segment", "--help"]])
def test_help_imports_nothing_heavy(words):
    program = (
        "import sys\nfrom mmris.cli import main\n"
        f"try:\n    main({words!r})\nexcept SystemExit as stop:\n"
        "    assert not stop.code, stop.code\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert answer.splitlines()[-1] == "[]"
    assert "masks" in answer or "Segment" in answer


def test_help_names_all_commands(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["-h"])
    said = capsys.readouterr().out
    for name, entry in COMMANDS.items():
        assert f"  {name} " in said
        assert entry.help in said


def test_version_and_a_command_that_is_none(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"mmris {__version__}\n"
    with pytest.raises(SystemExit, match="2"):
        main(["segmnt", "photo.jpg"])
    assert "invalid choice: 'segmnt' (choose from" in capsys.readouterr().err


@pytest.mark.parametrize("name", [name for name in COMMANDS if COMMANDS[name].tool])
def test_tools_are_the_files_of_the_folder(name, capsys, monkeypatch):
    """Not copies of them."""
    path = TOOLS / f"{COMMANDS[name].tool}.py"
    source = (REPOSITORY / "tools" / f"{COMMANDS[name].tool}.py").resolve()
    assert path.resolve() == source
    monkeypatch.setattr(sys, "argv", ["mmris", name])
    with pytest.raises(SystemExit, match="0"):
        main([name, "--help"])
    assert f"usage: mmris {name} [-h]" in capsys.readouterr().out
    assert load_tool(COMMANDS[name].tool).__file__ == str(path)


def test_words_and_exit_code_go_through(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["mmris"])
    assert main(["train", "no_such_config.py"]) == 2
    assert "no config file 'no_such_config.py'" in capsys.readouterr().err


def test_a_missing_tool(monkeypatch, tmp_path):
    monkeypatch.setattr("mmris.cli.tool_files.TOOLS", tmp_path)
    with pytest.raises(FileNotFoundError, match="no tool .*train.py; install mmris"):
        load_tool("train")
