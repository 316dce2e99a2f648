import math

import pytest
from mmengine.config import Config

from mmris.utils.config_text import parse_config_text
from tests.conftest import REPOSITORY

CONFIGS = sorted((REPOSITORY / "configs").glob("*/*.py"))


def parse(text):
    return parse_config_text(text, source="the text")


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_what_mmengine_writes_of_a_config_reads_back(path):
    cfg = Config.fromfile(path)
    assert parse(cfg.pretty_text) == cfg.to_dict()


def test_every_plain_value_reads_back():
    values = {
        "numbers": [1, -2, 3.5, -4e-5, math.inf, -math.inf, 10**30],
        "flags": (True, False, None),
        "texts": ["", 'it\'s "so"\n\\', "\u6f22 \U0001f98a"],
        "nested": {"a": {"b": [{"c": ()}, [], {}, (1,)]}},
        "odd_keys": {"a b": 1, 3: {"x-y": [1]}, "plain": {"z": 2}},
        "sets": {1, 2},
    }
    assert parse(Config(values).pretty_text) == values
    assert math.isnan(parse("x = nan")["x"])
    assert parse("x = set()") == {"x": set()}
    assert parse("") == {}


def test_later_lines_replace_earlier_ones():
    assert parse("a = 1\nb = dict()\na = 2") == {"a": 2, "b": {}}


HOSTILE = [
    "import os\nos.system('touch {file}')",
    "x = __import__('os').system('touch {file}')",
    "x = open('{file}', 'w')",
    "x = [c for c in ().__class__.__base__.__subclasses__()]",
    "x = dict(a=eval('1'))",
    "x = dict(**open('{file}', 'w'))",
    "x = dict([(1, open('{file}', 'w'))])",
    "x = dict({{'a': open('{file}', 'w')}})",
    "x = {{**open('{file}', 'w')}}",
    "x = {{open('{file}', 'w'): 1}}",
    "x = f\"{{open('{file}', 'w')}}\"",
    "x = lambda: open('{file}', 'w')",
    "x = (lambda: open('{file}', 'w'))()",
    "x = set(open('{file}', 'w'))",
    "x = [1][open('{file}', 'w')]",
    "x = 2 ** 100",
    "x = 'a' * 10 ** 10",
    "x: open('{file}', 'w') = 1",
    "x = y = 1",
    "x.y = 1",
    "x, y = 1, 2",
    "x += 1",
    "(x := 1)",
    "def f(a=open('{file}', 'w')): pass",
    "class A(open('{file}', 'w')): pass",
    "@open\ndef f(): pass",
    "assert open('{file}', 'w')",
    "del x",
    "exec(\"open('{file}', 'w')\")",
    "_base_ = open('{file}', 'w')",
    "x = -open('{file}', 'w')",
    "x = dict",
    "x = torch.optim.SGD",
    "x = await y",
    "x = (yield)",
    "if True: x = 1",
    "'''a text'''",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_that_could_run_is_read(tmp_path, text):
    file = tmp_path / "ran"
    with pytest.raises(ValueError, match="the text.*(refused|no config)") as caught:
        parse(text.format(file=file))
    assert not file.exists()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a = 1\nfoo(2)", "line 2 of the text is not of the form 'name = value'"),
        ("a = 1\n\nmodel = dict(b=c)", "'model', line 3 of the text.*it names 'c'"),
        ("a = os.path.join('x')", "'a', line 1 of the text.*it calls 'os.path.join'"),
        ("a = os.sep", "it names 'os.sep'"),
        ("a = dict(**{})", "it calls 'dict'"),
        ("a = {**{}}", "it unpacks a dict"),
        ("a = {[]: 1}", "no plain value: unhashable"),
        ("a = (", "no config in Python syntax"),
        ("a = 1\0", "no config in Python syntax"),
        ("a = " + "9" * 9999, "no config in Python syntax: Exceeds the limit"),
        ("a = " + "[" * 5000 + "]" * 5000, "no config in Python syntax"),
        ("a = " + "-" * 20000 + "1", "the text.*(no plain value|Python syntax)"),
        ("a = " + "dict(a=" * 90 + "1" + ")" * 90, None),
        ("#" * 1_000_001, "has 1000001 characters"),
    ],
)
def test_messages(text, message):
    if message is None:
        assert parse(text)["a"]["a"]["a"]
        return
    with pytest.raises(ValueError, match=message):
        parse(text)
