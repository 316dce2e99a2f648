"""CLIP's tokenizer from the word list that comes with MMSegmentation, no download."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from mmseg.utils.tokenizer import SimpleTokenizer

from .hugging_face_source import library_class

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_NAMES = {
    "<start_of_text>": "<|startoftext|>",
    "<end_of_text>": "<|endoftext|>",
}


@cache  # it takes half a second, and nobody changes it
def make_clip_tokenizer() -> PreTrainedTokenizerBase:
    """Make the tokenizer of all of OpenAI's CLIP models.

    Returns:
        The tokenizer, of 49,408 tokens.
    """
    words = SimpleTokenizer()
    vocabulary = {
        _NAMES.get(token, token): number for token, number in words.encoder.items()
    }
    merges = "\n".join(" ".join(pair) for pair in words.bpe_ranks)
    with TemporaryDirectory() as folder:
        files = Path(folder, "vocab.json"), Path(folder, "merges.txt")
        files[0].write_text(json.dumps(vocabulary), encoding="utf-8")
        files[1].write_text(f"#version: 0.2\n{merges}\n", encoding="utf-8")
        # By position: transformers 4 and 5 name these arguments differently, and
        # ignore the names that they do not know.
        tokenizer: PreTrainedTokenizerBase = library_class("CLIPTokenizerFast")(
            *map(str, files)
        )
    return tokenizer
