"""Words looked up, nothing else: no word knows its neighbours.

Paper: Ye et al., "Cross-Modal Self-Attention Network for Referring Image Segmentation",
CVPR 2019, https://arxiv.org/abs/1904.04745, whose attention relates the words instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmris.registry import MODELS
from mmris.structures import TextFeatures, TextSpec

from .word_text_encoder import WordTextEncoder

if TYPE_CHECKING:
    from .base_text_encoder import TokenBatch


@MODELS.register_module()
class EmbeddingTextEncoder(WordTextEncoder):
    r"""Word embeddings, and their mean over the valid words as the sentence.

    .. math:: s = \frac{1}{|\text{words}|} \sum_t e_t

    Args:
        num_embeddings: Rows of the table, the 4 special entries included.
        embedding_channels: ``C_t = C_s``, length of a row.
        vocabulary: Word list, one word a line; None takes the words from the checkpoint
            or the training sentences.
        word_vectors: Text file with pretrained vectors (GloVe), None for none.
        max_words: Words kept of a sentence, None for all.
        freeze_embedding: Whether the table is not trained.
        init_range: Rows start uniform in plus or minus this; the padding row is zero.

    Raises:
        FileNotFoundError: No such file.
        ValueError: A value is out of its range, or the word list does not fit.

    Deviations: the paper has no vector of the sentence; the mean is ours, for necks and
    heads that need one. The rows are not normalised here: that is the neck's.

    Example:
        >>> from mmris.models.text_encoders import EmbeddingTextEncoder
        >>> encoder = EmbeddingTextEncoder(num_embeddings=12, embedding_channels=8)
        >>> encoder.build_vocabulary(["the red circle", "left"])
        >>> encoder(["red circle", "the left red circle"]).tokens.shape
        torch.Size([2, 4, 8])
    """

    def __init__(
        self,
        *,
        num_embeddings: int,
        embedding_channels: int,
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
        self._spec = TextSpec(embedding_channels, embedding_channels)

    @property
    def spec(self) -> TextSpec:
        """Widths of the result."""
        return self._spec

    def encode(self, batch: TokenBatch) -> TextFeatures:
        """Look the words up and average them.

        Args:
            batch: Words of N sentences, ``(N, T)``.

        Returns:
            Their rows, ``(N, T, C_t)``, zero on padding, and the means, ``(N, C_s)``.
        """
        tokens = self.embed(batch)  # (N, T, C_t)
        count = batch.mask.sum(dim=1, keepdim=True)
        return TextFeatures(tokens, batch.mask, tokens.sum(dim=1) / count)
