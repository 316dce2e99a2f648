"""Typed values that flow between text encoder, backbone, neck and decode head.

Shape legend used in this package:
    B images, N expressions, T words, C_t word channels, C_s sentence channels,
    C_i channels of level i, (H_i, W_i) its size.

All are frozen dataclasses registered as pytrees, so that ``torch.export``,
``torch.func`` and device transfers see the tensors inside. Checks look at rank, dtype
and sizes only, never at values: they cost no device synchronisation.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from .pytree import register_pytree

MAX_LEVELS = 5


@register_pytree()
@dataclass(frozen=True)
class TextFeatures:
    """Output of every text encoder.

    Attributes:
        tokens: Word features, ``(N, T, C_t)``, padded on the right.
        mask: ``(N, T)`` bool, ``True`` on real words and ``False`` on padding; at
            least one ``True`` a row.
        sentence: Feature of the whole sentence, ``(N, C_s)``.
    """

    tokens: Tensor
    mask: Tensor
    sentence: Tensor

    def __post_init__(self) -> None:
        if self.tokens.ndim != 3:
            raise ValueError(
                f"tokens must have shape (N, T, C_t), got {tuple(self.tokens.shape)}"
            )
        rows, length, _ = self.tokens.shape
        if self.mask.shape != (rows, length) or self.mask.dtype != torch.bool:
            raise ValueError(
                f"mask must be bool of shape {(rows, length)} to match tokens "
                f"{tuple(self.tokens.shape)}, got {self.mask.dtype} of shape "
                f"{tuple(self.mask.shape)}"
            )
        if self.sentence.ndim != 2 or self.sentence.shape[0] != rows:
            raise ValueError(
                f"sentence must have shape ({rows}, C_s), got "
                f"{tuple(self.sentence.shape)}"
            )

    def __len__(self) -> int:
        """Number of expressions, ``N``."""
        return self.tokens.shape[0]

    def rows(self, start: int, stop: int) -> TextFeatures:
        """The expressions from ``start`` up to ``stop``.

        Args:
            start: First expression.
            stop: One past the last.

        Returns:
            Their features; padding stays as it is.
        """
        return TextFeatures(
            self.tokens[start:stop], self.mask[start:stop], self.sentence[start:stop]
        )


@register_pytree(structural=("per_image",))
@dataclass(frozen=True)
class FusedFeatures:
    """What a fusion neck hands to a decode head: one to five levels, finest first.

    Attributes:
        maps: One map per level, ``(N, C_i, H_i, W_i)``; sizes never grow from one level
            to the next and may be equal. A level that no word has touched may keep one
            row per image, ``(B, C_i, H_i, W_i)``; indexing the value expands it.
        text: What the neck leaves of the text, per level.
        image_index: ``(N,)`` int64, the image that each expression belongs to.
        per_image: Levels that have one row per image. Said, not guessed from the
            number of rows: two expressions of one of two images have as many rows as
            the images.
    """

    maps: tuple[Tensor, ...]
    text: tuple[TextFeatures, ...]
    image_index: Tensor
    per_image: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        if not 1 <= len(self.maps) <= MAX_LEVELS:
            raise ValueError(
                f"got {len(self.maps)} maps, 1 to {MAX_LEVELS} are allowed"
            )
        if len(self.maps) != len(self.text):
            raise ValueError(
                f"got {len(self.maps)} maps but text for {len(self.text)} levels"
            )
        if self.image_index.ndim != 1 or self.image_index.dtype != torch.int64:
            raise ValueError(
                "image_index must be int64 of shape (N,), got "
                f"{self.image_index.dtype} of shape {tuple(self.image_index.shape)}"
            )
        if any(level.ndim != 4 for level in self.maps):
            shapes = [tuple(level.shape) for level in self.maps]
            raise ValueError(f"every map must have shape (rows, C, H, W), got {shapes}")
        sizes = [tuple(level.shape[-2:]) for level in self.maps]
        for finer, coarser in pairwise(sizes):
            if coarser[0] > finer[0] or coarser[1] > finer[1]:
                raise ValueError(f"levels must go from fine to coarse, sizes {sizes}")
        expressions = self.image_index.shape[0]
        for index, level in enumerate(self.maps):
            if index not in self.per_image and level.shape[0] != expressions:
                raise ValueError(
                    f"level {index} has {level.shape[0]} rows for {expressions} "
                    "expressions; a level with one row per image is named in per_image"
                )
        # Sizes, not len(): an exported program takes any number of expressions.
        rows = [text.tokens.shape[0] for text in self.text]
        if any(count != expressions for count in rows):
            raise ValueError(
                f"text rows {rows} do not match the {expressions} entries of "
                "image_index"
            )

    def __len__(self) -> int:
        """Number of levels."""
        return len(self.maps)

    def __getitem__(self, level: int) -> Tensor:
        """One level with one row per expression, ``(N, C_i, H_i, W_i)``."""
        if level in self.per_image:
            return self.maps[level][self.image_index]
        return self.maps[level]

    def expanded(self) -> list[Tensor]:
        """All levels with one row per expression, finest first."""
        return [self[level] for level in range(len(self))]


@register_pytree()
@dataclass(frozen=True)
class MaskOutput:
    """What a decode head gives.

    Attributes:
        logits: ``(N, 1, h, w)``, before the sigmoid, at the head's own size.
        aux: Further outputs by name (boundary maps, logits of levels or stages), each
            with ``N`` rows; losses choose among them by name.
    """

    logits: Tensor
    aux: dict[str, Tensor]

    def __post_init__(self) -> None:
        if self.logits.ndim != 4 or self.logits.shape[1] != 1:
            raise ValueError(
                f"logits must have shape (N, 1, h, w), got {tuple(self.logits.shape)}"
            )

    def named(self, name: str) -> Tensor:
        """The output called ``name``: ``logits`` or one of ``aux``.

        Args:
            name: Its name.

        Returns:
            The output.

        Raises:
            KeyError: No such output; the message lists what there is.
        """
        if name == "logits":
            return self.logits
        if name not in self.aux:
            raise KeyError(
                f"the decode head gives no output {name!r}; it gives "
                f"{['logits', *self.aux]}. Change 'output' of that model.losses entry"
            )
        return self.aux[name]
