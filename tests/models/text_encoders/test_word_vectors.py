import pytest
import torch

from mmris.models.text_encoders import Vocabulary, read_word_vectors

LINES = [
    ", 0.5 0.5 0.5",
    "red 1 -2 3e-1",
    ". . . 0.1 0.2 0.3",
    "at name@domain.com 0.7 0.8 0.9",
    "1 4 5 6",
    "unwanted 7 7 7",
    "red 9 9 9",
    "café 0.25 0.5 0.75",
]


@pytest.fixture
def write(tmp_path):
    def write(*lines, end="\n"):
        path = tmp_path / "vectors.txt"
        path.write_bytes("".join(line + end for line in lines).encode())
        return path

    return write


def as_dict(vocabulary, ids, vectors):
    return {
        vocabulary.words[number]: row
        for number, row in zip(ids.tolist(), vectors.tolist(), strict=True)
    }


@pytest.mark.parametrize("header", [[], ["8 3"]])
@pytest.mark.parametrize("end", ["\n", "\r\n", " \n"])
def test_rows_of_known_words(write, header, end):
    vocabulary = Vocabulary(["café", "zebra", "red", "1", "at name@domain.com"])
    path = write(*header, *LINES, end=end)
    ids, vectors = read_word_vectors(path, vocabulary, channels=3)
    assert ids.dtype == torch.int64
    assert vectors.dtype == torch.float32
    found = as_dict(vocabulary, ids, vectors.double())
    assert found == {
        "red": pytest.approx([1, -2, 0.3]),
        "at name@domain.com": pytest.approx([0.7, 0.8, 0.9]),
        "1": [4, 5, 6],
        "café": [0.25, 0.5, 0.75],
    }


def test_number_as_first_word_is_no_channel(write):
    vocabulary = Vocabulary(["1"])
    ids, vectors = read_word_vectors(write(*LINES[4:]), vocabulary, channels=3)
    assert as_dict(vocabulary, ids, vectors) == {"1": [4, 5, 6]}


def test_special_entries_get_no_vector(write):
    path = write("<unk> 1 1 1", "<pad> 2 2 2", "red 3 3 3")
    ids, _ = read_word_vectors(path, Vocabulary(["red"]), channels=3)
    assert ids.tolist() == [4]


@pytest.mark.parametrize("lines", [[], ["blue 1 2 3"], ["1 3"]])
def test_nothing_found(write, lines):
    ids, vectors = read_word_vectors(write(*lines), Vocabulary(["red"]), channels=3)
    assert ids.shape == (0,)
    assert vectors.shape == (0, 3)


@pytest.mark.parametrize(
    ("channels", "lines", "message"),
    [
        (2, LINES, r"line 1 of .*vectors\.txt holds a vector of 3 numbers, but "),
        (4, LINES, r"of 3 numbers, but model\.text_encoder\.embedding_channels is 4"),
        (4, ["8 3", *LINES], r"line 2 of .* of 3 numbers"),
        (3, [*LINES, "blue 1 2"], r"line 9 of .* a vector of 2 numbers"),
        (3, [*LINES, "blue 1 2 3 4"], r"line 9 of .* a vector of 4 numbers"),
        (3, [*LINES, "", "x 1 2 3"], r"line 9 of .* a vector of 0 numbers"),
        (3, ["\x1f\x08packed"], r"unpacked and complete text file"),
        (3, [LINES[0], "red 1 two 3"], r"line 2 of .* is not a word and its numbers"),
        (3, [LINES[0], "red 1 nan 3"], r"line 2 of .* number that is not finite; repl"),
    ],
)
def test_bad_files(write, channels, lines, message):
    with pytest.raises(ValueError, match=message):
        read_word_vectors(write(*lines), Vocabulary(["red"]), channels=channels)


def test_missing_file(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"no word vectors at .*; correct model"
    ):
        read_word_vectors(tmp_path / "no.txt", Vocabulary(["red"]), channels=3)
