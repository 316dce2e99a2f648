"""Copies of a module with a line broken on purpose, for tests of the tests."""

import types
from pathlib import Path


def broken(module, class_name, old, new):
    """A class from a copy of its module's file in which ``old`` reads ``new``."""
    source = Path(module.__file__).read_text(encoding="utf-8")
    assert old in source, old
    source = source.replace(old, new).replace("@MODELS.register_module()\n", "")
    copy = types.ModuleType("broken_copy")
    copy.__package__ = module.__package__
    exec(compile(source, "broken_copy", "exec"), copy.__dict__)
    return getattr(copy, class_name)
