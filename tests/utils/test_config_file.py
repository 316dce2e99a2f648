import sys

import pytest
from mmengine.config import Config

from mmris.utils.config import load_config, load_dataset_file, switch_dataset
from mmris.utils.config_check import check_config
from tests.conftest import REPOSITORY

TINY = REPOSITORY / "configs" / "baseline" / "baseline_tiny_shapes.py"


@pytest.fixture
def write(tmp_path):
    def write_config(value):
        path = tmp_path / "own.py"
        path.write_text(f"custom_imports = {value}\n", encoding="utf-8")
        return path

    return write_config


@pytest.fixture
def package(tmp_path, monkeypatch):
    name = "imported_by_a_config"
    (tmp_path / f"{name}.py").write_text("", encoding="utf-8")
    (tmp_path / "package_in_pieces.py").write_text("import not_there\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield name
    sys.modules.pop(name, None)


WRONG = {
    "['my_package']": r"^custom_imports is \['my_package'\]; write "
    r"custom_imports=dict\(imports=\['my_package'\]\)$",
    "'my_package'": r"; write custom_imports=dict\(imports=\['my_package'\]\)$",
    "('a', 'b')": r"; write custom_imports=dict\(imports=\['my_package'\]\)$",
    "3": r"^custom_imports is 3; write",
    "dict(import_=['a'])": r"^custom_imports.import_: .* did you mean 'imports'",
    "dict(imports=3)": r"^custom_imports.imports is 3; give a list of names",
    "dict(imports=[3])": r"^custom_imports.imports is \[3\]; give a list of names",
}


@pytest.mark.parametrize("value", WRONG)
def test_imports_of_another_form(write, value):
    path = write(value)
    with pytest.raises(ValueError, match=WRONG[value]):
        load_config(path)
    with pytest.raises(ValueError, match=WRONG[value]):
        load_dataset_file(str(path))
    with pytest.raises(ValueError, match=WRONG[value]):
        switch_dataset(load_config(TINY), str(path))


def test_imports_of_a_config_that_is_no_file():
    with pytest.raises(ValueError, match=r"custom_imports is \['my_package'\]; write"):
        check_config(Config({"custom_imports": ["my_package"]}))


@pytest.mark.parametrize("form", ["dict(imports=[{!r}])", "dict(imports={!r})"])
def test_modules_are_imported(write, package, form):
    assert load_config(write(form.format(package))).custom_imports
    assert package in sys.modules


@pytest.mark.parametrize("value", ["None", "[]", "dict()", "dict(imports=[])"])
def test_nothing_to_import(write, value):
    load_config(write(value))


def test_modules_that_are_not_there(write):
    message = (
        r"^custom_imports\.imports is \['not_there'\]: .*\(No module named 'not_th"
    )
    with pytest.raises(ImportError, match=message):
        load_config(write("dict(imports=['not_there'])"))
    allowed = "dict(imports=['not_there'], allow_failed_imports=True)"
    with pytest.warns(UserWarning, match="not_there failed to import"):
        load_config(write(allowed))


@pytest.mark.usefixtures("package")
def test_a_module_that_imports_what_is_not_there(write):
    message = r"Failed to import package_in_pieces \(No module named 'not_there'\)"
    with pytest.raises(ImportError, match=message):
        load_config(write("dict(imports=['package_in_pieces'])"))
