"""Runs the examples in docstrings.

Not pytest's own option for it: that imports registered modules a second time, which the
registries refuse.
"""

import doctest
import importlib
import pkgutil

import pytest

import mmris

MODULES = sorted(
    module.name for module in pkgutil.walk_packages(mmris.__path__, "mmris.")
)


@pytest.mark.parametrize("name", MODULES)
def test_examples(name, monkeypatch, request):
    monkeypatch.chdir(request.config.rootpath)
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0


def test_there_are_examples():
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = [
        test
        for name in MODULES
        for test in finder.find(importlib.import_module(name))
        if test.examples
    ]
    assert len(found) >= 3
