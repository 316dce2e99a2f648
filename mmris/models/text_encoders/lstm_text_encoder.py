"""Word embeddings read by an LSTM in one or two directions.

Paper: Hochreiter and Schmidhuber, "Long Short-Term Memory", Neural Computation 1997;
with the forget gate of Gers et al., "Learning to Forget", Neural Computation 2000.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from mmris.registry import MODELS
from mmris.structures import TextFeatures, TextSpec

from ._masked_recurrence import MaskedRecurrence
from .word_text_encoder import WordTextEncoder

if TYPE_CHECKING:
    from .base_text_encoder import TokenBatch


@MODELS.register_module()
class LSTMTextEncoder(WordTextEncoder):
    r"""LSTM over word embeddings.

    .. math::
        i, f, o = \sigma(W_{i,f,o} x_t + U_{i,f,o} h_{t-1} + b_{i,f,o}), \quad
        g = \tanh(W_g x_t + U_g h_{t-1} + b_g), \\
        c_t = f \odot c_{t-1} + i \odot g, \qquad h_t = o \odot \tanh(c_t)

    A word's feature is the state after it, of both directions if there are two; the
    sentence is the last state of each direction: after the last word for the forward
    one, after the first for the backward one. D is 1 or 2 directions.

    Args:
        num_embeddings: Rows of the table, the 4 special entries included.
        embedding_channels: ``C_e``, length of a row.
        hidden_channels: ``C_h``, channels of a direction; ``C_t = C_s = D * C_h``.
        num_layers: Layers of the LSTM.
        bidirectional: Whether a second direction reads from the last word to the first.
        dropout: Share dropped between layers in training.
        forget_bias: Bias of the forget gates before training: above 0 they start open.
        vocabulary: Word list, one word a line; None takes the words from the checkpoint
            or the training sentences.
        word_vectors: Text file with pretrained vectors (GloVe), None for none.
        max_words: Words kept of a sentence, None for all.
        freeze_embedding: Whether the table is not trained.
        init_range: Rows start uniform in plus or minus this; the padding row is zero.

    Raises:
        FileNotFoundError: No such file.
        ValueError: A value is out of its range, or the word list does not fit.

    Deviations: none. PyTorch adds two biases to each gate; the forget bias stands in
    one, the other starts at zero.

    Example:
        >>> from mmris.models.text_encoders import LSTMTextEncoder
        >>> encoder = LSTMTextEncoder(num_embeddings=12, embedding_channels=8,
        ...                           hidden_channels=16, bidirectional=True)
        >>> encoder.build_vocabulary(["the red circle", "left"])
        >>> encoder(["red circle", "the left red circle"]).tokens.shape
        torch.Size([2, 4, 32])
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
        forget_bias: float = 1.0,
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
            nn.LSTM,
            in_channels=embedding_channels,
            hidden_channels=hidden_channels,
            num_layers=num_layers,
            bidirectional=bidirectional,
            dropout=dropout,
        )
        forget = slice(hidden_channels, 2 * hidden_channels)  # gates: i, f, g, o
        with torch.no_grad():
            for name, parameter in self.recurrence.named_parameters():
                if name.endswith("bias_ih_l0"):
                    parameter[forget] = forget_bias
                elif name.endswith("bias_hh_l0"):
                    parameter[forget] = 0.0
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
