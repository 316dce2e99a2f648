"""What a program without mmris has to know of a model, as JSON beside its graphs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from mmris.apis.inference_pipeline import inference_pipeline
from mmris.datasets.transforms import LoadRefImage, PackRefInputs, RefResize
from mmris.models import WordTextEncoder
from mmris.models.data_preprocessor import RefSegDataPreprocessor
from mmris.models.text_encoders.subword_text_encoder import SubwordTextEncoder
from mmris.utils.atomic_files import write_atomically
from mmris.version import __version__

if TYPE_CHECKING:
    from pathlib import Path

    from mmris.models import RefSegmentor

DESCRIPTION = "model.json"
_VOCABULARY = "vocabulary.json"
_SUBWORDS = "tokenizer.json"


def describe_model(model: RefSegmentor) -> dict[str, Any]:
    """How a picture becomes the input of a model, and its logits a mask.

    Args:
        model: With its config as ``cfg``.

    Returns:
        Values that JSON can hold.

    Raises:
        ValueError: The pipeline of testing, the preprocessor or the post-processing is
            one that the script beside the graphs does not have.
    """
    if model.post_processing is not None:
        raise ValueError(
            f"model.post_processing is {type(model.post_processing).__name__}, which "
            "is no part of a graph; set it to None to export the model without it"
        )
    resize = _resize(model)
    preprocessor = model.data_preprocessor
    if not isinstance(preprocessor, RefSegDataPreprocessor):
        raise ValueError(
            f"model.data_preprocessor is {type(preprocessor).__name__}; export knows "
            "RefSegDataPreprocessor only"
        )
    normalises = preprocessor._enable_normalize
    return {
        "format": 1,
        "mmris": __version__,
        "input": {
            "size": list(resize.size),
            "keep_ratio": resize.keep_ratio,
            "pad_value": resize.pad_value,
            "channels": "rgb" if preprocessor._channel_conversion else "bgr",
            "mean": preprocessor.mean.flatten().tolist() if normalises else [0.0] * 3,
            "std": preprocessor.std.flatten().tolist() if normalises else [1.0] * 3,
        },
        "threshold": model.settings.threshold,
        "expressions_per_chunk": model.settings.expressions_per_chunk,
    }


def write_tokenizer(model: RefSegmentor, folder: Path) -> dict[str, Any]:
    """Write the words that a model knows, and say how sentences are cut.

    Args:
        model: The model.
        folder: Where the file goes.

    Returns:
        Values for the description.

    Raises:
        ValueError: The text encoder's tokenizer cannot be written, or has no words yet.
    """
    encoder = model.text_encoder
    if isinstance(encoder, WordTextEncoder):
        if encoder.vocabulary.is_empty:
            raise ValueError(
                "the model has no vocabulary, every word would be unknown: give the "
                "checkpoint of a trained model"
            )
        words = json.dumps(list(encoder.vocabulary.words), ensure_ascii=False)
        write_atomically(folder / _VOCABULARY, words.encode())
        limit = encoder.tokenizer.max_words
        return {"kind": "words", "file": _VOCABULARY, "max_words": limit}
    if isinstance(encoder, SubwordTextEncoder):
        tokenizer = encoder.tokenizer
        backend = getattr(tokenizer.tokenizer, "backend_tokenizer", None)
        if backend is not None:
            content = backend.to_str(pretty=False).encode()
            write_atomically(folder / _SUBWORDS, content)
            return {
                "kind": "subwords",
                "file": _SUBWORDS,
                "num_leading": tokenizer.num_leading,
                "num_trailing": tokenizer.num_trailing,
                "max_tokens": tokenizer.max_tokens,
                "unknown": tokenizer.tokenizer.unk_token_id,
            }
    raise ValueError(
        f"the tokenizer of model.text_encoder {type(encoder).__name__} cannot be "
        "written to a file; use one of mmris's or a fast one of Hugging Face"
    )


def _resize(model: RefSegmentor) -> RefResize:
    steps = inference_pipeline(model.cfg).transforms
    found = [step for step in steps if isinstance(step, RefResize)]
    others = [
        type(step).__name__
        for step in steps
        if not isinstance(step, (LoadRefImage, RefResize, PackRefInputs))
    ]
    if len(found) != 1 or others:
        raise ValueError(
            f"the pipeline of testing has {len(found)} RefResize and besides {others}; "
            "export knows LoadRefImage, one RefResize and PackRefInputs. Set "
            "test_pipeline to these"
        )
    return found[0]
