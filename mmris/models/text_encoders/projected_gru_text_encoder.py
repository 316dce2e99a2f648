"""Words and sentence in one space: words projected, the sentence read by a GRU.

Paper: Feng et al., "Encoder Fusion Network with Co-Attention Embedding for Referring
Image Segmentation", CVPR 2021, https://arxiv.org/abs/2105.01839, which leaves most of
this open; the choices are those of its released code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from mmris.models.layers import MaskedLinearBlock, unit_length
from mmris.registry import MODELS
from mmris.structures import TextFeatures, TextSpec

from ._layer_states import layer_states
from ._masked_recurrence import MaskedRecurrence
from .word_text_encoder import WordTextEncoder

if TYPE_CHECKING:
    from .base_text_encoder import TokenBatch


@MODELS.register_module()
class ProjectedGRUTextEncoder(WordTextEncoder):
    r"""Words without context and a sentence of unit length, of equally many channels.

    With :math:`E` the table of embeddings, l2 scaling to length 1 and
    :math:`\overrightarrow h, \overleftarrow h` the states of a GRU in both directions
    at the last word,

    .. math::
        e_t = \mathrm{ReLU}(W_e E(w_t) + b_e), \qquad
        \text{tokens}_t = \mathrm{ReLU}(\mathrm{BN}(W_w e_t)), \\
        \text{sentence} = \mathrm{l2}(\mathrm{ReLU}(\mathrm{BN}(W_s
            [\overrightarrow h; \overleftarrow h])))

    At the last word the backward direction has read that word and no other, so that it
    takes one step here, whatever the length. The matrix by which it would read its own
    earlier state meets zeros and learns nothing, in the original neither.

    Statistics of the normalisations leave padding out, in training too.

    Args:
        num_embeddings: Rows of the table, the 4 special entries included.
        embedding_channels: ``C_e``, length of a row and of :math:`e_t`.
        hidden_channels: Channels of a direction of the GRU.
        channels: ``C_t = C_s``.
        vocabulary: Word list, one word a line; None takes the words from the checkpoint
            or the training sentences.
        word_vectors: Text file with pretrained vectors (GloVe), None for none.
        max_words: Words kept of a sentence, None for all.
        freeze_embedding: Whether the table is not trained.
        init_range: Rows start uniform in plus or minus this; the padding row is zero.

    Raises:
        FileNotFoundError: No such file.
        ValueError: A value is out of its range, or the word list does not fit.

    Deviations: the released code normalises over all N T places, so that what a word
    becomes depends on how far its batch is padded; here over the words. The linear maps
    before a normalisation have no bias, which it would remove.

    Example:
        >>> from mmris.models.text_encoders import ProjectedGRUTextEncoder
        >>> encoder = ProjectedGRUTextEncoder(num_embeddings=12, embedding_channels=8,
        ...                                   hidden_channels=6, channels=16)
        >>> encoder.build_vocabulary(["the red circle", "left"])
        >>> encoder(["red circle", "the left red circle"]).sentence.shape
        torch.Size([2, 16])
    """

    def __init__(
        self,
        *,
        num_embeddings: int,
        embedding_channels: int,
        hidden_channels: int,
        channels: int,
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
        self.word_linear = nn.Linear(embedding_channels, embedding_channels)
        self.forward_recurrence = MaskedRecurrence(
            nn.GRU,
            in_channels=embedding_channels,
            hidden_channels=hidden_channels,
            num_layers=1,
            bidirectional=False,
            dropout=0.0,
        )
        self.backward_layer = nn.GRU(
            embedding_channels, hidden_channels, batch_first=True
        )
        self.sentence_projection = MaskedLinearBlock(2 * hidden_channels, channels)
        self.word_projection = MaskedLinearBlock(embedding_channels, channels)
        self._spec = TextSpec(channels, channels)

    @property
    def spec(self) -> TextSpec:
        """Widths of the result."""
        return self._spec

    def encode(self, batch: TokenBatch) -> TextFeatures:
        """Project the words, read the sentence.

        Args:
            batch: Words of N sentences, ``(N, T)``.

        Returns:
            The words, ``(N, T, C_t)``, zero on padding, and the sentences, of length 1,
            ``(N, C_s)``.
        """
        words = torch.relu(self.word_linear(self.embed(batch)))  # (N, T, C_e)
        _, forward_state = self.forward_recurrence(words, batch.mask)
        last = batch.mask.sum(dim=1)[:, None, None] - 1  # (N, 1, 1)
        last_word = words.gather(1, last.expand(-1, -1, words.shape[2]))
        backward_state = layer_states(self.backward_layer, last_word)  # (N, 1, C_h)
        state = torch.cat([forward_state, backward_state.squeeze(1)], dim=1)
        every_row = batch.mask.any(dim=1)
        sentence = unit_length(self.sentence_projection(state, every_row), dim=1)
        tokens = self.word_projection(words, batch.mask)
        # One tensor, so that no parameter is without gradient where a neck reads only
        # the words or only the sentence: training on several devices refuses those.
        both = torch.cat([sentence[:, None], tokens], dim=1)
        return TextFeatures(both[:, 1:], batch.mask, both[:, 0])
