import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from filelock import FileLock

from mmris.benchmark import read_record
from mmris.benchmark.tables import breakdown_table, steps_table, systems_table
from mmris.models import RefSegmentor
from tests.conftest import REPOSITORY
from tests.load_tool import load_tool

CMSA = str(REPOSITORY / "configs/cmsa/cmsa_tiny_shapes.py")
BASELINE = str(REPOSITORY / "configs/baseline/baseline_tiny_shapes.py")
QUICK = ["--input-size", "32", "64", "--words", "4", "--rounds", "1", "--warm-up", "0"]


@pytest.fixture(scope="module")
def program():
    return load_tool("analysis_tools/benchmark")


@pytest.fixture(scope="module")
def record(program, tmp_path_factory):
    """Inference and training of one system, in several modes."""
    out = tmp_path_factory.mktemp("benchmark") / "results.json"
    modes = ["--precisions", "fp32", "bf16", "--layouts", "channels_last"]
    arguments = [CMSA, *QUICK, *modes, "--expressions", "1", "3"]
    arguments += ["--phases", "inference", "training", "--json", str(out)]
    assert program.main(arguments) == 0
    return read_record(out)


def test_every_mode_is_measured(record):
    kinds = [
        (entry["phase"], entry["mode"]["precision"], entry["expressions"])
        for entry in record.measurements
    ]
    assert kinds == [
        ("inference", "fp32", 1),
        ("inference", "fp32", 3),
        ("inference", "bf16", 1),
        ("inference", "bf16", 3),
        ("training", "fp32", 1),
        ("training", "bf16", 1),
    ]
    assert not record.failures
    assert not record.left_out
    assert record.machine["device"] == "cpu"
    assert record.machine["torch"] == torch.__version__
    assert record.command.startswith("python tools/analysis_tools/benchmark.py ")


def test_parts_and_work(record):
    one, three = record.measurements[:2]
    assert list(one["parts"]) == [
        "backbone alone",
        "text encoder",
        "image part (backbone and neck)",
        "expression part of the neck",
        "decode head",
        "whole",
    ]
    assert all(part["milliseconds"]["count"] == 1 for part in one["parts"].values())
    work = {name: part["gflop"] for name, part in one["parts"].items()}
    # The parts are the whole.
    split = sum(work[name] for name in list(work)[1:5])
    assert work["whole"] == pytest.approx(split, rel=1e-6)
    # What needs no words runs once, whatever the number of expressions.
    image = "image part (backbone and neck)"
    assert three["parts"][image]["gflop"] == work[image]
    assert three["parts"]["decode head"]["gflop"] > 2 * work["decode head"]
    assert one["parameters"]["whole"] == pytest.approx(
        sum(list(one["parameters"].values())[:4])
    )


def test_the_same_masks_in_every_mode(record):
    for entry in record.measurements[:4]:
        same = entry["equality"]
        near = 1e-4 if entry["mode"]["precision"] == "fp32" else 0.2
        assert same["max_difference"] < near * same["largest_logit"]
        assert same["mask_iou"] > 0.8
    # Weights are the same before each mode's first iteration.
    losses = [entry["loss"] for entry in record.measurements[4:]]
    assert losses[0] == pytest.approx(losses[1], rel=0.05)


def test_steps_of_training(record):
    parts = record.measurements[4]["parts"]
    assert list(parts) == [
        "backbone alone",
        "whole",
        "forward and losses",
        "backward",
        "optimizer",
    ]
    steps = sum(parts[name]["milliseconds"]["least"] for name in list(parts)[2:])
    assert steps <= parts["whole"]["milliseconds"]["most"]
    # Forth and back is three times the work of forth, of what is trained.
    forth = record.measurements[0]["parts"]["backbone alone"]["gflop"]
    assert parts["backbone alone"]["gflop"] > 2 * 2.5 * forth


def test_tables(record):
    inference = systems_table(record, phase="inference").splitlines()
    training = systems_table(record, phase="training").splitlines()
    assert (len(inference), len(training)) == (2 + 4, 2 + 2)
    head = [cell.strip() for cell in inference[0].strip("|").split("|")]
    for line in inference[2:]:
        row = dict(zip(head, line.strip("|").split("|"), strict=True))
        assert float(row["time, x backbone"]) > 0
        assert row["masks, IoU with the plain path"].strip().endswith("%")
    assert len(breakdown_table(record).splitlines()) == 2 + 4
    assert len(steps_table(record).splitlines()) == 2 + 2


