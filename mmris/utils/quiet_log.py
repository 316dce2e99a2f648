"""Keeps libraries from reporting what a user can do nothing about."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mmengine.logging import MMLogger

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def quiet_log() -> Iterator[None]:
    """While active, MMEngine's log has warnings and errors only."""
    logger = MMLogger.get_current_instance()
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)


@contextmanager
def without_notes() -> Iterator[None]:
    """While active, no logger has warnings.

    For exporters, whose warnings are notes on their own work that a user can do nothing
    about.
    """
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
