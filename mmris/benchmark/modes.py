"""In which ways a model can be run: precision, compiled or not, memory layout."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

Precision = Literal["fp32", "tf32", "bf16"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)


@dataclass(frozen=True)
class Mode:
    """One way to run a model.

    Attributes:
        precision: ``"fp32"`` in full: TensorFloat-32 is switched off. ``"tf32"`` lets a
            GPU round the factors of matrix products and convolutions to it. ``"bf16"``
            is torch's autocast to bfloat16, TensorFloat-32 switched off for the rest.
        compiled: Whether by ``torch.compile``.
        channels_last: Whether weights and pictures have the channels last in memory.
        backend: What ``torch.compile`` compiles with.
    """

    precision: Precision = "fp32"
    compiled: bool = False
    channels_last: bool = False
    backend: str = "inductor"

    @property
    def name(self) -> str:
        """Such as ``"bf16 compiled channels_last"``."""
        words = [self.precision, "compiled" if self.compiled else "eager"]
        return " ".join([*words, *(["channels_last"] if self.channels_last else [])])

    @property
    def memory_format(self) -> torch.memory_format:
        """Layout of four-dimensional weights and of pictures."""
        return torch.channels_last if self.channels_last else torch.contiguous_format

    @contextmanager
    def precise(self, device: torch.device) -> Iterator[None]:
        """While active, arithmetic is as the precision says.

        Args:
            device: Where the model lives.
        """
        matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
        before = matmul.allow_tf32, cudnn.allow_tf32
        matmul.allow_tf32 = cudnn.allow_tf32 = self.precision == "tf32"
        cast = (
            torch.autocast(device.type, dtype=torch.bfloat16)
            if self.precision == "bf16"
            else nullcontext()
        )
        try:
            with cast:
                yield
        finally:
            matmul.allow_tf32, cudnn.allow_tf32 = before


PLAIN = Mode()
