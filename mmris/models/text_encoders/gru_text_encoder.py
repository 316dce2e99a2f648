"""Word embeddings read by a GRU in one or two directions.

Paper: Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder for
Statistical Machine Translation", EMNLP 2014, https://arxiv.org/abs/1406.1078.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from mmris.registry import MODELS
from mmris.structures import TextFeatures, TextSpec

from ._masked_recurrence import MaskedRecurrence
from .word_text_encoder import WordTextEncoder

if TYPE_CHECKING:
    from .base_text_encoder import TokenBatch


@MODELS.register_module()
class GRUTextEncoder(WordTextEncoder):
    r"""GRU over word embeddings.

    .. math::
        r, z = \sigma(W_{r,z} x_t + U_{r,z} h_{t-1} + b_{r,z}), \quad
        n = \tanh(W_n x_t + b_n + r \odot (U_n h_{t-1} + b'_n)), \\
        h_t = (1 - z) \odot n + z \odot h_{t-1}

    A word's feature is the state after it, of both directions if there are two; the
    sentence is the last state of each direction: after the last word for the forward
    one, after the first for the backward one. D is 1 or 2 directions.

    Args:
        num_embeddings: Rows of the table, the 4 special entries included.
        embedding_channels: ``C_e``, length of a row.
        hidden_channels: ``C_h``, channels of a direction; ``C_t = C_s = D * C_h``.
        num_layers: Layers of the GRU.
        bidirectional: Whether a second direction reads from the last word to the first.
        dropout: Share dropped between layers in training.
        vocabulary: Word list, one word a line; None takes the words from the checkpoint
            or the training sentences.
        word_vectors: Text file with pretrained vectors (GloVe), None for none.
        max_words: Words kept of a sentence, None for all.
        freeze_embedding: Whether the table is not trained.
        init_range: Rows start uniform in plus or minus this; the padding row is zero.

    Raises:
        FileNotFoundError: No such file.
        ValueError: A value is out of its range, or the word list does not fit.

    Deviations: PyTorch's cell, which applies the reset gate after the product with the
    state; the paper applies it before. One large product instead of two.

    Example:
        >>> from mmris.models.text_encoders import GRUTextEncoder
        >>> encoder = GRUTextEncoder(num_embeddings=12, embedding_channels=8,
        ...                          hidden_channels=16, bidirectional=True)
        >>> encoder.build_vocabulary(["the red circle", "left"])
        >>> encoder(["red circle", "the left red circle"]).sentence.shape
        torch.Size([2, 32])
    """

    def __init__(
        self,
        *,
        num_embeddings: int,
        embedding_channels: int,
        hidden_channels: int,
        num_layers: int = 1,
        bidirectional: bool = False,
        dropout: float = 0.0,
        vocabulary: str | None = None,
        word_vectors: str | None = None,
        max_words: int | None = None,
        freeze_embedding: bool = False,
        init_range: float = 0.08,
    ) -> None:
        super().__init__(
            num_embeddings=num_embeddings,
            embedding_channels=embedding_channels,
            vocabulary=vocabulary,
            word_vectors=word_vectors,
            max_words=max_words,
            freeze_embedding=freeze_embedding,
            init_range=init_range,
        )
        self.recurrence = MaskedRecurrence(
            nn.GRU,
            in_channels=embedding_channels,
            hidden_channels=hidden_channels,
            num_layers=num_layers,
            bidirectional=bidirectional,
            dropout=dropout,
        )
        channels = self.recurrence.out_channels
        self._spec = TextSpec(channels, channels)

    @property
    def spec(self) -> TextSpec:
        """Widths of the result."""
        return self._spec

    def encode(self, batch: TokenBatch) -> TextFeatures:
        """Read the words.

        Args:
            batch: Words of N sentences, ``(N, T)``.

        Returns:
            States at the words, ``(N, T, C_t)``, zero on padding, and the final states,
            ``(N, C_s)``.
        """
        tokens, sentence = self.recurrence(self.embed(batch), batch.mask)
        return TextFeatures(tokens, batch.mask, sentence)
