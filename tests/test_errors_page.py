"""docs/en/errors.md and the code say the same: each message is raised here."""

import re

import pytest

from tests.conftest import REPOSITORY
from tests.error_cases import BEHAVIOURS, ERRORS

PAGE = REPOSITORY / "docs" / "en" / "errors.md"
# The errors of all data loaders and tools end up as one line of at most so much.
LONGEST = 700


def rows(columns):
    """Rows of the page's tables with so many columns, without heads and rules."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    cells = [
        [cell.strip() for cell in line.strip("|").split(" | ")]
        for line in lines
        if line.startswith("| ") and not line.startswith("| situation")
    ]
    return [row for row in cells if len(row) == columns]


MESSAGES = {situation: message for situation, message, _ in rows(3)}


def said(error):
    text = error.args[0] if isinstance(error, KeyError) else error
    return " ".join(str(text).split())


def test_page_and_cases_are_the_same():
    assert list(MESSAGES) == [row[0] for row in rows(3)]  # none stands there twice
    assert set(MESSAGES) == set(ERRORS)
    assert {row[0] for row in rows(2)} == set(BEHAVIOURS)


@pytest.mark.parametrize("situation", ERRORS)
def test_the_message_is_that_of_the_page(situation, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    message = MESSAGES[situation]
    assert message.startswith("`")
    assert message.endswith("`")
    parts = [re.escape(part) for part in message.strip("`").split("…")]
    with pytest.raises(Exception, match=".*") as caught:
        ERRORS[situation](tmp_path)
    line = said(caught.value)
    assert re.search(".*".join(parts), line), line
    assert len(line) < LONGEST + line.count(str(tmp_path)) * len(str(tmp_path))


@pytest.mark.parametrize("situation", BEHAVIOURS)
def test_what_is_no_error(situation, tmp_path):
    BEHAVIOURS[situation](tmp_path)


def test_every_error_says_what_to_do():
    for situation, message, remedy in rows(3):
        assert len(remedy) > 5, situation
        assert len(message) > 15, situation
