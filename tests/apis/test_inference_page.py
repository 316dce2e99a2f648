"""Every command and every line of Python on the page about inference works."""

import re
import shlex

import numpy as np
import pytest
from PIL import Image

from tests.conftest import REPOSITORY
from tests.load_tool import load_tool

PAGE = (REPOSITORY / "docs" / "en" / "inference.md").read_text(encoding="utf-8")
COMMANDS = [
    line
    for block in re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)
    for line in block.replace("\\\n", " ").splitlines()
]
PYTHON = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def folder(tmp_path, monkeypatch, checkpoint):
    """A folder with the files that the page names."""
    monkeypatch.chdir(tmp_path)
    image = Image.fromarray(np.full((60, 80, 3), 90, dtype=np.uint8))
    image.save("photo.jpg")
    image.save("other.png")
    (tmp_path / "configs").symlink_to(REPOSITORY / "configs")
    work_dir = tmp_path / "work_dirs" / "cmsa_tiny_shapes"
    work_dir.mkdir(parents=True)
    (work_dir / "best_oIoU_iter_3500.pth").symlink_to(checkpoint)
    (tmp_path / "best.pth").symlink_to(checkpoint)
    return tmp_path


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_run(folder, command):
    program, tool, *words = shlex.split(command)
    assert (program, tool) == ("python", "tools/demo.py")
    arguments = [
        str(match)
        for word in words
        for match in (folder.glob(word) if "*" in word else [word])
    ]
    assert load_tool("demo").main(arguments) == 0
    assert (folder / "work_dirs" / "demo" / "photo_all.png").is_file()


def test_commands_are_found():
    assert len(COMMANDS) == 2


def test_lines_of_python_run(folder):
    assert len(PYTHON) == 4
    names = {}
    for block in PYTHON:
        exec(block, names)
    assert (folder / "overlay.png").is_file()
    assert names["found"].masks.shape == (2, 60, 80)
    assert names["first"].masks.shape == (2, 60, 80)


def test_every_option_is_in_the_table():
    source = (REPOSITORY / "tools" / "demo.py").read_text(encoding="utf-8")
    table = set(re.findall(r"^\| `(--[a-z-]+)", PAGE, re.MULTILINE))
    assert table == set(re.findall(r'"(--[a-z-]+)"', source))
