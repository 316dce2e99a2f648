import importlib
import sys

import pytest

from mmris.after_import import call_after_import


@pytest.fixture
def module(tmp_path, monkeypatch):
    (tmp_path / "waited_for.py").write_text("value = 3\n")
    (tmp_path / "another.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    yield "waited_for"
    for name in ("waited_for", "another"):
        sys.modules.pop(name, None)


def test_it_happens_once_the_module_is_whole(module):
    seen = []
    call_after_import(module, lambda: seen.append(sys.modules[module].value))
    importlib.import_module("another")
    assert seen == []
    assert module not in sys.modules
    importlib.import_module(module)
    assert seen == [3]
    importlib.reload(sys.modules[module])
    assert seen == [3]


def test_what_is_there_already(module):
    importlib.import_module(module)
    seen = []
    call_after_import(module, lambda: seen.append(1))
    assert seen == [1]
