"""Where tokenizers come from, and which are refused."""

import json
from pathlib import Path

import pytest
import transformers
from tokenizers import BertWordPieceTokenizer

from mmris.models.text_encoders.hugging_face_families import FAMILIES
from mmris.models.text_encoders.hugging_face_tokenizer import load_tokenizer
from tests import language_models

BERT = FAMILIES["bert"]


def cut(tokenizer, sentence):
    return tokenizer(sentence)["input_ids"]


def test_word_list_of_bert(tmp_path):
    path = language_models.write_word_pieces(tmp_path)
    tokenizer = load_tokenizer(str(path), BERT)
    assert len(tokenizer) == 16
    assert cut(tokenizer, "the redish Circle") == [2, 5, 7, 15, 9, 3]


def test_word_list_with_capitals_is_cased(tmp_path):
    path = language_models.write_word_pieces(tmp_path, ["the", "The", "red"])
    assert cut(load_tokenizer(str(path), BERT), "The the Red") == [2, 6, 5, 1, 3]
    path = language_models.write_word_pieces(tmp_path, ["the", "red"])
    assert cut(load_tokenizer(str(path), BERT), "The the Red") == [2, 5, 5, 6, 3]


def test_tokenizer_json(tmp_path):
    path = language_models.write_word_pieces(tmp_path)
    BertWordPieceTokenizer(str(path)).save(str(tmp_path / "tokenizer.json"))
    tokenizer = load_tokenizer(str(tmp_path / "tokenizer.json"), BERT)
    assert cut(tokenizer, "the red circle") == [2, 5, 7, 9, 3]


@pytest.mark.parametrize("kind", ["bert", "distilbert", "roberta", "t5"])
def test_folder_without_and_with_its_class_named(kind, tmp_path):
    language_models.KINDS[kind](tmp_path)
    (tmp_path / "tokenizer_config.json").unlink(missing_ok=True)
    plain = load_tokenizer(str(tmp_path), FAMILIES[kind])
    plain.save_pretrained(tmp_path / "saved")
    assert (tmp_path / "saved" / "tokenizer_config.json").is_file()
    if kind == "t5" and transformers.__version__.startswith("4"):
        config = tmp_path / "saved" / "tokenizer_config.json"
        assert json.loads(config.read_text())["tokenizer_class"].startswith("T5")
    saved = load_tokenizer(str(tmp_path / "saved"), FAMILIES[kind])
    expected = cut(plain, "the red circle")
    assert cut(saved, "the red circle") == expected
    assert len(expected) >= 4
    assert plain.get_vocab() == saved.get_vocab()


def test_clip_needs_no_file():
    tokenizer = load_tokenizer("clip", FAMILIES["clip"])
    assert cut(tokenizer, "a photo of a cat") == [
        *(49406, 320, 1125, 539, 320, 2368, 49407)
    ]


def test_paths_that_lead_nowhere(tmp_path):
    for name in ("vocab.txt", "tokenizer.json"):
        with pytest.raises(
            FileNotFoundError, match="and there is no such file; correct"
        ):
            load_tokenizer(str(tmp_path / name), BERT)
    with pytest.raises(FileNotFoundError, match=r"tokenizer is .* no such folder"):
        load_tokenizer(str(tmp_path / "none"), BERT)


def test_files_that_are_no_tokenizer(tmp_path):
    path = tmp_path / "tokenizer.json"
    path.write_text("{}")
    with pytest.raises(ValueError, match="is not the tokenizer that its suffix says"):
        load_tokenizer(str(path), BERT)
    path = tmp_path / "merges.bpe"
    path.write_text("a b")
    with pytest.raises(ValueError, match="give a word list of BERT"):
        load_tokenizer(str(path), BERT)


def test_folder_with_a_damaged_tokenizer(tmp_path):
    language_models.write_unigrams(tmp_path)
    Path(tmp_path, "tokenizer.json").write_text("{")
    with pytest.raises(
        OSError, match=r"named by model.text_encoder.tokenizer, gives no"
    ):
        load_tokenizer(str(tmp_path), FAMILIES["t5"])
