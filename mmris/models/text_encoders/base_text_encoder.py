"""What every text encoder is: sentences in, features of words and of the sentence out.

Shapes: N expressions, T words.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from mmengine.model import BaseModule
from torch import Tensor

from mmris.structures.pytree import register_pytree

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmris.structures import TextFeatures, TextSpec


@register_pytree()
@dataclass(frozen=True)
class TokenBatch:
    """Sentences as numbers: the part of a text encoder's work that needs no strings.

    Attributes:
        ids: Numbers of the words, ``(N, T)`` int64, padded on the right; what stands in
            the padding has no effect.
        mask: ``(N, T)`` bool, ``True`` on words and ``False`` on padding; at least one
            ``True`` a row.
    """

    ids: Tensor
    mask: Tensor

    def __post_init__(self) -> None:
        if self.ids.ndim != 2 or self.ids.dtype != torch.int64:
            raise ValueError(
                f"ids must be int64 of shape (N, T), got {self.ids.dtype} of shape "
                f"{tuple(self.ids.shape)}"
            )
        if self.mask.shape != self.ids.shape or self.mask.dtype != torch.bool:
            raise ValueError(
                f"mask must be bool of the shape of ids, {tuple(self.ids.shape)}, got "
                f"{self.mask.dtype} of shape {tuple(self.mask.shape)}"
            )


class BaseTextEncoder(BaseModule):
    """Base of all text encoders.

    :meth:`tokenize` handles strings; :meth:`encode` is tensors only and can be compiled
    and exported. In evaluation mode a row of the result depends on its own words alone,
    neither on the padding nor on the sentences that share the batch.
    """

    @property
    @abstractmethod
    def spec(self) -> TextSpec:
        """Widths of the result."""

    @abstractmethod
    def tokenize(self, sentences: Sequence[str]) -> TokenBatch:
        """Turn sentences into numbers on the encoder's device.

        Args:
            sentences: N sentences.

        Returns:
            Their words, ``(N, T)``, T being the longest of them.
        """

    @abstractmethod
    def encode(self, batch: TokenBatch) -> TextFeatures:
        """Compute the features.

        Args:
            batch: Words of N sentences, ``(N, T)``.

        Returns:
            Features of the words, ``(N, T, C_t)``, zero on padding, and of the
            sentences, ``(N, C_s)``.
        """

    def words(self, sentences: Sequence[str]) -> list[list[str]]:
        """What each feature of a word stands for, to label it for people.

        Args:
            sentences: N sentences.

        Returns:
            For each as many strings as its row of the features has words; their numbers
            unless overridden.
        """
        counts = self(sentences).mask.sum(dim=1).tolist()
        return [[str(place + 1) for place in range(count)] for count in counts]

    def forward(self, sentences: Sequence[str]) -> TextFeatures:
        """Encode sentences.

        Args:
            sentences: N sentences.

        Returns:
            Features of their words and of themselves.
        """
        return self.encode(self.tokenize(sentences))
