"""CLIP's tokenizer against ids of the released models and another implementation."""

import csv
import gzip

import pytest
from mmseg.utils.tokenizer import SimpleTokenizer

from mmris.models.text_encoders.clip_tokenizer import make_clip_tokenizer
from tests.models.text_encoders.test_real_sentences import COUNTS

START, END = 49406, 49407


# The other splits have the same kinds of sentences.
SPLITS = [
    pytest.param(name, marks=() if number < 3 else pytest.mark.slow)
    for number, name in enumerate(COUNTS)
]


@pytest.fixture(scope="module")
def tokenizer():
    return make_clip_tokenizer()


@pytest.mark.parametrize(
    ("sentence", "ids"),
    [
        ("a photo of a cat", [320, 1125, 539, 320, 2368]),
        ("Hello, World!", [3306, 267, 1002, 256]),
        ("a diagram", [320, 22697]),
    ],
)
def test_known_ids(tokenizer, sentence, ids):
    assert tokenizer(sentence)["input_ids"] == [START, *ids, END]


def test_size_and_names(tokenizer):
    assert len(tokenizer) == 49408
    assert tokenizer.bos_token_id == START
    assert tokenizer.eos_token_id == END


def read(test_data, name):
    path = test_data / "refcoco_text" / f"{name}.csv.gz"
    if not path.is_file():
        pytest.skip(f"no {path}")
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        return [line["sentence"] for line in csv.DictReader(file)]


@pytest.mark.parametrize("name", SPLITS)
def test_equals_the_other_implementation_on_real_sentences(tokenizer, test_data, name):
    sentences = read(test_data, name)
    assert len(sentences) == COUNTS[name]
    other = SimpleTokenizer()
    rows = tokenizer(sentences)["input_ids"]
    differ = [
        sentence
        for sentence, row in zip(sentences, rows)
        if row != [START, *other.encode(sentence), END]
    ]
    assert differ == []


@pytest.mark.parametrize("name", SPLITS)
def test_ids_lead_back_to_the_real_sentences(tokenizer, test_data, name):
    """But for case and blanks: CLIP puts one between any two of its words."""
    sentences = read(test_data, name)
    rows = tokenizer(sentences, add_special_tokens=False)["input_ids"]
    back = tokenizer.batch_decode(rows, clean_up_tokenization_spaces=False)
    pattern = SimpleTokenizer().pat
    differ = [
        (sentence, text)
        for sentence, text in zip(sentences, back)
        if text != " ".join(pattern.findall(sentence.lower()))
        or "".join(text.split()) != "".join(sentence.lower().split())
    ]
    assert differ == []


@pytest.mark.parametrize(
    "sentence", ["the man's 2nd T-shirt, isn't it?", "café  über\tAll", "№1 → left"]
)
def test_equals_the_other_implementation_on_odd_ones(tokenizer, sentence):
    ids = tokenizer(sentence)["input_ids"]
    assert ids == [START, *SimpleTokenizer().encode(sentence), END]
