"""What language models have in common: subwords, and layers that can be frozen."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from mmris.structures import TextFeatures

from .base_text_encoder import BaseTextEncoder, TokenBatch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import Self

    from .subword_tokenizer import SubwordTokenizer


class SubwordTextEncoder(BaseTextEncoder):
    """Base of encoders that are embeddings and a stack of layers over subwords.

    A constructor ends with :meth:`freeze`. Frozen parts get no gradients and stay in
    evaluation mode, without dropout, while the rest trains.

    Args:
        tokenizer: Cuts sentences into subwords.
        keep_special_tokens: Whether start and end tokens count as words in tokens and
            mask. The sentence is the same either way.
        frozen: Whether nothing is trained.
        num_frozen_layers: The embeddings and so many layers are not trained; 0 is the
            embeddings alone, None nothing.
        init_cfg: As in every MMEngine module.
    """

    def __init__(
        self,
        *,
        tokenizer: SubwordTokenizer,
        keep_special_tokens: bool,
        frozen: bool,
        num_frozen_layers: int | None,
        init_cfg: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        self.tokenizer = tokenizer
        self.keep_special_tokens = keep_special_tokens
        self._frozen = frozen
        self._num_frozen_layers = num_frozen_layers

    @abstractmethod
    def _embeddings(self) -> list[nn.Module]:
        """What comes before the layers."""

    @abstractmethod
    def _layers(self) -> list[nn.Module]:
        """The layers, the first one first."""

    def freeze(self) -> None:
        """Take the frozen parts out of training.

        Raises:
            ValueError: ``num_frozen_layers`` is out of its range.
        """
        self._check_frozen_layers()
        for part in self._frozen_parts():
            part.requires_grad_(False)
        self.train(self.training)

    def train(self, mode: bool = True) -> Self:
        """Switch between training and evaluation; frozen parts stay in evaluation.

        Args:
            mode: Whether to train.

        Returns:
            Itself.
        """
        super().train(mode)
        for part in self._frozen_parts():
            part.eval()
        return self

    @torch.compiler.disable
    def tokenize(self, sentences: Sequence[str]) -> TokenBatch:
        """Cut sentences into tokens and number them.

        Args:
            sentences: N sentences.

        Returns:
            The tokens, special ones included, ``(N, T)``, T being those of the longest
            sentence.

        Raises:
            TypeError: A lone string, or an entry that is no string.
            ValueError: A sentence is blank, or there is none.
        """
        rows = self.tokenizer(sentences)
        length = max(map(len, rows))
        ids = torch.tensor([row + [0] * (length - len(row)) for row in rows])
        mask = torch.arange(length) < torch.tensor([[len(row)] for row in rows])
        device = next(self.parameters()).device
        return TokenBatch(ids.to(device), mask.to(device))

    def words(self, sentences: Sequence[str]) -> list[list[str]]:
        """The subwords of sentences, see :meth:`SubwordTokenizer.pieces`.

        Args:
            sentences: N sentences.

        Returns:
            Their subwords, with special tokens if they are kept.
        """
        rows = self.tokenizer.pieces(sentences)
        if self.keep_special_tokens:
            return rows
        first, last = self.tokenizer.num_leading, self.tokenizer.num_trailing
        return [row[first : len(row) - last] for row in rows]

    def features(self, tokens: Tensor, mask: Tensor, sentence: Tensor) -> TextFeatures:
        """The result, without special tokens if they are not kept.

        Args:
            tokens: Features of all tokens, ``(N, T, C_t)``, zero on padding.
            mask: ``(N, T)`` bool, ``True`` on tokens, which stand on the left.
            sentence: ``(N, C_s)``.
        """
        if not self.keep_special_tokens:
            first = self.tokenizer.num_leading
            last = self.tokenizer.num_trailing
            # Rows are right-padded: the shifted mask has as many as there are words.
            mask = mask[:, first + last :]
            tokens = tokens[:, first : tokens.shape[1] - last]
            tokens = tokens.masked_fill(~mask[..., None], 0.0)
        return TextFeatures(tokens, mask, sentence)

    def check_shapes(
        self, state_dict: dict[str, Any], prefix: str, *, remedy: str
    ) -> bool:
        """Refuse parameters of other sizes, which MMEngine would only log.

        Args:
            state_dict: Weights of a checkpoint.
            prefix: What stands before this module's names there.
            remedy: What to do, for the message.

        Returns:
            Whether the checkpoint has all parameters of this module.

        Raises:
            ValueError: One has another shape.
        """
        own = {f"{prefix}{name}": tensor for name, tensor in self.named_parameters()}
        found = [name for name in own if name in state_dict]
        for name in found:
            if state_dict[name].shape != own[name].shape:
                raise ValueError(
                    f"the checkpoint has {name} of shape "
                    f"{tuple(state_dict[name].shape)}, the model of "
                    f"{tuple(own[name].shape)}: {remedy}"
                )
        return len(found) == len(own)

    def _frozen_parts(self) -> list[nn.Module]:
        if self._frozen:
            return list(self.children())
        if self._num_frozen_layers is None:
            return []
        return [*self._embeddings(), *self._layers()[: self._num_frozen_layers]]

    def _check_frozen_layers(self) -> None:
        count = self._num_frozen_layers
        if count is None:
            return
        if self._frozen:
            raise ValueError(
                f"model.text_encoder.frozen is True and num_frozen_layers is {count}; "
                "the whole encoder is frozen already, remove one of them"
            )
        total = len(self._layers())
        if not 0 <= count <= total:
            raise ValueError(
                f"num_frozen_layers is {count}, but the model has {total} layers; set "
                f"model.text_encoder.num_frozen_layers to 0 up to {total}, or to None"
            )
