"""What a benchmark found, in a file that is whole after each measurement."""

from __future__ import annotations

import json
import platform
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from mmris.utils.atomic_files import write_atomically

if TYPE_CHECKING:
    from .growth import GrowthPoint
    from .measurement import Measurement

FORMAT = 1


@dataclass
class Record:
    """The results of one run.

    Attributes:
        command: The command line.
        machine: Of :func:`describe_machine`.
        path: File that each result is written to; None for none.
        measurements: What succeeded.
        failures: What did not: what it was and the ``error``.
        left_out: What there was no time for.
    """

    command: str
    machine: dict[str, Any]
    path: Path | None = None
    measurements: list[dict[str, Any]] = field(default_factory=list)
    failures: list[dict[str, Any]] = field(default_factory=list)
    left_out: list[dict[str, Any]] = field(default_factory=list)

    def add(self, measurement: Measurement | GrowthPoint) -> None:
        """Keep a result.

        Args:
            measurement: The result.
        """
        self.measurements.append(measurement.to_dict())
        self.save()

    def save(self) -> None:
        """Write everything so far."""
        if self.path is None:
            return
        content = {
            "format": FORMAT,
            "command": self.command,
            "machine": self.machine,
            "measurements": self.measurements,
            "failures": self.failures,
            "left_out": self.left_out,
        }
        text = json.dumps(content, indent=1) + "\n"
        write_atomically(self.path, text.encode())


def read_record(path: str | Path) -> Record:
    """Read the file of a run.

    Args:
        path: The file.

    Raises:
        FileNotFoundError: It is not there.
        ValueError: It is no such file.
    """
    text = Path(path).read_text(encoding="utf-8")
    try:
        content = json.loads(text)
        if content["format"] != FORMAT:
            raise ValueError(f"its format is {content['format']}, not {FORMAT}")
        return Record(
            content["command"],
            content["machine"],
            Path(path),
            content["measurements"],
            content["failures"],
            content["left_out"],
        )
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path} is no result of tools/analysis_tools/benchmark.py ({error}); give "
            "a file that its --json wrote"
        ) from error


def describe_machine(device: torch.device) -> dict[str, Any]:
    """What the times depend on besides the model.

    Args:
        device: Where the model lives.
    """
    about = {
        "device": device.type,
        "name": _processor(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }
    if device.type == "cuda":
        cudnn: Any = torch.backends.cudnn
        properties = torch.cuda.get_device_properties(device)
        about |= {
            "name": properties.name,
            "memory_gb": round(properties.total_memory / 1e9, 1),
            "cuda": torch.version.cuda,
            "cudnn": cudnn.version(),
        }
    return about


def _processor() -> str:
    """The name of the CPU, as Linux says it, or of its architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2] for line in lines if line.startswith("model name")]
    return names[0].strip() if names else platform.machine()
