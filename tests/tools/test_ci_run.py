"""README, .ci/run and setup.py tell the same story."""

import re
import runpy
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from packaging.requirements import Requirement

from mmris import __version__
from tests.slurm import cluster

REPOSITORY = Path(__file__).resolve().parents[2]


def ci_command(name):
    text = (REPOSITORY / ".ci" / "run").read_text()
    return re.search(rf'^{name}="(.+)"$', text, flags=re.MULTILINE).group(1)


@pytest.mark.parametrize("name", ["TRAIN", "TESTS"])
def test_readme_has_the_commands_that_are_checked(name):
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    assert ci_command(name) in readme.splitlines()


def test_the_config_of_the_first_command_exists():
    (config,) = re.findall(r"\S+\.py$", ci_command("TRAIN"))
    assert (REPOSITORY / config).is_file()


@pytest.fixture
def setup_arguments(monkeypatch):
    """What setup.py says of the package, without installing anything."""
    said = {}
    fake = SimpleNamespace(setup=said.update, find_packages=lambda include: include)
    monkeypatch.setitem(sys.modules, "setuptools", fake)
    # With nothing of it importable, the version has to be read from the file.
    monkeypatch.setitem(sys.modules, "mmris", None)
    runpy.run_path(str(REPOSITORY / "setup.py"))
    return said


def test_the_version_is_read_without_importing_the_package(setup_arguments):
    assert setup_arguments["version"] == __version__


def test_extras_hold_what_is_optional(setup_arguments):
    extras = setup_arguments["extras_require"]
    assert "pytest" in extras["tests"]
    assert extras["wandb"] == ["wandb"]
    assert {"pytest", "wandb", "mlflow"} <= set(extras["all"])
    assert "torch>=2.6" in setup_arguments["install_requires"]


@pytest.mark.parametrize("name", ["runtime", "tests", "optional", "docs"])
def test_requirements_can_be_parsed(name):
    lines = (REPOSITORY / "requirements" / f"{name}.txt").read_text().splitlines()
    entries = [line for line in lines if line and not line.startswith(("#", "["))]
    assert entries
    for entry in entries:
        Requirement(entry)
    assert "opencv-python-headless" not in entries


@pytest.mark.parametrize(
    "script", sorted((REPOSITORY / "tools").glob("*.sh")), ids=lambda path: path.name
)
def test_scripts_say_how_they_are_used(script):
    result = subprocess.run(
        ["bash", str(script)], capture_output=True, text=True, check=False
    )
    assert result.returncode == 2
    assert f"usage: bash tools/{script.name} " in result.stderr
    assert script.stat().st_mode & 0o111


@pytest.mark.parametrize(
    ("user", "program", "reason"),
    [(1000, "apt-get", "takes root"), (0, None, "has no apt-get")],
)
def test_why_there_are_no_jobs_on_a_slurm(monkeypatch, user, program, reason):
    monkeypatch.setattr(cluster, "missing_programs", lambda: ["srun"])
    monkeypatch.setattr(cluster.os, "geteuid", lambda: user)
    monkeypatch.setattr(cluster.shutil, "which", lambda name: program)
    assert reason in cluster.install()
    text = (REPOSITORY / ".ci" / "run").read_text()
    assert "pytest -m slurm tests/slurm" in text
    assert 'echo "NOT RUN: $REASON"' in text
