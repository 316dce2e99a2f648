import inspect

from mmengine import registry as root
from mmengine.optim import PolyLR

from mmris.utils.config_types import (
    arguments_of,
    default_of,
    find_type,
    suggest_name,
    suggest_type,
)


class Base:
    def __init__(self, deep, *, own=1):
        pass


class Middle(Base):
    def __init__(self, *arguments, wide=2, **rest):
        super().__init__(*arguments, **rest)


class Leaf(Middle):
    pass


class Open(dict):
    def __init__(self, known, **rest):
        pass


def function(first, *, second=2):
    pass


def test_arguments_handed_on_are_found():
    assert arguments_of(Leaf).names == {"deep", "own", "wide"}
    assert not arguments_of(Leaf).takes_any
    assert arguments_of(Base).names == {"deep", "own"}
    assert arguments_of(function).names == {"first", "second"}


def test_defaults():
    assert default_of(Base, "own") == 1
    assert default_of(Middle, "wide") == 2
    assert default_of(PolyLR, "by_epoch") is True  # two classes up
    unknown = inspect.Parameter.empty
    assert default_of(Base, "deep") is unknown
    assert default_of(Base, "wide") is unknown
    assert default_of(Middle, "own") is unknown  # Middle may set it itself
    assert default_of(function, "first") is unknown


def test_what_takes_anything():
    assert arguments_of(Open).takes_any
    assert arguments_of(int).takes_any  # written in C


def test_types_are_found_by_name_scope_or_as_they_are():
    assert find_type("RefSegmentor", root.MODELS, "mmris").__name__ == "RefSegmentor"
    assert find_type("mmseg.DiceLoss", root.MODELS, "mmris").__name__ == "DiceLoss"
    assert find_type("DiceLoss", root.MODELS, "mmseg").__name__ == "DiceLoss"
    assert find_type(Leaf, root.MODELS, "mmris") is Leaf
    assert find_type("NoSuchThing", root.MODELS, "mmris") is None
    assert find_type(None, root.MODELS, "mmris") is None
    for name in ("", "mmseg.", ".ResNet", "mmris..RefSegmentor"):
        assert find_type(name, root.MODELS, "mmris") is None
        assert suggest_type(name, root.MODELS, "mmris")


def test_suggestions():
    assert suggest_type("mmseg.DyceLoss", root.MODELS, "mmris") == (
        "did you mean 'mmseg.DiceLoss'?"
    )
    assert suggest_name("sise", ["size", "flip"]) == "did you mean 'size'?"
    assert suggest_name("zzz", ["size", "flip"]) == "there are flip, size"
    assert suggest_name("zzz", []) == "it takes none"