def test_a_page_is_brought_up_to_date(record, tmp_path, capsys):
    tables = load_tool("analysis_tools/performance_tables")
    page = tmp_path / "page.md"
    page.write_text(
        f"# Page\n\n<!-- benchmark: {record.path} -->\nold\n"
        "<!-- end of benchmark -->\n\nBelow.\n"
    )
    assert tables.main(["--page", str(page), str(record.path)]) == 0
    text = page.read_text()
    assert text.startswith("# Page\n\n<!-- benchmark: ")
    assert text.endswith("<!-- end of benchmark -->\n\nBelow.\n")
    assert "old" not in text
    assert text.count("cmsa_tiny_shapes | fp32, eager, channels last | 1 x 3 |") == 1
    assert (tmp_path / "images" / f"benchmark_{record.path.stem}.png").is_file()
    assert tables.main(["--page", str(page)]) == 0
    assert page.read_text() == text
    other = tmp_path / "other.json"
    other.write_bytes(record.path.read_bytes())
    assert tables.main(["--page", str(page), str(other)]) == 0
    assert page.read_text().count("<!-- benchmark: ") == 2
    assert tables.main([str(record.path)]) == 0
    assert record.machine["torch"] in capsys.readouterr().out
    assert tables.main([]) == 2


def test_a_compiled_model_gives_the_same_masks(program, tmp_path):
    out = tmp_path / "results.json"
    options = ["--modes", "eager", "compiled", "--backend", "eager", "--json", str(out)]
    assert program.main([BASELINE, *QUICK, *options]) == 0
    eager, compiled = json.loads(out.read_text())["measurements"]
    assert list(compiled["parts"]) == ["backbone alone", "whole"]
    same = compiled["equality"]
    assert same["max_difference"] < 1e-4 * same["largest_logit"]
    assert eager["mode"]["compiled"] is False


def test_a_mode_that_gives_other_masks_is_seen(program, tmp_path, monkeypatch):
    honest = RefSegmentor.decode_text

    def exchanged(self, encoded, text, image_index):
        output = honest(self, encoded, text, image_index)
        return type(output)(output.logits.flip(0), output.aux)

    monkeypatch.setattr(RefSegmentor, "decode_text", exchanged)
    out = tmp_path / "results.json"
    program.main([CMSA, *QUICK, "--expressions", "2", "--json", str(out)])
    (found,) = json.loads(out.read_text())["measurements"]
    assert found["equality"]["max_difference"] > 1e-3


def test_a_failure_costs_no_other_result(program, tmp_path, monkeypatch, capsys):
    honest = program.measure_inference

    def measure(model, batch, measurement, **how):
        if measurement.expressions == 1:
            raise RuntimeError("out of\nmemory")
        honest(model, batch, measurement, **how)

    monkeypatch.setattr(program, "measure_inference", measure)
    out = tmp_path / "results.json"
    options = ["--expressions", "1", "2", "--json", str(out)]
    assert program.main([CMSA, *QUICK, *options]) == 1
    found = json.loads(out.read_text())
    (failure,) = found["failures"]
    assert failure["error"] == "RuntimeError: out of memory"
    assert failure["expressions"] == 1
    assert [entry["expressions"] for entry in found["measurements"]] == [2]
    assert "1 measured, 1 failed, 0 left out" in capsys.readouterr().out


def test_nothing_begins_without_time(program, tmp_path):
    out = tmp_path / "results.json"
    assert program.main([CMSA, *QUICK, "--time-limit", "0", "--json", str(out)]) == 0
    found = json.loads(out.read_text())
    assert not found["measurements"]
    assert [entry["config"] for entry in found["left_out"]] == ["cmsa_tiny_shapes"]


def test_presets_name_configs_that_are_there(program):
    args = program.parse_args(["--preset", "paper", "--modes", "compiled", "eager"])
    groups = program.groups(args)
    assert len(groups) == 12
    assert [group.compiled for group in groups] == [False] * 6 + [True] * 6
    assert all(program.Path(group.path).is_file() for group in groups)


def test_times_are_taken_in_turns(program, tmp_path):
    """While another program holds the file, nothing is measured."""
    lock, results = tmp_path / "lock", tmp_path / "results.json"
    words = [CMSA, "--input-size", "32", "32", "--rounds", "1", "--warm-up", "0"]
    words += ["--turns", str(lock), "--json", str(results)]
    with ThreadPoolExecutor(1) as pool, FileLock(lock):
        running = pool.submit(program.main, words)
        time.sleep(1)
        assert not running.done()
        assert not results.exists()
    assert running.result() == 0
    assert len(read_record(results).measurements) == 1


def test_wrong_use(program, capsys, tmp_path):
    assert program.main([]) == 2
    assert "no config is given" in capsys.readouterr().err
    if not torch.cuda.is_available():
        assert program.main([CMSA, "--device", "cuda"]) == 2
        assert "this host has no GPU" in capsys.readouterr().err
    other = tmp_path / "other.json"
    other.write_text('{"format": 99}')
    with pytest.raises(ValueError, match=r"other.json is no result of .*its format"):
        read_record(other)
