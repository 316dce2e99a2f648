"""Sentences."""

import pytest

from mmris.models.text_encoders import EmbeddingTextEncoder, HuggingFaceTextEncoder
from mmris.models.text_encoders.vocabulary import UNKNOWN_ID
from tests import language_models

from . import behaviour, error


def words(*sentences, max_words=None):
    encoder = EmbeddingTextEncoder(
        num_embeddings=50, embedding_channels=2, max_words=max_words
    )
    encoder.build_vocabulary(sentences or ["the red circle"])
    return encoder.eval()


def clip(max_words=None):
    config = {"model_type": "clip_text_model", **language_models.SIZES}
    encoder = HuggingFaceTextEncoder(
        config=config, tokenizer="clip", max_words=max_words
    )
    return encoder.eval()


@error("A sentence is empty or blank")
def blank(folder):
    words()(["the circle", " "])


@error("A sentence is no text")
def number(folder):
    words()([3])


@error("One string instead of a list of sentences")
def lone_string(folder):
    words()("the red circle")


@error("No sentence at all")
def none(folder):
    words()([])


@error("A sentence holds half of an emoji")
def surrogate(folder):
    words()(["dog \ud83d"])


@error("The model has no vocabulary when training starts")
def no_vocabulary(folder):
    EmbeddingTextEncoder(num_embeddings=50, embedding_channels=2)(["red"])


@behaviour("A sentence of 10,000 characters")
def long_sentence(folder):
    for encoder in (words(max_words=20), clip(max_words=20)):
        assert encoder.tokenize(["the red circle " * 667]).mask.sum() == 20
    assert words().tokenize(["red " * 2500]).mask.sum() == 2500
    # Without max_words, as many as there are positions.
    assert clip().tokenize(["red " * 2500]).mask.sum() == 77


@behaviour("Emoji in a sentence")
def emoji(folder):
    encoder = words()
    with_them = encoder.tokenize(["the \U0001f415 red circle \U0001f44d\U0001f3fd"])
    assert with_them.ids.tolist() == encoder.tokenize(["the red circle"]).ids.tolist()
    assert encoder.tokenize(["\U0001f415"]).ids.tolist() == [[UNKNOWN_ID]]
    plain, other = clip().tokenize(["dog", "dog \U0001f415"]).mask.sum(dim=1).tolist()
    assert other > plain


@behaviour("Right-to-left and any other script")
def scripts(folder):
    sentence = "\u05e2\u05d9\u05d2\u05d5\u05dc \u05d0\u05d3\u05d5\u05dd"
    encoder = words(sentence)
    marked = encoder.tokenize([f"\u202b{sentence}\u202c"])
    assert marked.ids.tolist() == encoder.tokenize([sentence]).ids.tolist()
    assert UNKNOWN_ID not in marked.ids


@behaviour("All words are unknown")
def unknown(folder):
    batch = words().tokenize(["purple zebra"])
    assert batch.ids.tolist() == [[UNKNOWN_ID, UNKNOWN_ID]]
    with pytest.raises(RuntimeError, match="has no vocabulary"):
        no_vocabulary(folder)


@behaviour("A sentence of punctuation only, such as `?`")
def punctuation(folder):
    assert words().tokenize(["?!"]).ids.tolist() == [[UNKNOWN_ID]]
