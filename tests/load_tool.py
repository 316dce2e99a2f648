"""Command-line tools as modules."""

import contextlib
import importlib.util
import io
import json

import torch

from tests.conftest import REPOSITORY


def load_tool(name):
    """The module of a file in tools, such as "analysis_tools/measure_parts"."""
    spec = importlib.util.spec_from_file_location(
        f"mmris_tool_{name}", REPOSITORY / "tools" / f"{name}.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run_cases_here(program, monkeypatch):
    """Let a benchmark measure its cases in this process, not each in a new one."""

    def run(_, options, *, what, remedy):
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            program.main(options)
        return json.loads(printed.getvalue().splitlines()[-1])

    monkeypatch.setattr(program, "run_alone", run)
    monkeypatch.setattr(torch, "set_num_threads", lambda number: None)
