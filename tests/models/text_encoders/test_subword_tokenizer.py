"""Cutting, keeping to a length, and telling tokenizers that do not fit."""

import copy
import json
from functools import cache

import pytest
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers

from mmris.models.text_encoders import SubwordTokenizer
from mmris.models.text_encoders.clip_tokenizer import make_clip_tokenizer
from mmris.models.text_encoders.hugging_face_families import FAMILIES
from mmris.models.text_encoders.hugging_face_tokenizer import load_tokenizer
from tests import language_models

LONG = "the red circle left of a blue square above"


@cache
def clip():
    return make_clip_tokenizer()


def make(kind, folder, **own):
    arguments = language_models.KINDS[kind](folder)
    source = arguments["tokenizer"]
    family = FAMILIES[arguments["config"]["model_type"]]
    settings = {
        "vocab_size": arguments["config"].get("vocab_size", 49408),
        "max_words": None,
        "max_positions": None,
        **own,
    }
    tokenizer = settings.pop("tokenizer", None)
    if tokenizer is None:
        # CLIP's takes half a second to make; no test changes it.
        tokenizer = clip() if kind == "clip" else load_tokenizer(source, family)
    return SubwordTokenizer(tokenizer, source="source", family=family, **settings)


@pytest.fixture(params=list(language_models.KINDS))
def kind(request):
    return request.param


@pytest.mark.parametrize("by", ["max_words", "max_positions"])
def test_the_end_token_stays(kind, tmp_path, by):
    (whole,) = make(kind, tmp_path)([LONG])
    for length in (4, 5, 7):
        (short,) = make(kind, tmp_path, **{by: length})([LONG])
        assert len(short) == length
        assert short[:-1] == whole[: length - 1]
        assert short[-1] == whole[-1]
    (exact,) = make(kind, tmp_path, **{by: len(whole)})([LONG])
    assert exact == whole


def test_settings_of_the_tokenizer_do_not_count(kind, tmp_path):
    expected = make(kind, tmp_path, max_words=5)([LONG, "red"])
    tokenizer = copy.deepcopy(make(kind, tmp_path).tokenizer)
    tokenizer.padding_side = "left"
    tokenizer.truncation_side = "left"
    tokenizer.model_max_length = 4
    backend = tokenizer.backend_tokenizer
    backend.enable_padding(length=9, direction="left")
    backend.enable_truncation(3, direction="left")
    own = make(kind, tmp_path, max_words=5, tokenizer=tokenizer)
    assert own([LONG, "red"]) == expected


@pytest.mark.parametrize(
    ("kind", "leading", "trailing"),
    [("bert", 1, 1), ("roberta", 1, 1), ("clip", 1, 1), ("t5", 0, 1)],
)
def test_special_tokens_are_counted(kind, leading, trailing, tmp_path):
    tokenizer = make(kind, tmp_path)
    assert (tokenizer.num_leading, tokenizer.num_trailing) == (leading, trailing)


def test_a_sentence_without_words_is_one_unknown_word(tmp_path):
    tokenizer = make("bert", tmp_path)
    assert tokenizer(["\u200b", "red"]) == [[2, 1, 3], [2, 7, 3]]
    tokenizer.tokenizer.unk_token = None
    with pytest.raises(
        ValueError, match=r"finds no word in '\\u200b' and has no token"
    ):
        tokenizer(["\u200b"])


def test_max_words_out_of_range(tmp_path):
    with pytest.raises(
        ValueError, match="is 2, 2 of them special tokens, which leaves"
    ):
        make("bert", tmp_path, max_words=2)
    with pytest.raises(
        ValueError, match="is 21, but the model has positions for 20 tok"
    ):
        make("bert", tmp_path, max_words=21, max_positions=20)


def test_sizes_that_do_not_fit(tmp_path):
    with pytest.raises(
        ValueError, match="has 16 tokens, but the model has 15 word emb"
    ):
        make("bert", tmp_path, vocab_size=15)
    with pytest.raises(ValueError, match=r"config\.vocab_size to 16"):
        make("bert", tmp_path, vocab_size=30522)
    make("bert", tmp_path, vocab_size=128)  # rounded up, as T5's 32,128 for 32,100


def test_a_tokenizer_of_another_kind_of_model(tmp_path):
    tokenizer = load_tokenizer(
        language_models.t5(tmp_path)["tokenizer"], FAMILIES["t5"]
    )
    with pytest.raises(ValueError, match="puts 0 special tokens before and 1 after a"):
        make("bert", tmp_path, tokenizer=tokenizer)


def test_a_tokenizer_that_knows_nothing(tmp_path):
    """What transformers 5 makes of a word list passed by its former name."""
    empty = transformers.BertTokenizerFast(
        *[str(language_models.write_word_pieces(tmp_path, []))]
    )
    with pytest.raises(ValueError, match="does not know the words of its own vocab"):
        make("bert", tmp_path, tokenizer=empty)
    words = {"[UNK]": 0, "red": 1, "circle": 2}
    backend = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.Metaspace()  # marks blanks, the words do not
    broken = transformers.PreTrainedTokenizerFast(
        tokenizer_object=backend, unk_token="[UNK]"
    )
    with pytest.raises(ValueError, match="every one becomes an unknown word"):
        make("t5", tmp_path, tokenizer=broken)


def test_fingerprints_tell_tokens_apart(tmp_path):
    prints = {
        json.dumps(make(kind, tmp_path).fingerprint)
        for kind in ("bert", "roberta", "clip", "t5")
    }
    assert len(prints) == 4
    assert make("bert", tmp_path).fingerprint == make("bert", tmp_path).fingerprint


def test_the_fingerprint_does_not_depend_on_the_release_of_transformers(tmp_path):
    fingerprint = make("clip", tmp_path).fingerprint
    assert fingerprint["tokens"] == 49408
    assert fingerprint["sha256"].startswith("ef2e77f920c8ee34")
