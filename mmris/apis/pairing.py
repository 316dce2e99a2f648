"""Which expressions belong to which picture."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from PIL import Image

from mmris.models.text_encoders.sentence_checks import check_sentences

Expressions: TypeAlias = "str | list[str] | list[list[str]]"
_RULES = (
    "Give one string for all images, or a list with one list of strings for each image"
)


def pair(images: Any, expressions: Any) -> list[tuple[Any, list[str]]]:
    """Give each picture its expressions.

    ============  ============================  =======================================
    images        expressions                   meaning
    ============  ============================  =======================================
    one           a string                      one expression
    one           K strings                     K expressions
    a list of B   a string                      the same one for each picture
    a list of B   B lists of strings            the i-th list for the i-th picture
    ============  ============================  =======================================

    A list of pictures with a flat list of strings could mean two things, one for each
    or all for each, and is refused, also where the numbers would tell.

    Args:
        images: A picture, or a list or tuple of pictures.
        expressions: A string, or a list or tuple of strings or of lists of them.

    Returns:
        Pictures with their expressions.

    Raises:
        TypeError: The expressions are no strings.
        ValueError: The two do not go together, or an expression is blank.
    """
    if not isinstance(images, (list, tuple)):
        texts = [expressions] if isinstance(expressions, str) else expressions
        if _is_list(texts) and any(_is_list(entry) for entry in texts):
            raise ValueError(
                "expressions is a list of lists for one image; give a string or a list "
                "of strings, or put the image into a list"
            )
        return [(images, _checked(texts, "expressions"))]
    if isinstance(expressions, str):
        texts = _checked([expressions], "expressions")
        return [(image, list(texts)) for image in images]
    if not _is_list(expressions):
        raise TypeError(
            f"expressions is of type {type(expressions).__name__}. {_RULES}"
        )
    if any(not _is_list(entry) for entry in expressions):
        raise ValueError(
            f"expressions is a flat list for a list of {len(images)} images, which is "
            f"ambiguous: one for each, or all for each? {_RULES}"
        )
    if len(expressions) != len(images):
        raise ValueError(
            f"expressions has {len(expressions)} lists for {len(images)} images. "
            f"{_RULES}"
        )
    return [
        (image, _checked(texts, f"expressions[{position}]"))
        for position, (image, texts) in enumerate(zip(images, expressions, strict=True))
    ]


def _is_list(value: Any) -> bool:
    return isinstance(value, (list, tuple))


def _checked(texts: Any, name: str) -> list[str]:
    if not _is_list(texts):
        kind = type(texts).__name__
        # The two arguments are easily exchanged.
        swapped = isinstance(texts, (np.ndarray, Image.Image))
        hint = "; the image comes first" if swapped else ""
        raise TypeError(f"{name} is of type {kind}; give a string or a list{hint}")
    if not texts:
        raise ValueError(f"{name} is empty; give at least one expression")
    try:
        check_sentences(list(texts))
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name}: {error}") from None
    return list(texts)
