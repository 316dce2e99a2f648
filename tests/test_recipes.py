"""The parts that docs/en/recipes.md shows keep the rules that it says they keep.

That its commands run is checked with those of all pages (tests/test_docs_commands.py).
"""

import importlib
import re

import pytest
from mmengine.config import Config

from mmris.registry import MODELS
from mmris.testing import check_model
from tests.conftest import REPOSITORY

PAGE = (REPOSITORY / "docs" / "en" / "recipes.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"^cat > (\w+\.py) <<'END'\n(.*?)^END$", PAGE, re.M | re.S))
CONFIGS = sorted(name for name in FILES if name.startswith("with_"))
LINE_FOR_PADDING = ".masked_fill(~batch.mask[..., None], 0.0)"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A reader's folder with all files of the page."""
    (tmp_path / "configs").symlink_to(REPOSITORY / "configs")
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_there_is_a_part_of_each_kind():
    assert len(CONFIGS) == 5
    parts = {name.removesuffix(".py") for name in FILES if name.startswith("my_")}
    kinds = {"my_neck", "my_head", "my_backbone", "my_text_encoder", "my_mixture"}
    assert parts == kinds


@pytest.mark.parametrize("name", CONFIGS)
def test_parts_keep_the_rules(name, folder):
    check_model(MODELS.build(Config.fromfile(name).model))


def test_a_convolution_into_the_padding_is_found(folder):
    config = Config.fromfile("with_my_text_encoder.py")
    module = importlib.import_module("my_text_encoder")
    text = FILES["my_text_encoder.py"]
    assert LINE_FOR_PADDING in text
    wrong = text.replace(LINE_FOR_PADDING, "").replace(
        "_module()", "_module(force=True)"
    )
    scope = {"__name__": "wrong"}
    exec(compile(wrong, "wrong.py", "exec"), scope)
    (said,) = re.findall(r"^```text\n(.*)\n```$", PAGE, re.M)
    try:
        with pytest.raises(AssertionError, match=re.escape(said)):
            check_model(MODELS.build(config.model))
    finally:
        right = module.NeighbourTextEncoder
        MODELS.register_module(module=right, force=True)
