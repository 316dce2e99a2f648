"""Compiles what a segmentor does with tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Callable

    from mmris.models import RefSegmentor

# One for each length of the sentences where a part works word by word, for one
# expression and for several, for training and evaluation.
RECOMPILE_LIMIT = 64


def compile_parts(model: RefSegmentor, settings: dict[str, Any]) -> Callable[[], None]:
    """Put ``torch.compile`` around the image part, the text encoder and what uses both.

    Compiled are ``encode_image``, ``text_encoder.encode`` behind the tokenizer, and
    ``decode_text``, on their first call. What handles strings and samples is not: a
    compiled function is made anew when a string changes.

    Args:
        model: The segmentor, changed in place.
        settings: Arguments of ``torch.compile``.

    Returns:
        Takes it back.
    """
    config: Any = torch._dynamo.config
    config.recompile_limit = max(config.recompile_limit, RECOMPILE_LIMIT)
    parts: list[tuple[Any, str]] = [
        (model, "encode_image"),
        (model.text_encoder, "encode"),
        (model, "decode_text"),
    ]
    for owner, name in parts:
        setattr(owner, name, torch.compile(getattr(owner, name), **settings))

    def undo() -> None:
        for owner, name in parts:
            delattr(owner, name)

    return undo
