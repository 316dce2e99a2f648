"""Does something right after a module is imported, without importing it now."""

from __future__ import annotations

import sys
from importlib.abc import MetaPathFinder
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType


def call_after_import(name: str, action: Callable[[], object]) -> None:
    """Call something once a module has been executed.

    Args:
        name: The module's full name. If it has been imported already, the action
            follows at once.
        action: What to do; whoever imports the module waits for it.
    """
    if name in sys.modules:
        action()
        return
    sys.meta_path.insert(0, _Watcher(name, action))


class _Watcher(MetaPathFinder):
    """Lets Python find the module as always, and adds the action to its execution."""

    def __init__(self, name: str, action: Callable[[], object]) -> None:
        self.name = name
        self.action = action

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """Find the module that is waited for, and no other."""
        del path, target
        if fullname != self.name:
            return None
        sys.meta_path.remove(self)
        spec = find_spec(fullname)
        if spec is None or spec.loader is None:
            return None
        execute = spec.loader.exec_module

        def execute_and_act(module: ModuleType) -> None:
            execute(module)
            self.action()

        spec.loader.exec_module = execute_and_act  # type: ignore[method-assign]  # this loader's alone
        return spec
