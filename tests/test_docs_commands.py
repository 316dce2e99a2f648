"""Runs what the pages show, page by page, as a reader would who types it all in.

Blocks marked ``bash`` are run in order, in one shell for each page. Blocks marked
``python`` are run as well, from the first one of a page that imports something (before
that they are parts of configs); those with no command in between are one program. So
are the cells of a notebook.

It all happens in a copy of the repository, after the jobs whose best checkpoints the
pages name, and is shortened: the copy's generated data are few, and training ends after
two iterations. What cannot run here stands in NOT_RUN, with the reason.
"""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests import python_server
from tests.conftest import REPOSITORY, TEST_DATA_VARIABLE

PAGES = [
    REPOSITORY / "README.md",
    *sorted((REPOSITORY / "docs").rglob("*.md")),
    *sorted((REPOSITORY / "docs").rglob("*.ipynb")),
]
TIMEOUT = 300  # seconds for a page, on a busy machine

# Parts of commands, and why a line that has one does not run here.
NOT_RUN = {
    "pip install": "network; .ci/run installs in a fresh environment",
    "python -m venv": "network; .ci/run makes a fresh environment",
    "git clone": "network",
    "mkdocs build": "needs the extra docs; .ci/run builds the site",
    "tools/slurm_": "Slurm",
    "measure_communication.py": "long: tests/benchmark/test_communication.py runs it",
    "tools/dist_": "long: tests/tools/test_train.py starts two processes",
    "tools/analysis_tools/study.py": "long: tests/tools/test_study.py trains a row",
    "pytest tests/tools -k": "long: they are tests themselves",
    "tools/train_seeds.py": "long: tests/tools/test_train_seeds.py trains two seeds",
    "shnet_to_mmris.py": "weights: its test in tests/tools has small ones",
    "cefnet_to_mmris.py": "weights: its test in tests/tools has small ones",
    "backbone_to_mmris.py": "weights: its test in tests/tools has small ones",
    "tools/deployment/export.py": "long: tests/deployment exports",
    "score_export.py": "long: it scores a whole split",
    "segment_onnx.py": "long: tests/deployment runs it",
    "baseline_r50-lstm_1xb8-40k_refcoco-320.py": "data: RefCOCO",
    "dataset_tools/prepare.py": "data: the archives of RefCOCO",
    "dataset_tools/refs_to_json.py data/refcoco": "data: RefCOCO",
    "tools/web_demo.py": "serves until it is stopped: pytest -m browser",
    "tests.load.page_load": "long, and needs the extra web",
    "publish_model.py": "long: tests/tools/test_publish_model.py publishes a model",
    "pre-commit install": "needs a clone of git, and the extra dev",
    "&& mypy": "long; .ci/run runs it",
    "train.py with_convnext.py": "long: it runs with pytest -m slow",
    "train.py with_my_backbone.py": "long: it runs with pytest -m slow",
    "train.py with_my_head.py": "long: it runs with pytest -m slow",
    "train.py with_my_text_encoder.py": "long: it runs with pytest -m slow",
    "mim train": "needs openmim, in an environment of its own",
    "mim search": "needs openmim, in an environment of its own",
}
# Whole programs that run for minutes, though nothing in them can be shortened.
WHOLE_SUITE = re.compile(r"^pytest( -[mn] \S+)*( tests/(web|deployment))?$")
# What is changed in the copy of the repository, so that all its data are few.
FEW_DATA = {
    "configs/_base_/datasets/shapes.py": [
        ("num_images=8000", "num_images=16"),
        ("num_images=200", "num_images=2"),
    ],
}
# Pictures and checkpoint of a reader, in the folder where commands are given.
PICTURES = ("photo.jpg", "other.png")
CHECKPOINT = "best.pth"


