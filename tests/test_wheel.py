"""The wheel alone, without the source tree, trains, tests and shows; so do plug-ins."""

import json
import os
import shutil
import subprocess
import sys
import zipfile

import pytest

from tests.conftest import REPOSITORY

SOURCES = (
    "configs",
    "mmris",
    "requirements",
    "tools",
    "weights",
    "LICENSE",
    "MANIFEST.in",
    "README.md",
    "model-index.yml",
    "requirements.txt",
    "setup.py",
)
SHIPPED = ("configs", "tools", "weights", "model-index.yml")
CONFIG = "configs/baseline/baseline_tiny_shapes.py"

# Runs tools of the wheel one after the other and tells where each module came from.
PROGRAM = """
import json, runpy, sys
from pathlib import Path
import mmris

mim = Path(mmris.__file__).parent / ".mim"
for name, *arguments in json.loads(sys.argv[1]):
    sys.argv = [name, *(word.replace("MIM", str(mim)) for word in arguments)]
    try:
        runpy.run_path(str(mim / "tools" / name), run_name="__main__")
    except SystemExit as stop:
        assert not stop.code, (name, stop.code)
files = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
print("FILES", json.dumps([file for file in files if file]))
"""
# The same short run from generated data of the wheel's config, without workers.
SHORT = ["--max-iters", "2", "--cfg-options"]
FEW = [
    "train_dataloader.dataset.num_images=8",
    "val_dataloader.dataset.num_images=2",
    "test_dataloader.dataset.num_images=2",
]
NO_WORKERS = [
    f"{split}_dataloader.{option}"
    for split in ("train", "val", "test")
    for option in ("num_workers=0", "persistent_workers=False")
]


