"""Sentences that people do type: documented in docs/en/errors.md, for all encoders."""

import warnings

import pytest
import torch

from mmris.models.text_encoders import HuggingFaceTextEncoder
from tests import language_models

EMOJI = "the \U0001f415 red circle \U0001f44d\U0001f3fd"
# "Red circle", with marks of direction around the words.
ARABIC = "\u200f\u062f\u0627\u0626\u0631\u0629 \u062d\u0645\u0631\u0627\u0621"
HEBREW = "\u202b\u05e2\u05d9\u05d2\u05d5\u05dc \u05d0\u05d3\u05d5\u05dd\u202c"
LONG = "the red circle " * 667  # 10,005 characters


@pytest.fixture(params=["words", "bert", "clip"])
def any_encoder(request, make_encoder, tmp_path):
    if request.param == "words":
        encoder = make_encoder("lstm", max_words=20)
        encoder.build_vocabulary(["the red circle left", "blue circle"])
        return encoder.eval()
    kind = "bert" if request.param == "bert" else "clip_text_model"
    config = {"model_type": kind, **language_models.SIZES}
    tokenizer = "clip"
    if kind == "bert":
        path = language_models.write_word_pieces(tmp_path)
        tokenizer = str(path)
        config["vocab_size"] = len(path.read_text().splitlines())
    encoder = HuggingFaceTextEncoder(config=config, tokenizer=tokenizer, max_words=20)
    return encoder.eval()


@pytest.mark.parametrize("sentence", [EMOJI, ARABIC, HEBREW, LONG, "x" * 10_000, "?"])
def test_any_text_has_finite_features(any_encoder, sentence):
    with torch.no_grad():
        features = any_encoder([sentence, "the red circle"])
        alone = any_encoder([sentence])
    assert features.tokens.isfinite().all()
    assert features.tokens.shape[1] <= 20
    assert features.mask.any(dim=1).all()
    torch.testing.assert_close(
        features.sentence[:1], alone.sentence, rtol=1e-4, atol=1e-5
    )


def test_ten_thousand_characters_are_cut_at_max_words(any_encoder):
    words = LONG.split()
    batch = any_encoder.tokenize([LONG, " ".join(words[:200])])
    assert batch.mask.sum(dim=1).tolist() == [20, 20]
    assert batch.ids[0].tolist() == batch.ids[1].tolist()


def test_emoji_between_words_do_not_change_the_words(make_encoder):
    encoder = make_encoder("embedding").eval()
    encoder.build_vocabulary(["the red circle"])
    with_them = encoder.tokenize([EMOJI]).ids
    assert with_them.tolist() == encoder.tokenize(["the red circle"]).ids.tolist()


def test_marks_of_direction_do_not_change_the_words(make_encoder):
    encoder = make_encoder("embedding").eval()
    encoder.build_vocabulary([ARABIC.strip("\u200f"), HEBREW.strip("\u202b\u202c")])
    batch = encoder.tokenize([ARABIC, HEBREW])
    assert batch.ids.unique().tolist() == [4, 5, 6, 7]


@pytest.mark.parametrize(
    ("sentences", "error", "message"),
    [
        ([""], ValueError, r"sentence 1 of 1 is blank \(''\)"),
        (["red", " \u3000\t"], ValueError, r"sentence 2 of 2 is blank"),
        (["half \ud83d"], ValueError, r"holds half of a character, a lone surrogate"),
        ([b"red"], TypeError, r"sentence 1 of 1 is b'red', of type bytes; give text"),
        ([3], TypeError, r"sentence 1 of 1 is 3, of type int; give text"),
        ("red", TypeError, r"got the string 'red' where a list of sentences belongs"),
        ([], ValueError, r"got no sentence to encode; give at least one"),
    ],
)
def test_what_is_refused(any_encoder, sentences, error, message):
    with pytest.raises(error, match=message):
        any_encoder(sentences)


def test_unknown_words_are_warned_of_once(make_encoder, log):
    encoder = make_encoder("embedding")
    encoder.build_vocabulary(["the red circle"])
    encoder.tokenize(["purple zebra"])  # in training the words are what they are
    assert "No word" not in log.text
    encoder.eval()
    encoder.tokenize(["red zebra", "the circle"])
    assert "No word" not in log.text
    encoder.tokenize(["the circle", "purple zebra " * 50, "?"])
    encoder.tokenize(["green giraffe"])
    assert log.text.count("No word of the sentence 'purple zebra") == 1
    assert log.text.count("No word of the sentence") == 1
    assert len(log.text) < 500


def test_unknown_subwords_are_warned_of_once(tmp_path, log):
    path = language_models.write_word_pieces(tmp_path)
    config = {"model_type": "bert", **language_models.SIZES}
    config["vocab_size"] = len(path.read_text().splitlines())
    encoder = HuggingFaceTextEncoder(config=config, tokenizer=str(path)).eval()
    encoder.tokenize(["the red circle"])
    assert "No word" not in log.text
    encoder.tokenize(["zebra \U0001f415", "the red circle"])
    encoder.tokenize(["zebra"])
    assert log.text.count("No word of the sentence 'zebra") == 1


def test_no_warnings_of_libraries(any_encoder):
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        any_encoder.tokenize([LONG, EMOJI])
