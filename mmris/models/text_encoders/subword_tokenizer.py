"""Sentences to ids of subwords, whatever tokenizer of Hugging Face does the cutting.

Padding and cutting off are done here and not by the tokenizer, whose own settings for
both may come from a file and point to either side.
"""

from __future__ import annotations

import hashlib
import heapq
import json
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from .hugging_face_tokenizer import TOKENIZER_KEY
from .sentence_checks import UnknownWordsNotice, check_sentences, shortened

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from transformers import PreTrainedTokenizerBase

    from .hugging_face_families import EncoderFamily

# Models round the rows of their table up to a multiple of this.
_ROUNDING = 128
_MARKS = "Ġ▁"
_WORDS_TRIED = 50


class SubwordTokenizer:
    """Cuts sentences into subwords, the model's special tokens around them.

    Args:
        tokenizer: A tokenizer of Hugging Face.
        source: Where it comes from, for messages.
        family: What kind of model reads the ids.
        vocab_size: Rows of the model's table.
        max_words: Tokens kept of a sentence, the special ones included.
        max_positions: Tokens that the model has positions for.

    Attributes:
        num_leading: Special tokens before the words.
        num_trailing: Special tokens after them.
        max_tokens: Tokens kept of a sentence, the special ones included; None for all.

    Raises:
        ValueError: The tokenizer does not match the model, or ``max_words`` is out of
            range.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        *,
        source: str,
        family: EncoderFamily,
        vocab_size: int,
        max_words: int | None,
        max_positions: int | None,
    ) -> None:
        self.tokenizer = tokenizer
        self.source = source
        vocabulary = tokenizer.get_vocab()  # made anew at each call
        self._check_size(vocabulary, vocab_size)
        self.num_leading, self.num_trailing = self._count_special_tokens(vocabulary)
        if (
            self.num_leading < family.leading_tokens
            or self.num_trailing < family.trailing_tokens
        ):
            raise ValueError(
                f"the tokenizer {source} puts {self.num_leading} special tokens before "
                f"and {self.num_trailing} after a sentence, but a "
                f"{family.tokenizer_type!r} model reads the sentence off such a token; "
                f"name the model's own tokenizer in {TOKENIZER_KEY}"
            )
        self.max_tokens = self._limit(max_words, max_positions)
        self._unknown_words = UnknownWordsNotice()

    def __call__(self, sentences: Sequence[str]) -> list[list[int]]:
        """Cut sentences into subwords.

        Args:
            sentences: The sentences.

        Returns:
            For each the ids of its tokens, the special ones included, without padding.
            Of a sentence that is too long the last words go and the special tokens
            stay. A sentence without any word is one unknown word; the first one of
            nothing but unknown words is warned of.

        Raises:
            TypeError: A lone string, or an entry that is no string.
            ValueError: A sentence is blank, or there is none.
        """
        check_sentences(sentences)
        if len(sentences) == 0:
            raise ValueError("got no sentence to encode; give at least one")
        rows = self._cut(list(sentences), special=True)
        return [
            self._fit(row, sentence)
            for row, sentence in zip(rows, sentences, strict=True)
        ]

    def pieces(self, sentences: Sequence[str]) -> list[list[str]]:
        """What the tokens of sentences are, to be read by people.

        Args:
            sentences: The sentences.

        Returns:
            For each as many strings as it has tokens, ``(start)`` and ``(end)`` for
            special ones. Where a word is cut there is a hyphen on both sides.
        """
        rows = []
        for sentence, row in zip(sentences, self(sentences), strict=True):
            end = len(row) - self.num_trailing
            texts = [self._text(number) for number in row[self.num_leading : end]]
            owners = self._owners(sentence)[: len(texts)]
            for place, (before, after) in enumerate(pairwise(owners)):
                if before is not None and before == after:
                    texts[place] += "-"
                    texts[place + 1] = f"-{texts[place + 1]}"
            ends = ["(start)"] * self.num_leading, ["(end)"] * self.num_trailing
            rows.append([*ends[0], *texts, *ends[1]])
        return rows

    def _text(self, number: int) -> str:
        """A token without the marks of its tokenizer."""
        token = str(self.tokenizer.convert_ids_to_tokens(number))
        text = str(self.tokenizer.convert_tokens_to_string([token])).strip()
        text = text.removesuffix("</w>").removeprefix("##")
        return text or token

    def _owners(self, sentence: str) -> list[int | None]:
        """The word that each token of a sentence is part of, None if not known."""
        if not self.tokenizer.is_fast:
            return []
        return list(self.tokenizer(sentence, add_special_tokens=False).word_ids())

    @cached_property  # state dicts are asked for at every step by averaged models
    def fingerprint(self) -> dict[str, Any]:
        """What tells this tokenizer from others: number of tokens and their hash."""
        tokens = sorted(
            (number, token) for token, number in self.tokenizer.get_vocab().items()
        )
        text = json.dumps(tokens, ensure_ascii=True)
        return {
            "tokens": len(tokens),
            "sha256": hashlib.sha256(text.encode()).hexdigest(),
        }

    def _fit(self, row: list[int], sentence: str) -> list[int]:
        end = len(row) - self.num_trailing
        words = row[self.num_leading : end]
        if not words:
            unknown = self.tokenizer.unk_token_id
            if unknown is None:
                raise ValueError(
                    f"the tokenizer {self.source} finds no word in "
                    f"{shortened(sentence)!r} and "
                    "has no token for unknown ones; remove the sentence"
                )
            words = [unknown]
        if set(words) == {self.tokenizer.unk_token_id}:
            self._unknown_words.give(sentence)
        if self.max_tokens is not None:
            words = words[: self.max_tokens - self.num_leading - self.num_trailing]
        return [*row[: self.num_leading], *words, *row[end:]]

    def _cut(self, texts: list[str], *, special: bool) -> list[list[int]]:
        result: list[list[int]] = self.tokenizer(
            texts,
            add_special_tokens=special,
            padding=False,
            truncation=False,
            return_attention_mask=False,
            return_token_type_ids=False,
            verbose=False,  # long sentences are no mistake here
        )["input_ids"]
        return result

    def _check_size(self, vocabulary: Mapping[str, int], vocab_size: int) -> None:
        highest = max(vocabulary.values(), default=-1)
        if highest < vocab_size <= highest + _ROUNDING:
            return
        raise ValueError(
            f"the tokenizer {self.source} has {highest + 1} tokens, but the model has "
            f"{vocab_size} word embeddings, so they do not belong together; name the "
            f"model's own tokenizer in {TOKENIZER_KEY}, or, for random weights, set "
            f"model.text_encoder.config.vocab_size to {highest + 1}"
        )

    def _count_special_tokens(self, vocabulary: Iterable[str]) -> tuple[int, int]:
        """Tokens before and after the words, found by cutting words of its own."""
        text = " ".join(_plain_words(vocabulary))
        if text:
            (words,) = self._cut([text], special=False)
            (row,) = self._cut([text], special=True)
            nothing = {self.tokenizer.unk_token_id, *self.tokenizer.all_special_ids}
            for start in range(len(row) - len(words) + 1):
                end = start + len(words)
                if row[start:end] == words and not nothing.issuperset(words):
                    return start, len(row) - end
        raise ValueError(
            f"the tokenizer {self.source} does not know the words of its own "
            "vocabulary: every one becomes an unknown word. Its files are damaged, "
            f"incomplete or of another kind of tokenizer; correct {TOKENIZER_KEY}"
        )

    def _limit(self, max_words: int | None, max_positions: int | None) -> int | None:
        if max_words is None:
            return max_positions
        special = self.num_leading + self.num_trailing
        if max_words <= special:
            raise ValueError(
                f"max_words is {max_words}, {special} of them special tokens, which "
                "leaves none for words; set model.text_encoder.max_words to at least "
                f"{special + 1}, or to None"
            )
        if max_positions is not None and max_words > max_positions:
            raise ValueError(
                f"max_words is {max_words}, but the model has positions for "
                f"{max_positions} tokens; set model.text_encoder.max_words to that or "
                "less"
            )
        return max_words


def pack_fingerprint(fingerprint: dict[str, Any]) -> Tensor:
    """Make a tensor of a fingerprint, for state dicts.

    Args:
        fingerprint: A :attr:`SubwordTokenizer.fingerprint`.

    Returns:
        ``(bytes,)`` uint8, its JSON text.
    """
    return torch.tensor(list(json.dumps(fingerprint).encode()), dtype=torch.uint8)


def check_fingerprint(state: Any, tokenizer: SubwordTokenizer) -> None:
    """Refuse the state of a model that was trained with another tokenizer.

    Args:
        state: The entry of a checkpoint, which may be anything.
        tokenizer: The tokenizer that there is.

    Raises:
        ValueError: It is another tokenizer's, or no fingerprint.
    """
    try:
        theirs = json.loads(bytes(state.flatten().tolist()))
        tokens, digest = int(theirs["tokens"]), str(theirs["sha256"])
    except (AttributeError, ValueError, TypeError, KeyError) as error:
        raise ValueError(
            "the checkpoint does not say which tokenizer it was trained with (the "
            "_extra_state of the text encoder is not a fingerprint of one); load a "
            "checkpoint of a HuggingFaceTextEncoder, or delete this entry"
        ) from error
    ours = tokenizer.fingerprint
    if ours != {"tokens": tokens, "sha256": digest}:
        raise ValueError(
            f"the checkpoint was trained with another tokenizer, of {tokens} tokens "
            f"(sha256 {digest[:12]}); {tokenizer.source} has {ours['tokens']} (sha256 "
            f"{ours['sha256'][:12]}). Name the tokenizer of the training in "
            f"{TOKENIZER_KEY}"
        )


def _plain_words(vocabulary: Iterable[str]) -> list[str]:
    """The longest tokens that are words: letters only, without the marks of blanks."""
    stripped = ((t, t.lstrip(_MARKS).removesuffix("</w>")) for t in vocabulary)
    plain = ((-len(word), token, word) for token, word in stripped if word.isalpha())
    return [word for _, _, word in heapq.nsmallest(_WORDS_TRIED, plain)]