def blocks_of(page):
    """Language and text of the fenced blocks of a page, or of a notebook's cells."""
    text = page.read_text(encoding="utf-8")
    if page.suffix == ".ipynb":
        cells = json.loads(text)["cells"]
        code = ["".join(c["source"]) for c in cells if c["cell_type"] == "code"]
        return [("python", f"{block}\n") for block in code]
    return re.findall(r"^```(\w*)\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def commands_of(block):
    """The lines of a block; one that ends with a backslash goes on in the next."""
    joined = re.sub(r"\\\n\s*", "", block)
    return [line for line in joined.splitlines() if line.strip()]


def imports_something(block):
    return bool(re.search(r"^(from|import) \w", block, flags=re.MULTILINE))


def is_part_of_a_package(block):
    return bool(re.search(r"^from \.", block, flags=re.MULTILINE))


def why_not(command):
    """The reason for which a command is not run here, None if it is."""
    if WHOLE_SUITE.match(command.split("#")[0].strip()):
        return "long; .ci/run runs it"
    return next((why for part, why in NOT_RUN.items() if part in command), None)


def shortened(command):
    # The two iterations that training is cut down to are also those of its checkpoints.
    command = re.sub(r"iter_\d+\.pth", "iter_2.pth", command)
    command = re.sub(r"(--num-\w+) \d+", r"\1 4", command)
    command = re.sub(r"^(NUM_\w+) = \d+$", r"\1 = 2", command, flags=re.MULTILINE)
    trains = "/train.py " in command or command.startswith("mmris train ")
    if trains and "--help" not in command:
        command = re.sub(r" --max-iters \d+", "", command)
        parts = re.match(r"([^#|>&]*)(.*)", command, flags=re.DOTALL)
        command = f"{parts[1].rstrip()} --max-iters 2 {parts[2]}".rstrip()
    return command


def why_never(command):
    """The reason for which a command does not run here, however long it may take."""
    reason = why_not(command)
    return None if reason is None or reason.startswith("long") else reason


def script_of(page, folder, reason_of=why_not):
    """What a page shows, as one script; its programs are written to the folder."""
    lines, program = [], None
    session = False
    for number, (language, block) in enumerate(blocks_of(page)):
        if language == "bash":
            program = None
            for command in commands_of(block):
                reason = reason_of(command)
                lines.append(f"# {reason}" if reason else shortened(command))
        elif language == "python" and not is_part_of_a_package(block):
            session = session or imports_something(block)
            if session and program is None:
                program = folder / f"{page.stem}_{number}.py"
                lines.append(f"python {shlex.quote(str(program))}")
            if session:
                with program.open("a", encoding="utf-8") as file:
                    file.write(f"{shortened(block)}\n")
    return "\n".join(lines)


def not_copied(folder, names):
    """Caches anywhere, and at the top what runs and environments leave there."""
    left = {".git", ".venv", "build", "data", "venv", "work_dirs"}
    top = left if Path(folder) == REPOSITORY else set()
    return {name for name in names if name in top or re.search("cache|egg-info", name)}


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    """Runs a script in a copy of the repository that has been trained in."""
    folder = tmp_path_factory.mktemp("reader")
    clone = folder / "mmris"
    shutil.copytree(REPOSITORY, clone, symlinks=True, ignore=not_copied)
    for path, changes in FEW_DATA.items():
        text = (clone / path).read_text(encoding="utf-8")
        for old, new in changes:
            assert old in text, (path, old)
            text = text.replace(old, new)
        (clone / path).write_text(text, encoding="utf-8")
    for number, picture in enumerate(PICTURES):
        put_a_photograph(clone / picture, number)

    address, programs = folder / "socket", folder / "bin"
    programs.mkdir()
    python_server.write_client(programs, address)
    environment = dict(os.environ, OMP_NUM_THREADS="1", PYTHONPATH=str(clone))
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.python_server", str(address)],
        cwd=clone,
        env=environment,
    )
    wait_for(server, address)
    environment["PATH"] = f"{programs}{os.pathsep}{environment['PATH']}"
    environment["HOME"] = str(folder)

    def run(script):
        return run_script(script, clone, environment)

    try:
        for job in jobs():
            code, printed = run(shortened(f"python tools/train.py {job}"))
            assert code == 0, "\n".join(printed.splitlines()[-40:])
        (best,) = (clone / "work_dirs" / job.stem).glob("best_oIoU_iter_*.pth")
        shutil.copyfile(best, clone / CHECKPOINT)
        yield run
    finally:
        server.terminate()
        server.wait()


def jobs():
    """Configs whose best checkpoint a page takes from the work dir of a whole run."""
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    names = sorted(set(re.findall(r"work_dirs/(\w+)/best_oIoU_iter", text)))
    configs = REPOSITORY / "configs"
    found = {name: sorted(configs.glob(f"*/{name}.py")) for name in names}
    assert found
    assert all(len(paths) == 1 for paths in found.values()), found
    return [paths[0].relative_to(REPOSITORY) for paths in found.values()]


