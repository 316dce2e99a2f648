"""Runs the examples in docstrings.

Not pytest's own option for it: that imports registered modules a second time, which the
registries refuse.
"""

import doctest
import importlib
import pkgutil

import pytest
from mmengine.logging import MMLogger

import mmris

# Programs run when they are imported.
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(mmris.__path__, "mmris.")
    if not module.name.endswith(".__main__")
)
# Modules that need an extra, and the package of it that they import.
NEEDED = dict.fromkeys(
    [
        "mmris.web._gradio",
        "mmris.web.map_events",
        "mmris.web.page",
        "mmris.web.result_place",
        "mmris.web.serving",
    ],
    "gradio",
)


def import_module(name):
    if name in NEEDED:
        pytest.importorskip(NEEDED[name])
    return importlib.import_module(name)


@pytest.mark.parametrize("name", MODULES)
def test_examples(name, monkeypatch, request):
    monkeypatch.chdir(request.config.rootpath)
    # One made inside an example would write among what the example prints.
    MMLogger.get_current_instance()
    result = doctest.testmod(import_module(name))
    assert result.failed == 0


def test_there_are_examples():
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = [
        test
        for name in MODULES
        if name not in NEEDED
        for test in finder.find(importlib.import_module(name))
        if test.examples
    ]
    assert len(found) >= 3
