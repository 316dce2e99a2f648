"""The sentences that people wrote for RefCOCO, RefCOCO+ and RefCOCOg."""

import csv
import gzip

import pytest

from mmris.models.text_encoders import EmbeddingTextEncoder

COUNTS = {
    "refcoco_unc_val": 10834,
    "refcoco_unc_testA": 5657,
    "refcoco_unc_testB": 5095,
    "refcoco+_unc_val": 10758,
    "refcoco+_unc_testA": 5726,
    "refcoco+_unc_testB": 4889,
    "refcocog_umd_val": 4896,
    "refcocog_umd_test": 9602,
    "refcocog_google_val": 9536,
}


def read(test_data, name):
    path = test_data / "refcoco_text" / f"{name}.csv.gz"
    if not path.is_file():
        pytest.skip(f"no {path}")
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        return [line["sentence"] for line in csv.DictReader(file)]


@pytest.fixture(scope="module")
def encoder(test_data):
    """With the words of the first three sets; none of the others' images."""
    encoder = EmbeddingTextEncoder(num_embeddings=12112, embedding_channels=2)
    encoder.build_vocabulary(
        [text for name in list(COUNTS)[1:3] for text in read(test_data, name)]
    )
    return encoder.eval()


@pytest.mark.parametrize("name", COUNTS)
def test_every_sentence_has_a_word(test_data, encoder, name, record_property):
    sentences = read(test_data, name)
    assert len(sentences) == COUNTS[name]
    batch = encoder.tokenize(sentences)
    assert batch.mask.any(dim=1).all()
    assert batch.mask.sum(dim=1).max() <= 50
    rate = encoder.unknown_rate(sentences)
    record_property("unknown_rate", rate)
    built_from = name in list(COUNTS)[1:3]
    assert rate == pytest.approx(0, abs=1e-3) if built_from else 0.005 < rate < 0.15


def test_a_third_of_the_rows_covers_most_words(test_data):
    sentences = read(test_data, "refcoco_unc_val")
    rates = []
    for num_embeddings in (100, 500, 2000, 12112):
        encoder = EmbeddingTextEncoder(
            num_embeddings=num_embeddings, embedding_channels=2
        )
        encoder.build_vocabulary(sentences)
        rates.append(encoder.unknown_rate(sentences))
    assert rates == sorted(rates, reverse=True)
    assert rates[0] > 0.1
    assert rates[-1] < 0.001  # only sentences without any word
