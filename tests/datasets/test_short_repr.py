import json

import pytest

from mmris.datasets.short_repr import short_repr


def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


# Names of their own: pytest would write the huge number out.
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (3, "3"),
        (-(2**63), "-9223372036854775808"),
        (2**70000, "a number of 70001 bits"),
        (["30"], "['30']"),
        (nested(100_000), "[[[[[...]]]]]"),
        ("a\nb", r"'a\nb'"),
        (None, "None"),
    ],
    ids=list("abcdefg"),
)
def test_values_are_shown(value, expected):
    assert short_repr(value) == expected


def test_whatever_it_is_takes_one_short_line():
    doubled = ["a"]
    for _ in range(70):
        doubled = [doubled] * 30
    for value in (doubled, "x" * 10**6, {str(n): n for n in range(999)}, [1.5] * 999):
        text = short_repr(value)
        assert len(text) <= 80
        assert "\n" not in text
    assert json.loads(short_repr([1, 2.5])) == [1, 2.5]
