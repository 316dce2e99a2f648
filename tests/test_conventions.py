"""House rules that hold for every registered class, also for those to come."""

import inspect
import re

import pytest

import mmris.apis
import mmris.datasets
import mmris.deployment
import mmris.engine
import mmris.evaluation
import mmris.explanation
import mmris.models
import mmris.structures
import mmris.visualization
from mmris import registry
from tests.conftest import REPOSITORY

PACKAGES = [
    mmris.apis,
    mmris.datasets,
    mmris.deployment,
    mmris.engine,
    mmris.evaluation,
    mmris.explanation,
    mmris.models,
    mmris.structures,
    mmris.visualization,
]


def registered():
    found = {}
    for value in vars(registry).values():
        if isinstance(value, registry.Registry):
            value.import_from_location()
            for name, cls in value.module_dict.items():
                if cls.__module__.startswith("mmris."):
                    found[name] = cls
    return sorted(found.items())


CLASSES = registered()
IDS = [name for name, _ in CLASSES]


def test_there_are_registered_classes():
    assert {"RefSegmentor", "ReferDataset", "RefSegMetric"} <= set(IDS)


@pytest.mark.parametrize(("name", "cls"), CLASSES, ids=IDS)
def test_exported_documented_and_explicit(name, cls):
    package = next(p for p in PACKAGES if cls.__module__.startswith(p.__name__ + "."))
    assert name in package.__all__
    assert getattr(package, name) is cls
    assert cls.__doc__
    signature = inspect.signature(cls.__init__)
    own = "__init__" in vars(cls)
    for parameter in list(signature.parameters.values())[1:]:
        if own:
            assert parameter.kind is not parameter.VAR_KEYWORD, parameter
            assert parameter.annotation is not parameter.empty, parameter
            assert re.search(rf"^ +{parameter.name}: ", cls.__doc__, re.MULTILINE), (
                f"{name} does not document {parameter.name}"
            )


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_exports_are_sorted_and_there(package):
    assert list(package.__all__) == sorted(package.__all__)
    assert all(hasattr(package, name) for name in package.__all__)


def test_nothing_depends_on_where_it_was_made():
    """No absolute path and no test data in what users get."""
    for folder in ("mmris", "tools", "configs"):
        for path in (REPOSITORY / folder).rglob("*"):
            if path.suffix in {".py", ".sh", ".yml", ".md"}:
                text = path.read_text(encoding="utf-8")
                assert "/shared" not in text, path
                assert not re.search(r"(?<![\w.])/(work|root|home|tmp)/", text), path
