import random

import pytest

from mmris.models.text_encoders import Vocabulary

SPECIALS = ["<pad>", "<go>", "<eos>", "<unk>"]


def words_of(*sentences):
    return [sentence.split() for sentence in sentences]


def test_ids_follow_the_special_entries():
    vocabulary = Vocabulary(["red", "left"])
    assert vocabulary.ids(["<pad>", "<go>", "<eos>", "<unk>"]) == [0, 1, 2, 3]
    assert vocabulary.ids(["left", "zebra", "red"]) == [5, 3, 4]
    assert len(vocabulary) == 6
    assert not vocabulary.is_empty
    assert "red" in vocabulary
    assert "zebra" not in vocabulary


def test_empty():
    vocabulary = Vocabulary()
    assert vocabulary.is_empty
    assert vocabulary.ids(["red"]) == [3]
    assert Vocabulary.from_text(vocabulary.to_text(), source="x").is_empty
    assert Vocabulary.from_text("", source="x").is_empty


def test_most_frequent_first_then_alphabetical_whatever_the_order():
    sentences = words_of("b a c", "c a", "d c <unk>")
    expected = (*SPECIALS, "c", "a", "b", "d")
    for _ in range(5):
        random.shuffle(sentences)
        assert Vocabulary.from_sentences(sentences, num_embeddings=9).words == expected


def test_the_rarest_are_left_out():
    sentences = words_of("b a c", "c a", "d c")
    vocabulary = Vocabulary.from_sentences(sentences, num_embeddings=6)
    assert vocabulary.words == (*SPECIALS, "c", "a")
    assert vocabulary.unknown_rate(sentences) == 2 / 7


def test_unknown_rate_counts_words_as_often_as_they_come():
    vocabulary = Vocabulary(["red"])
    assert vocabulary.unknown_rate(words_of("red x x", "red <unk>")) == 3 / 5
    assert vocabulary.unknown_rate([]) == 0


def test_no_sentences():
    with pytest.raises(ValueError, match="hold no word; check the annotation file"):
        Vocabulary.from_sentences([], num_embeddings=9)


@pytest.mark.parametrize("head", ["", "<pad>\n<go>\n<eos>\n<unk>\n"])
@pytest.mark.parametrize("end", ["", "\n", "\n\n"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_file(tmp_path, head, end, newline, mark):
    path = tmp_path / "words.txt"
    text = f"{head}red\ncafé\n.\n, \nleft{end}"
    path.write_bytes(mark + text.replace("\n", newline).encode())
    vocabulary = Vocabulary.from_file(path, num_embeddings=9)
    assert vocabulary.words == (*SPECIALS, "red", "café", ".", ", ", "left")


def test_blank_lines_keep_their_number(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("red\n\n\nleft\n")
    vocabulary = Vocabulary.from_file(path, num_embeddings=8)
    assert vocabulary.ids(["red", "left", ""]) == [4, 7, 3]
    assert Vocabulary.from_text(vocabulary.to_text(), source="x").words == (
        vocabulary.words
    )


def test_missing_file(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"no word list at .*no\.txt; correct mo"
    ):
        Vocabulary.from_file(tmp_path / "no.txt", num_embeddings=9)


def test_more_words_than_rows(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("a\nb\nc\n")
    with pytest.raises(
        ValueError,
        match=r"words\.txt has 7 entries.*num_embeddings is 6; set it to 7 or more",
    ):
        Vocabulary.from_file(path, num_embeddings=6)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "red\nblue\nred\n",
            r"words\.txt is not valid: the word 'red' has two numbers, 4",
        ),
        ("red\n<unk>\n", r"'<unk>' has two numbers, 3 and 5"),
        ("<pad>\n<unk>\nred\n", r"'<pad>' has two numbers, 0 and 4"),
        ("", "holds no words; give a file with one word a line"),
        ("<pad>\n<go>\n<eos>\n<unk>\n", "holds no words"),
    ],
)
def test_bad_files(tmp_path, content, message):
    path = tmp_path / "words.txt"
    path.write_text(content)
    with pytest.raises(ValueError, match=message):
        Vocabulary.from_file(path, num_embeddings=9)


def test_file_that_is_no_text(tmp_path):
    path = tmp_path / "words.txt"
    path.write_bytes(b"red\n\xff\xfe\n")
    with pytest.raises(
        ValueError, match=r"is not UTF-8 text \(.* at byte 4\); convert"
    ):
        Vocabulary.from_file(path, num_embeddings=9)


def test_word_with_a_line_break():
    with pytest.raises(ValueError, match=r"'a\\nb' holds a line break"):
        Vocabulary(["a\nb"])
