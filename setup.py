"""Installs mmris: ``pip install -e .``, for the tests ``pip install -e '.[tests]'``."""

from __future__ import annotations

import re
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).resolve().parent
# mmris/.mim has links to configs, tools, weights and model-index.yml. Their contents go
# into the wheel there: openmim looks for them under that name, and so does MMEngine for
# a base config such as "mmris::baseline/baseline_tiny_shapes.py".
SHIPPED = [
    ".mim/model-index.yml",
    ".mim/configs/**/*.py",
    ".mim/configs/**/*.yml",
    ".mim/configs/**/*.md",
    ".mim/tools/**/*.py",
    ".mim/tools/**/*.sh",
    ".mim/weights/*.md",
    ".mim/weights/*.safetensors",
]


def read_version() -> str:
    """Version in mmris/version.py, read without importing the package."""
    text = (ROOT / "mmris" / "version.py").read_text(encoding="utf-8")
    match = re.search(r'^__version__ = "([^"]+)"$', text, flags=re.MULTILINE)
    if match is None:
        raise RuntimeError('mmris/version.py has no line __version__ = "..."')
    return match.group(1)


def read_requirements(name: str) -> dict[str, list[str]]:
    """Requirements of a file by section; those before any section are under ``""``."""
    sections: dict[str, list[str]] = {"": []}
    current = ""
    path = ROOT / "requirements" / f"{name}.txt"
    for line in path.read_text(encoding="utf-8").splitlines():
        entry = line.split("#")[0].strip()
        if entry.startswith("["):
            current = entry.strip("[]")
            sections[current] = []
        elif entry:
            sections[current].append(entry)
    return sections


def read_extras() -> dict[str, list[str]]:
    """The extras: tests, docs, those of optional.txt and all of them together."""
    extras = {name: read_requirements(name)[""] for name in ("tests", "docs")}
    extras.update(
        (name, entries)
        for name, entries in read_requirements("optional").items()
        if name
    )
    extras["all"] = sorted({entry for entries in extras.values() for entry in entries})
    return extras


def read_description() -> str:
    """The README, for package indexes."""
    readme = ROOT / "README.md"
    return readme.read_text(encoding="utf-8") if readme.is_file() else ""


setup(
    name="mmris",
    version=read_version(),
    description="MMSegmentation for referring image segmentation",
    long_description=read_description(),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    keywords="computer vision, referring image segmentation, MMSegmentation",
    packages=find_packages(include=["mmris", "mmris.*"]),
    package_data={"mmris": SHIPPED},
    entry_points={"console_scripts": ["mmris = mmris.cli:main"]},
    python_requires=">=3.10,<3.13",
    install_requires=read_requirements("runtime")[""],
    extras_require=read_extras(),
    zip_safe=False,
)