def put_a_photograph(path, number):
    """One of the test data if they are there, otherwise noise."""
    data = Path(os.environ.get(TEST_DATA_VARIABLE, REPOSITORY.parent / "shared/data"))
    photographs = sorted(data.glob("mini_refcoco/images/**/*.jpg"))
    if photographs:
        picture = cv2.imread(str(photographs[number]))
    else:
        noise = np.random.default_rng(number).integers(0, 255, (60, 90, 3))
        picture = noise.astype(np.uint8)
    assert cv2.imwrite(str(path), picture)


def wait_for(server, address):
    while not address.exists():
        assert server.poll() is None, "the server of Python programs ended"
        time.sleep(0.1)


def run_script(script, folder, environment):
    """Exit code and all that was printed; commands are printed before they run."""
    with subprocess.Popen(
        ["bash", "-euxo", "pipefail", "-c", script],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            printed, _ = process.communicate(timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return process.returncode, printed


def name(path):
    return str(path.relative_to(REPOSITORY))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_what_a_page_shows_runs(page, reader, tmp_path):
    script = script_of(page, tmp_path)
    if not script:
        return
    code, printed = reader(script)
    assert code == 0, "\n".join(printed.splitlines()[-40:])


@pytest.mark.slow
@pytest.mark.parametrize("page", ["recipes", "export"])
def test_pages_run_with_what_takes_longer(page, reader, tmp_path):
    """The exports, which need the extra onnx."""
    pytest.importorskip("onnxruntime", reason="needs pip install -e '.[onnx]'")

    def reason_of(command):
        return "a test itself" if command.startswith("pytest") else why_never(command)

    path = REPOSITORY / "docs" / "en" / f"{page}.md"
    script = script_of(path, tmp_path, reason_of)
    assert "\npython tools/deployment/export.py" in script
    code, printed = reader(script)
    assert code == 0, "\n".join(printed.splitlines()[-40:])


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_are_marked_as_such(page):
    """Otherwise nothing would run them."""
    for language, block in blocks_of(page):
        if language not in ("bash", "python"):
            programs = r"^(?:\$ )?(python|pip|bash|pytest|mmris) "
            starts = re.findall(programs, block, re.M)
            assert not starts, f"mark this block as bash:\n{block}"


def test_the_first_three_commands_go_on_from_readme():
    """The first two are README's, and the third shows what they lead to."""
    blocks = [block.strip() for _, block in blocks_of(REPOSITORY / "README.md")]
    readme = next(block for block in blocks if "tools/train.py" in block)
    first, second, third = commands_of(
        blocks_of(REPOSITORY / "docs/en/get_started.md")[0][1]
    )
    assert f"{first} && {second}" == readme
    assert third.startswith("python tools/demo.py photo.jpg ")
    config = Path(second.split()[-1])
    assert f"work_dirs/{config.stem}/best_oIoU_iter_*.pth" in third


def test_nothing_is_left_out_for_a_reason_that_is_gone():
    shown = "".join(
        block for page in PAGES for language, block in blocks_of(page) if language
    )
    for part in NOT_RUN:
        assert part in shown, part


def test_shortening():
    train = "python tools/train.py CONFIG --max-iters 100 --resume  # again"
    assert shortened(train) == (
        "python tools/train.py CONFIG --resume --max-iters 2 # again"
    )
    test = "python tools/test.py CONFIG best_oIoU_iter_3500.pth | tail -1"
    assert shortened(test) == (
        "python tools/test.py CONFIG best_oIoU_iter_2.pth | tail -1"
    )
    assert why_not("pytest -m slow") is not None
    assert why_never("python tools/deployment/export.py best.pth out") is None
    assert why_never("pip install 'mmris[onnx]'") == why_not("pip install x")
    assert why_not("pytest test_my_ris.py") is None
    block = "python a.py \\\n    --b 1\n\nls\n"
    assert commands_of(block) == ["python a.py --b 1", "ls"]
    assert shortened("NUM_PICTURES = 10\nx = 3") == "NUM_PICTURES = 2\nx = 3"


@pytest.mark.parametrize(
    ("script", "code", "end"),
    [
        ("python -c 'import sys; sys.exit(3)'", 3, ""),
        ("python -c '1 / 0'", 1, "ZeroDivisionError: division by zero"),
        ("x=$(python -c 'print(6 * 7)'); echo is $x; false; echo no", 1, "+ false"),
        ("cd docs; export PYTHONPATH=.; python -c 'import os; print(os.getcwd())'", 0,
         "/docs"),
    ],
)  # fmt: skip
def test_the_reader_sees_what_goes_wrong(reader, script, code, end):
    found, printed = reader(script)
    assert found == code
    assert printed.rstrip().endswith(end)
