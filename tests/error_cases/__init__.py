"""What a user can do wrong, done wrong: docs/en/errors.md is held against it.

A case is a function that gets an empty folder and raises the error; what the page calls
it is the argument of :func:`error`. A behaviour is a function that shows what happens
instead of an error, by asserting it.
"""

from __future__ import annotations

ERRORS = {}
BEHAVIOURS = {}


def error(situation):
    """Register what raises the error of a situation."""

    def register(function):
        assert situation not in ERRORS, situation
        ERRORS[situation] = function
        return function

    return register


def behaviour(situation):
    """Register what shows how a situation is dealt with."""

    def register(function):
        assert situation not in BEHAVIOURS, situation
        BEHAVIOURS[situation] = function
        return function

    return register


from . import (  # noqa: E402
    checkpoints,
    configs,
    models,
    pictures_and_masks,
    processes,
    published_copies,
    sentences,
)

__all__ = [
    "checkpoints",
    "configs",
    "models",
    "pictures_and_masks",
    "processes",
    "published_copies",
    "sentences",
]
