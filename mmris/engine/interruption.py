"""What training raises when it was told to stop and has saved its state."""

from __future__ import annotations

import signal

from .stop_signals import NAMES


class Interrupted(Exception):  # noqa: N818 (no error: what was asked for was done)
    """Training stopped after a signal.

    Args:
        number: The signal.
        checkpoint: File to go on from.

    Attributes:
        exit_code: What a program that a signal ended returns: 130, 143 or 138.
    """

    def __init__(self, number: int, checkpoint: str) -> None:
        self.checkpoint = checkpoint
        self.exit_code = 128 + number
        name = NAMES[signal.Signals(number)]
        super().__init__(f"stopped by {name}; the state is saved in {checkpoint}")
