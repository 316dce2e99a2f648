"""Base of the text encoders that look whole words up in a table of learned vectors.

The number of rows is in the config, so that a model builds without data; which words
the rows belong to is learned from a file, from a checkpoint or from the training
sentences, and is stored in the checkpoint.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import torch
from mmengine.logging import print_log
from torch import Tensor, nn

from .base_text_encoder import BaseTextEncoder, TokenBatch
from .sentence_checks import UnknownWordsNotice
from .tokenizer import WordTokenizer
from .vocabulary import PAD_ID, SPECIALS, UNKNOWN_ID, Vocabulary
from .word_list_state import pack_words, unpack_words
from .word_vectors import read_word_vectors

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class WordTextEncoder(BaseTextEncoder):
    """Words, their vocabulary and their embeddings.

    The words come from the first of these that has them: a loaded checkpoint, the file
    ``vocabulary``, or the training sentences (:meth:`build_vocabulary`, which
    ``VocabularyHook`` calls before training). Pretrained vectors are read when training
    starts (by :meth:`init_weights`, or by :meth:`build_vocabulary` if the words come
    later) and never after a checkpoint with embeddings was loaded, so that a trained
    model needs no such file.

    The word list is in the state dict, as ``_extra_state``.

    Args:
        num_embeddings: Rows of the table, the 4 special entries included.
        embedding_channels: ``C_e``, length of a row.
        vocabulary: Word list, one word a line; None takes the words from the checkpoint
            or the training sentences.
        word_vectors: Text file with pretrained vectors (GloVe), None for none.
        max_words: Words kept of a sentence, None for all.
        freeze_embedding: Whether the table is not trained.
        init_range: Rows start uniform in plus or minus this; those without a pretrained
            vector keep that. With 0 unknown words are zero. The padding row is zero.

    Raises:
        FileNotFoundError: No such file.
        ValueError: A value is out of its range, or the word list does not fit.
    """

    def __init__(
        self,
        *,
        num_embeddings: int,
        embedding_channels: int,
        vocabulary: str | None,
        word_vectors: str | None,
        max_words: int | None,
        freeze_embedding: bool,
        init_range: float,
    ) -> None:
        super().__init__()
        if num_embeddings <= len(SPECIALS):
            raise ValueError(
                f"num_embeddings is {num_embeddings}, which leaves no row for words; "
                f"set model.text_encoder.num_embeddings above {len(SPECIALS)}"
            )
        self.tokenizer = WordTokenizer(max_words=max_words)
        self.vocabulary = Vocabulary()
        if vocabulary is not None:
            self.vocabulary = Vocabulary.from_file(
                vocabulary, num_embeddings=num_embeddings
            )
        self.embedding = nn.Embedding(
            num_embeddings, embedding_channels, padding_idx=PAD_ID
        )
        nn.init.uniform_(self.embedding.weight, -init_range, init_range)
        with torch.no_grad():
            self.embedding.weight[PAD_ID].zero_()
        self.embedding.weight.requires_grad_(not freeze_embedding)
        # None once they were read, or once a checkpoint has made them obsolete.
        self._pending_word_vectors = word_vectors
        self._warned_of_empty_vocabulary = False
        self._unknown_words = UnknownWordsNotice()

    @property
    def num_embeddings(self) -> int:
        """Rows of the table."""
        return int(self.embedding.num_embeddings)

    def init_weights(self) -> None:
        """Read the pretrained word vectors, if the words are known."""
        super().init_weights()
        self._read_word_vectors()

    def build_vocabulary(self, sentences: Iterable[str]) -> None:
        """Take the words from sentences, the most frequent first.

        Args:
            sentences: The training sentences; the same in every process.

        Raises:
            RuntimeError: There are words already.
            ValueError: A sentence is blank, or there is none.
        """
        if not self.vocabulary.is_empty:
            raise RuntimeError(
                f"the vocabulary has {len(self.vocabulary)} entries already, whose "
                "embeddings would be lost; build a new text encoder for other words"
            )
        self.vocabulary = Vocabulary.from_sentences(
            self.tokenizer(list(sentences)), num_embeddings=self.num_embeddings
        )
        self._read_word_vectors()

    def unknown_rate(self, sentences: Iterable[str]) -> float:
        """Share of the words of sentences that are not in the vocabulary.

        Args:
            sentences: The sentences.

        Returns:
            From 0 to 1, words counted as often as they come.
        """
        return self.vocabulary.unknown_rate(self.tokenizer(list(sentences)))

    @torch.compiler.disable
    def tokenize(self, sentences: Sequence[str]) -> TokenBatch:
        """Number the words of sentences.

        Words that the vocabulary does not have are ``<unk>``. A sentence of nothing
        else is warned of once, unless the encoder is being trained.

        Args:
            sentences: N sentences.

        Returns:
            The words, ``(N, T)``, T being those of the longest sentence.

        Raises:
            RuntimeError: In training, if there is no vocabulary yet.
            TypeError: A lone string, or an entry that is no string.
            ValueError: A sentence is blank, or there is none.
        """
        if len(sentences) == 0:
            raise ValueError("got no sentence to encode; give at least one")
        if self.vocabulary.is_empty:
            self._complain_of_empty_vocabulary()
        rows = [self.vocabulary.ids(words) for words in self.tokenizer(sentences)]
        if not self.training and not self.vocabulary.is_empty:
            for sentence, row in zip(sentences, rows, strict=True):
                if set(row) == {UNKNOWN_ID}:
                    self._unknown_words.give(sentence)
        length = max(map(len, rows))
        ids = torch.tensor([row + [PAD_ID] * (length - len(row)) for row in rows])
        mask = torch.arange(length) < torch.tensor([[len(row)] for row in rows])
        device = self.embedding.weight.device
        return TokenBatch(ids.to(device), mask.to(device))

    def words(self, sentences: Sequence[str]) -> list[list[str]]:
        """The words of sentences; of one that has no row of its own it is said.

        Args:
            sentences: N sentences.

        Returns:
            Their words, without those that are cut off.
        """
        rows = self.tokenizer(sentences)
        if self.vocabulary.is_empty:
            return rows
        return [
            [
                f"{word} (unknown)" if number == UNKNOWN_ID else word
                for word, number in zip(words, self.vocabulary.ids(words), strict=True)
            ]
            for words in rows
        ]

    def embed(self, batch: TokenBatch) -> Tensor:
        """Look the words up.

        Args:
            batch: Words, ``(N, T)``.

        Returns:
            Their rows of the table, ``(N, T, C_e)``, zero on padding.
        """
        # Ids of padding may be anything, also outside the table.
        rows: Tensor = self.embedding(batch.ids.masked_fill(~batch.mask, PAD_ID))
        # The padding row is zero unless a foreign checkpoint brings another.
        return rows.masked_fill(~batch.mask[..., None], 0.0)

    def get_extra_state(self) -> Tensor:
        """The word list, for the state dict."""
        return pack_words(self.vocabulary)

    def set_extra_state(self, state: Tensor) -> None:
        """Take the word list of a state dict.

        An empty one, of a model that never met data, leaves the words as they are.

        Args:
            state: What :meth:`get_extra_state` gave.

        Raises:
            ValueError: It is not that, or has more words than the table has rows.
        """
        vocabulary = unpack_words(state)
        if len(vocabulary) > self.num_embeddings:
            raise ValueError(
                f"the checkpoint's word list has {len(vocabulary)} entries, but "
                f"model.text_encoder.num_embeddings is {self.num_embeddings}; set it "
                "to the value that the checkpoint was trained with"
            )
        if vocabulary.is_empty:
            return
        if not self.vocabulary.is_empty and vocabulary.words != self.vocabulary.words:
            print_log(
                f"The {len(self.vocabulary)} entries of the vocabulary give way to the "
                f"{len(vocabulary)} other ones of the checkpoint.",
                logger="current",
                level=logging.WARNING,
            )
        self.vocabulary = vocabulary

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        table = state_dict.get(f"{prefix}embedding.weight")
        if table is not None:
            self._check_table(table)
            self._pending_word_vectors = None
        super()._load_from_state_dict(
            state_dict,
            prefix,
            local_metadata,
            strict,
            missing_keys,
            unexpected_keys,
            error_msgs,
        )
        if table is not None and self.vocabulary.is_empty:
            print_log(
                "The checkpoint has word embeddings but no word list: which word a row "
                "belongs to is not known. Name the list that it was trained with in "
                "model.text_encoder.vocabulary.",
                logger="current",
                level=logging.WARNING,
            )

    def _check_table(self, table: Tensor) -> None:
        # MMEngine only logs another size, and then every word has a random row.
        if table.shape == self.embedding.weight.shape:
            return
        ours = self.embedding.weight.shape
        raise ValueError(
            f"the checkpoint has word embeddings of shape {tuple(table.shape)}, the "
            f"model of {tuple(ours)}; set model.text_encoder.num_embeddings to "
            f"{table.shape[0]} and model.text_encoder.embedding_channels to "
            f"{table.shape[-1]}, or load another checkpoint"
        )

    def _complain_of_empty_vocabulary(self) -> None:
        remedy = (
            "add dict(type='VocabularyHook') to custom_hooks, name a word list in "
            "model.text_encoder.vocabulary, or call text_encoder.build_vocabulary"
        )
        if self.training:
            raise RuntimeError(
                "the text encoder has no vocabulary, every word would be unknown; "
                f"{remedy}"
            )
        if not self._warned_of_empty_vocabulary:
            self._warned_of_empty_vocabulary = True
            print_log(
                "The text encoder has no vocabulary: every word is unknown and all "
                "sentences of one length look alike. Load a trained checkpoint; or "
                f"{remedy}.",
                logger="current",
                level=logging.WARNING,
            )

    def _read_word_vectors(self) -> None:
        if self._pending_word_vectors is None or self.vocabulary.is_empty:
            return
        path, self._pending_word_vectors = self._pending_word_vectors, None
        table = self.embedding.weight
        ids, vectors = read_word_vectors(
            path, self.vocabulary, channels=self.embedding.embedding_dim
        )
        words = len(self.vocabulary) - len(SPECIALS)
        if len(ids) == 0:
            raise ValueError(
                f"{path}, named by model.text_encoder.word_vectors, has none of the "
                f"{words} words of the vocabulary; give the vectors of its language, "
                "or None"
            )
        with torch.no_grad():
            table[ids.to(table.device)] = vectors.to(table)
        print_log(
            f"{path} has vectors for {len(ids)} of the {words} words of the vocabulary "
            f"({len(ids) / words:.1%}).",
            logger="current",
        )
