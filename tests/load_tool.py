"""Command-line tools as modules."""

import importlib.util

from tests.conftest import REPOSITORY


def load_tool(name):
    """The module of a file in tools, such as "analysis_tools/measure_parts"."""
    spec = importlib.util.spec_from_file_location(
        f"mmris_tool_{name}", REPOSITORY / "tools" / f"{name}.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
