"""Benchmark results as Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .limits import Limits
from .passes import BACKBONE, STEPS, WHOLE
from .work import Work

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .record import Record

_LEAST = (
    "Against the machine's limits: the least time by the arithmetic of matrix products "
    "and convolutions, and by what they read and write:"
)


def title(measurement: dict[str, Any]) -> str:
    """What was measured, in one line.

    Args:
        measurement: An entry of a record.
    """
    height, width = measurement["input_size"]
    return (
        f"{measurement['config']}: {measurement['phase']}, "
        f"{mode_name(measurement['mode'])}, {height}x{width}, "
        f"{measurement['images']} image(s) of {measurement['expressions']} "
        f"expression(s) of {measurement['words']} words"
    )


def mode_name(mode: dict[str, Any]) -> str:
    """Such as ``"bf16, compiled, channels last"``.

    Args:
        mode: Of a measurement.
    """
    words = [mode["precision"], "compiled" if mode["compiled"] else "eager"]
    return ", ".join([*words, *(["channels last"] if mode["channels_last"] else [])])


def parts_table(measurement: dict[str, Any]) -> str:
    """One measurement, a row a part.

    Args:
        measurement: An entry of a record.
    """
    backbone = measurement["parts"][BACKBONE]["gflop"]
    rows = []
    for name, part in measurement["parts"].items():
        times = part["milliseconds"]
        flops = part["gflop"]
        relative = None if not flops or not backbone else flops / backbone
        rows.append(
            [
                name,
                _time(times["median"]),
                f"{_time(times['low'])} to {_time(times['high'])}",
                _number(part["ratio"], 2),
                _number(flops, 2),
                _number(relative, 2),
                _number(part["megabytes"], 0),
            ]
        )
    kinds = {part["memory_kind"] for part in measurement["parts"].values()} - {None}
    head = ["part", "ms", "quartiles", "x backbone", "GFLOP", "x backbone"]
    return markdown([*head, f"MB ({', '.join(sorted(kinds)) or 'not measured'})"], rows)


def remarks(measurement: dict[str, Any]) -> str:
    """What stands below the table of a measurement.

    Args:
        measurement: An entry of a record.
    """
    parameters = ", ".join(
        f"{name} {count:.1f}" for name, count in measurement["parameters"].items()
    )
    lines = [
        f"{measurement['expressions_per_second']:.2f} expressions a second; first call "
        f"{measurement['first_call_seconds']:.1f} s; parameters in millions: "
        f"{parameters}"
    ]
    if measurement["total_megabytes"] is not None:
        lines.append(f"{measurement['total_megabytes']:.0f} MB held in all")
    same = measurement["equality"]
    if same is not None:
        lines.append(
            f"against one plain forward a sentence: logits differ by at most "
            f"{same['max_difference']:.1e} of {same['largest_logit']:.1e}, "
            f"{100 * same['mask_agreement']:.3f} % of the pixels and "
            f"{100 * same['mask_iou']:.2f} % IoU of the masks agree"
        )
    return "\n".join(lines)


def systems_table(record: Record, *, phase: str) -> str:
    """A row a measurement: the whole model beside its backbone alone.

    Args:
        record: The results of a run.
        phase: ``"inference"`` or ``"training"``.
    """
    rows = []
    for entry in record.measurements:
        if entry["phase"] != phase:
            continue
        whole, backbone = entry["parts"][WHOLE], entry["parts"][BACKBONE]
        flops, others = whole["gflop"], backbone["gflop"]
        relative = flops / others if flops and others else None
        rows.append(
            [
                entry["config"],
                mode_name(entry["mode"]),
                f"{entry['images']} x {entry['expressions']}",
                _time(backbone["milliseconds"]["median"]),
                _time(whole["milliseconds"]["median"]),
                f"{_time(whole['milliseconds']['low'])} to "
                f"{_time(whole['milliseconds']['high'])}",
                _number(whole["ratio"], 2),
                _number(_gain(entry, record), 2),
                _number(whole["gflop"], 1),
                _number(relative, 2),
                _number(whole["megabytes"], 0),
                _number(entry["expressions_per_second"], 2),
                *([_agreement(entry["equality"])] if phase == "inference" else []),
            ]
        )
    head = [
        "config",
        "mode",
        "images x expressions",
        "backbone, ms",
        "whole, ms",
        "quartiles",
        "time, x backbone",
        "speed, x fp32 eager",
        "GFLOP",
        "x backbone",
        "MB",
        "expressions/s",
        *(["masks, IoU with the plain path"] if phase == "inference" else []),
    ]
    return markdown(head, rows)


def breakdown_table(record: Record) -> str:
    """A row a measurement of a whole not compiled, a column a part.

    Args:
        record: The results of a run.
    """
    entries = [entry for entry in record.measurements if not entry["mode"]["compiled"]]
    rows = []
    for entry in entries:
        if entry["phase"] != "inference":
            continue
        names = list(entry["parts"])
        rows.append(
            [entry["config"], mode_name(entry["mode"]), str(entry["expressions"])]
            + [_time(entry["parts"][name]["milliseconds"]["median"]) for name in names]
        )
        head = ["config", "mode", "expressions", *(f"{name}, ms" for name in names)]
    return markdown(head, rows) if rows else ""


def steps_table(record: Record) -> str:
    """A row a training measurement, a column a step.

    Args:
        record: The results of a run.
    """
    rows = []
    for entry in record.measurements:
        if entry["phase"] == "training":
            parts = entry["parts"]
            steps = [_time(parts[step]["milliseconds"]["median"]) for step in STEPS]
            rows.append([entry["config"], mode_name(entry["mode"]), *steps])
    head = ["config", "mode", *(f"{step}, ms" for step in STEPS)]
    return markdown(head, rows) if rows else ""


def sections(record: Record) -> str:
    """Everything of one run, as paragraphs and tables.

    Args:
        record: The results of a run.
    """
    blocks = [machine_line(record)]
    if any(entry["clock"] == "processor" for entry in record.measurements):
        blocks.append(
            "Times are the processor's, of all threads together, not the wall's: the "
            "machine had other work to do."
        )
    if "limits" in record.machine:
        blocks.append(limits_line(Limits(**record.machine["limits"])))
    phases = {entry["phase"] for entry in record.measurements}
    if "inference" in phases:
        blocks += ["Inference:", systems_table(record, phase="inference")]
        least = limits_table(record, phase="inference")
        blocks += [_LEAST, least] if least else []
        parts = breakdown_table(record)
        blocks += ["Its parts, medians:", parts] if parts else []
    if "training" in phases:
        blocks += ["A training step:", systems_table(record, phase="training")]
        least = limits_table(record, phase="training")
        blocks += [_LEAST, least] if least else []
        blocks += ["Its steps, medians:", steps_table(record)]
    if record.measurements:
        blocks += ["Parameters in millions:", parameters_table(record)]
    for what, entries in (
        ("Failed", record.failures),
        ("Left out for want of time", record.left_out),
    ):
        if entries:
            names = "; ".join(
                f"{entry['config']}, {entry['phase']}, {mode_name(entry['mode'])}, "
                f"{entry['images']} x {entry['expressions']}"
                + (f" ({entry['error']})" if "error" in entry else "")
                for entry in entries
            )
            blocks.append(f"{what}: {names}.")
    return "\n\n".join(blocks)


def limits_line(limits: Limits) -> str:
    """What the machine does at best.

    Args:
        limits: The measured ones.
    """
    rates = ", ".join(f"{name} {rate:.0f}" for name, rate in limits.gflops.items())
    return (
        f"The machine at its best: {rates} GFLOP/s in a product of square matrices, "
        f"{limits.gigabytes:.1f} GB/s of reading and writing in a copy."
    )


def limits_table(record: Record, *, phase: str) -> str:
    """A row a measurement: how far the whole is from what the machine allows.

    Args:
        record: The results of a run.
        phase: ``"inference"`` or ``"training"``.
    """
    if "limits" not in record.machine:
        return ""
    limits = Limits(**record.machine["limits"])
    rows = []
    for entry in record.measurements:
        whole, backbone = entry["parts"][WHOLE], entry["parts"][BACKBONE]
        if entry["phase"] != phase or whole.get("gigabytes") is None:
            continue
        row = [entry["config"], mode_name(entry["mode"]), str(entry["expressions"])]
        for part in (whole, backbone):
            work = Work(part["gflop"], part["gigabytes"])
            bounds = limits.least_milliseconds(work, entry["mode"]["precision"])
            median = part["milliseconds"]["median"]
            row += [*map(_time, bounds), _number(median / max(bounds), 2)]
        rows.append(row)
    head = ["config", "mode", "expressions"]
    for name in ("whole", "backbone"):
        head += [f"{name}: arithmetic, ms", "memory, ms", "measured, x the larger"]
    return markdown(head, rows) if rows else ""


def parameters_table(record: Record) -> str:
    """A row a config.

    Args:
        record: The results of a run.
    """
    counts = {entry["config"]: entry["parameters"] for entry in record.measurements}
    head = ["config", *next(iter(counts.values()))]
    rows = [
        [config, *(f"{count:.1f}" for count in parts.values())]
        for config, parts in counts.items()
    ]
    return markdown(head, rows)


def machine_line(record: Record) -> str:
    """What a run was measured on, and how.

    Args:
        record: The results of a run.
    """
    machine = record.machine
    where = f"{machine['name']}, "
    where += f"CUDA {machine['cuda']}, " if machine["device"] == "cuda" else ""
    return (
        f"{where}{machine['threads']} CPU thread(s), PyTorch {machine['torch']}, "
        f"Python {machine['python']}; `{record.command}`"
    )


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table.

    Args:
        head: Names of the columns.
        rows: Their cells.
    """
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def _gain(entry: dict[str, Any], record: Record) -> float | None:
    """How much faster the whole is than not compiled in single precision."""
    same = ("config", "phase", "input_size", "images", "expressions", "words")
    for other in record.measurements:
        if mode_name(other["mode"]) == "fp32, eager" and all(
            other[key] == entry[key] for key in same
        ):
            plain, own = (
                found["parts"][WHOLE]["milliseconds"]["median"]
                for found in (other, entry)
            )
            return float(plain / own)
    return None


def _time(milliseconds: float) -> str:
    digits = 0 if milliseconds >= 100 else 1 if milliseconds >= 10 else 2
    return f"{milliseconds:.{digits}f}"


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _agreement(equality: dict[str, Any] | None) -> str:
    return "" if equality is None else f"{100 * equality['mask_iou']:.2f} %"
