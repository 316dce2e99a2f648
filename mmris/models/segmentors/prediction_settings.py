"""What prediction is told: nothing of it has a silent default."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch

# A CPU gains nothing from more at once: it is busy with one, and maps of many neither
# fit into its caches nor come from memory that the process has already.
CPU_PIXELS = 4 * 320 * 320


@dataclass(frozen=True)
class PredictionSettings:
    """Settings of ``model.test_cfg``.

    Attributes:
        threshold: Probability above which a pixel belongs to the mask.
        expressions_per_chunk: How many expressions go through fusion and decoding
            together, at most; bounds the memory of images with many expressions.
    """

    threshold: float
    expressions_per_chunk: int

    def __post_init__(self) -> None:
        threshold, count = self.threshold, self.expressions_per_chunk
        if not isinstance(threshold, int | float) or not 0 < threshold < 1:
            raise ValueError(
                f"model.test_cfg.threshold is {threshold!r}; it is a probability "
                "between 0 and 1"
            )
        if type(count) is not int or count < 1:
            raise ValueError(
                f"model.test_cfg.expressions_per_chunk is {count!r}; give a whole "
                "number, at least 1"
            )

    def chunks(
        self, count: int, *, input_size: tuple[int, int], device: torch.device
    ) -> Iterator[slice]:
        """Which expressions go through fusion and decoding together.

        Args:
            count: Of all expressions.
            input_size: Height and width of the pictures in pixels.
            device: Where the model lives; on a CPU fewer of large pictures.

        Yields:
            Rows, in order.
        """
        step = self.expressions_per_chunk
        if device.type == "cpu":
            step = min(step, max(1, CPU_PIXELS // (input_size[0] * input_size[1])))
        for start in range(0, count, step):
            yield slice(start, start + step)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> PredictionSettings:
        """Read the settings, refusing keys that are misspelt or missing.

        Args:
            config: ``model.test_cfg``.
        """
        if not isinstance(config, dict):
            raise ValueError(
                f"model.test_cfg is {config!r}; give dict(threshold=..., "
                "expressions_per_chunk=...)"
            )
        names = [field.name for field in fields(cls)]
        unknown = sorted(set(config) - set(names))
        missing = sorted(set(names) - set(config))
        if unknown or missing:
            raise ValueError(
                f"model.test_cfg has unknown keys {unknown} and lacks {missing}; "
                f"it takes exactly {names}"
            )
        return cls(**config)
