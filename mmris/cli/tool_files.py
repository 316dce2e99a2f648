"""The files of ``tools``, in a clone or in a wheel, as modules."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

# In a clone mmris/.mim has links to the folders of the top level, in a wheel the files.
TOOLS = Path(__file__).parents[1] / ".mim" / "tools"


def load_tool(name: str) -> ModuleType:
    """Import a tool; its ``main`` takes the words of the command line.

    Args:
        name: Such as ``train`` or ``misc/list_models``.

    Raises:
        FileNotFoundError: The installation has no such file.
    """
    path = TOOLS / f"{name}.py"
    module_name = f"mmris_tool_{name.replace('/', '_')}"
    spec = spec_from_file_location(module_name, path)
    if not path.is_file() or spec is None or spec.loader is None:
        raise FileNotFoundError(f"no tool {path}; install mmris again")
    module = module_from_spec(spec)
    sys.modules[module_name] = module
    spec.loader.exec_module(module)
    return module