def pip(*arguments, cwd):
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    result = subprocess.run(
        [*command, *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr


def shipped_files(source):
    """What the wheel must have below mmris/.mim."""
    files = [
        path for top in SHIPPED for path in (source / top, *source.glob(f"{top}/**/*"))
    ]
    return sorted(str(path.relative_to(source)) for path in files if path.is_file())


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A copy of what the wheel is made of: building leaves files beside it."""
    folder = tmp_path_factory.mktemp("source")
    ignored = shutil.ignore_patterns("__pycache__")
    for name in SOURCES:
        path = REPOSITORY / name
        if path.is_dir():
            shutil.copytree(path, folder / name, symlinks=True, ignore=ignored)
        else:
            shutil.copy(path, folder / name)
    return folder


@pytest.fixture(scope="module")
def wheel(source, tmp_path_factory):
    pytest.importorskip("setuptools", minversion="70.1", reason="builds the wheel")
    folder = tmp_path_factory.mktemp("wheel")
    offline = ("--no-deps", "--no-build-isolation", "--no-index")
    pip("wheel", ".", *offline, "--wheel-dir", folder, cwd=source)
    (path,) = folder.glob("mmris-*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    folder = tmp_path_factory.mktemp("installed")
    pip("install", "--no-deps", "--no-index", "--target", folder, wheel, cwd=folder)
    return folder


def test_the_wheel_has_configs_and_tools_where_mim_looks(source, wheel):
    shipped = shipped_files(source)
    assert {CONFIG, "tools/train.py", "model-index.yml"} <= set(shipped)
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        script = archive.getinfo("mmris/.mim/tools/dist_train.sh")
        for name in shipped:
            ours = (source / name).read_bytes()
            assert archive.read(f"mmris/.mim/{name}") == ours, name
    below = [name for name in names if name.startswith("mmris/.mim/")]
    assert sorted(below) == [f"mmris/.mim/{name}" for name in shipped]
    assert (script.external_attr >> 16) & 0o111  # still a program
    tops = {name.split("/")[0].split("-")[0] for name in names}
    assert tops == {"mmris"}


def test_building_leaves_the_links_as_they_are(source, wheel):
    links = {path.name for path in (source / "mmris" / ".mim").iterdir()}
    assert links == set(SHIPPED)
    found = [path for path in source.rglob("*") if path.is_symlink()]
    assert {path.parent for path in found} == {source / "mmris" / ".mim"}


def test_the_source_distribution_builds_the_same_wheel(source, wheel, tmp_path):
    build = "import setuptools.build_meta as b, sys; b.build_sdist(sys.argv[1])"
    command = [sys.executable, "-c", build, str(tmp_path)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (path,) = tmp_path.glob("mmris-*.tar.gz")
    shutil.unpack_archive(path, tmp_path)
    unpacked = tmp_path / path.name.removesuffix(".tar.gz")
    offline = ("--no-deps", "--no-build-isolation", "--no-index")
    pip("wheel", ".", *offline, "--wheel-dir", tmp_path, cwd=unpacked)
    (again,) = tmp_path.glob("mmris-*.whl")
    with zipfile.ZipFile(again) as one, zipfile.ZipFile(wheel) as other:
        assert sorted(one.namelist()) == sorted(other.namelist())


def run_tools(installed, folder, *commands):
    """Run tools of the wheel in a folder from which nothing leads to the sources."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(installed), str(folder)]),
        "OMP_NUM_THREADS": "1",
    }
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM, json.dumps(commands)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert result.returncode == 0, (result.stdout + result.stderr)[-4000:]
    last = result.stdout.splitlines()[-1]
    assert last.startswith("FILES ")
    files = json.loads(last.removeprefix("FILES "))
    ours = [file for file in files if "/mmris/" in file]
    assert len(ours) > 30
    strangers = [file for file in files if file.startswith(f"{REPOSITORY}{os.sep}")]
    # An environment may lie inside the clone.
    assert [file for file in strangers if "site-packages" not in file] == []
    return result.stdout + result.stderr


def test_the_wheel_trains_tests_and_shows(installed, tmp_path):
    shutil.copy(REPOSITORY / "docs/en/images/baseline_tiny_shapes.png", tmp_path)
    config, checkpoint = f"MIM/{CONFIG}", "run/iter_2.pth"
    run_tools(
        installed,
        tmp_path,
        ["train.py", config, "--work-dir", "run", *SHORT, *FEW, *NO_WORKERS],
        [
            *("test.py", config, checkpoint, "--work-dir", "test"),
            *("--metrics", "scores.json", "--cfg-options", *FEW[2:], *NO_WORKERS[4:]),
        ],
        [
            *("demo.py", "baseline_tiny_shapes.png", "the red circle", "the left one"),
            *("--config", config, "--checkpoint", checkpoint, "--out-dir", "overlays"),
        ],
    )
    scores = json.loads((tmp_path / "scores.json").read_text(encoding="utf-8"))
    assert {"oIoU", "mIoU"} <= set(scores["metrics"])
    assert len(list((tmp_path / "overlays").glob("*.png"))) == 3


def test_a_package_from_outside_works_with_the_wheel(installed, tmp_path):
    folder = tmp_path / "package"
    shutil.copytree(
        REPOSITORY / "tests" / "outside_package",
        folder,
        ignore=shutil.ignore_patterns("__pycache__", "work_dirs"),
    )
    config = "configs/my_ris_tiny.py"
    run_tools(
        installed,
        folder,
        # Its parts on mmris's scenes, then on its own dataset.
        ["train.py", config, "--work-dir", "a", *SHORT, *FEW, *NO_WORKERS],
        [
            *("train.py", config, "--dataset", "boxes", "--work-dir", "b"),
            *("--load-from", "a/iter_2.pth", *SHORT, *NO_WORKERS),
        ],
        [
            *("test.py", config, "b/iter_2.pth", "--dataset", "boxes"),
            *("--metrics", "scores.json", "--cfg-options", *NO_WORKERS[4:]),
        ],
        # The checkpoint alone says which package it needs.
        [
            *("demo.py", "boxes/images/0.png", "the red box"),
            *("--checkpoint", "b/iter_2.pth", "--out-dir", "overlays"),
        ],
    )
    scores = json.loads((folder / "scores.json").read_text(encoding="utf-8"))
    assert scores["dataset"] == "boxes"
    assert list((folder / "overlays").glob("*.png"))
