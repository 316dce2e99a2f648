"""Keeps what methods of modules were given and gave, while it is on."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from torch import nn

# Two recorders at once would take each other's methods for the modules' own.
_LOCK = threading.RLock()


class Call(NamedTuple):
    """One call of a method.

    Attributes:
        arguments: By position.
        result: What it returned.
    """

    arguments: tuple[Any, ...]
    result: Any


@dataclass
class CallRecord:
    """The calls that were recorded, by module and method."""

    _calls: dict[tuple[nn.Module, str], list[Call]] = field(default_factory=dict)

    def add(self, module: nn.Module, method: str, call: Call) -> None:
        """Keep a call.

        Args:
            module: Whose method it is.
            method: Its name.
            call: The call.
        """
        self._calls.setdefault((module, method), []).append(call)

    def calls(self, module: nn.Module, method: str) -> list[Call]:
        """The calls of a method, in order.

        Args:
            module: Whose method it is.
            method: Its name.
        """
        return self._calls.get((module, method), [])

    def last(self, module: nn.Module, method: str) -> Call:
        """The last call of a method.

        Args:
            module: Whose method it is.
            method: Its name.

        Raises:
            RuntimeError: It was not called.
        """
        calls = self.calls(module, method)
        if not calls:
            raise RuntimeError(
                f"{type(module).__name__}.{method} was not called in the forward pass"
            )
        return calls[-1]

    def joined(self, later: CallRecord) -> CallRecord:
        """These calls, and others after them.

        Args:
            later: The others.
        """
        joined = CallRecord({key: list(calls) for key, calls in self._calls.items()})
        for (module, method), calls in later._calls.items():
            for call in calls:
                joined.add(module, method, call)
        return joined


@contextmanager
def record_calls(methods: Iterable[tuple[nn.Module, str]]) -> Iterator[CallRecord]:
    """Record the calls of methods, ``forward`` or any other.

    Modules are as they were when it ends; a model that is not being recorded has no
    part of this in it. Calls of other threads are not recorded, and only one thread
    records at a time.

    Args:
        methods: Modules and names of their methods.

    Yields:
        The record, to be read during and after.
    """
    record = CallRecord()
    thread = threading.get_ident()
    with _LOCK:
        changed: list[tuple[nn.Module, str]] = []
        try:
            for module, method in dict.fromkeys(methods):
                before = vars(module).get(method)
                if before is not None:
                    raise RuntimeError(
                        f"{type(module).__name__}.{method} is replaced already; stop "
                        "the recorder that does it first"
                    )
                vars(module)[method] = _recording(module, method, record, thread)
                changed.append((module, method))
            yield record
        finally:
            for module, method in changed:
                del vars(module)[method]


def _recording(
    module: nn.Module, method: str, record: CallRecord, thread: int
) -> Callable[..., Any]:
    own = getattr(module, method)

    def recorded(*arguments: Any, **options: Any) -> Any:
        result = own(*arguments, **options)
        if threading.get_ident() == thread:
            record.add(module, method, Call((*arguments, *options.values()), result))
        return result

    return recorded
