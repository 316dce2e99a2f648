"""A vocabulary as an entry of a state dict: the bytes of its text in a uint8 tensor.

Safe loading would also take lists of strings, but safetensors files and averaged models
take nothing but tensors.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .vocabulary import Vocabulary


def pack_words(vocabulary: Vocabulary) -> Tensor:
    """Make a tensor of a vocabulary.

    Args:
        vocabulary: The vocabulary.

    Returns:
        ``(bytes,)`` uint8, the UTF-8 text of its entries, one a line.
    """
    return torch.tensor(list(vocabulary.to_text().encode()), dtype=torch.uint8)


def unpack_words(state: Any) -> Vocabulary:
    """Make a vocabulary of what a checkpoint holds.

    Args:
        state: The entry, which may be anything in a checkpoint of unknown origin.

    Returns:
        The vocabulary.

    Raises:
        ValueError: It is not what :func:`pack_words` gives.
    """
    try:
        if not isinstance(state, Tensor) or state.dtype != torch.uint8:
            found = getattr(state, "dtype", type(state).__name__)
            raise ValueError(f"it is {found}, not a uint8 tensor")
        text = bytes(state.flatten().tolist()).decode()
        return Vocabulary.from_text(text, source="the checkpoint")
    except ValueError as error:
        raise ValueError(
            f"the word list (_extra_state of the text encoder) is damaged: {error}. "
            "Load another checkpoint, or delete this entry and name the word list in "
            "model.text_encoder.vocabulary"
        ) from error
