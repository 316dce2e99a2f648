"""Vocabulary, word vectors and checkpoints of the encoders that look words up."""

import io

import pytest
import torch
from mmengine.runner import load_checkpoint, save_checkpoint

from mmris.models.text_encoders import LSTMTextEncoder, Vocabulary

VECTORS = "red 1 2 3 4 5\ncircle 6 7 8 9 10\nzebra 0 0 0 0 1\n"


@pytest.fixture
def vectors(tmp_path):
    path = tmp_path / "vectors.txt"
    path.write_text(VECTORS)
    return str(path)


@pytest.fixture
def word_list(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("left\nred\ncircle\n")
    return str(path)


@pytest.fixture
def trained(make_encoder, sentences):
    encoder = make_encoder("lstm_2x2")
    encoder.build_vocabulary(sentences)
    return encoder.eval()


def row(encoder, word):
    return encoder.embedding.weight[encoder.vocabulary.ids([word])[0]].tolist()


def with_words(words, **arguments):
    """An encoder as after an old training: words, and all rows two."""
    encoder = LSTMTextEncoder(
        num_embeddings=20, embedding_channels=5, hidden_channels=6, **arguments
    )
    encoder.vocabulary = Vocabulary(words)
    torch.nn.init.constant_(encoder.embedding.weight, 2.0)
    return encoder


# Vocabulary


def test_table_before_training(make_encoder):
    weight = make_encoder("embedding", num_embeddings=1000).embedding.weight
    assert (weight[0] == 0).all()
    assert weight.abs().max() <= 0.08
    assert weight[1:].std().item() == pytest.approx(0.08 / 3**0.5, rel=0.05)
    assert abs(weight.mean().item()) < 0.005
    assert weight.requires_grad


def test_init_range_zero_makes_unknown_words_zero(make_encoder):
    assert (make_encoder("embedding", init_range=0.0).embedding.weight == 0).all()


def test_words_from_a_file(make_encoder, word_list):
    encoder = make_encoder("gru", vocabulary=word_list)
    batch = encoder.tokenize(["Left red!", "a circle on the left"])
    assert batch.ids.tolist() == [[4, 5, 0, 0, 0], [3, 6, 3, 3, 4]]
    assert batch.mask.tolist() == [[True] * 2 + [False] * 3, [True] * 5]
    assert encoder.unknown_rate(["Left red!", "a circle on the left"]) == 3 / 7


def test_max_words(make_encoder, word_list):
    encoder = make_encoder("gru", vocabulary=word_list, max_words=2)
    assert encoder.tokenize(["red circle left"]).ids.tolist() == [[5, 6]]


def test_rare_words_have_no_row(make_encoder, sentences):
    encoder = make_encoder("gru", num_embeddings=6)
    encoder.build_vocabulary(iter(sentences))
    assert encoder.vocabulary.words[4:] == ("circle", "the")


def test_words_are_not_built_twice(trained, sentences):
    with pytest.raises(
        RuntimeError, match="has 11 entries already, whose embeddings wo"
    ):
        trained.build_vocabulary(sentences)


def test_no_row_for_words(make_encoder):
    with pytest.raises(ValueError, match=r"is 4, which .*num_embeddings above 4"):
        make_encoder("gru", num_embeddings=4)


def test_file_with_too_many_words(make_encoder, word_list):
    with pytest.raises(ValueError, match="num_embeddings is 6; set it to 7 or more"):
        make_encoder("gru", num_embeddings=6, vocabulary=word_list)


def test_training_without_words(make_encoder):
    with pytest.raises(
        RuntimeError, match=r"no vocabulary.*add dict\(type='VocabularyH"
    ):
        make_encoder("gru")(["red circle"])


def test_evaluation_without_words_warns_once(make_encoder, log):
    encoder = make_encoder("gru").eval()
    text = encoder(["red circle", "blue circle"])
    encoder(["red circle"])
    assert torch.equal(text.tokens[0], text.tokens[1])
    assert log.text.count("The text encoder has no vocabulary: every word is unkn") == 1
    assert "Load a trained checkpoint" in log.text


def test_blank_sentence_and_no_sentence(trained):
    with pytest.raises(ValueError, match="sentence 2 of 2 is blank"):
        trained(["red", " "])
    with pytest.raises(
        ValueError, match="got no sentence to encode; give at least one"
    ):
        trained([])


# Word vectors


def test_vectors_are_read_when_words_are_built(make_encoder, sentences, vectors, log):
    encoder = make_encoder("lstm", word_vectors=vectors)
    encoder.init_weights()
    encoder.build_vocabulary(sentences)
    assert row(encoder, "red") == [1, 2, 3, 4, 5]
    assert row(encoder, "circle") == [6, 7, 8, 9, 10]
    assert max(map(abs, row(encoder, "blue"))) <= 0.08
    assert row(encoder, "<pad>") == [0] * 5
    assert "has vectors for 2 of the 7 words of the vocabulary (28.6%)" in log.text


def test_vectors_are_read_by_init_weights_if_words_are_known(
    make_encoder, word_list, vectors
):
    encoder = make_encoder("lstm", vocabulary=word_list, word_vectors=vectors)
    encoder.init_weights()
    assert row(encoder, "red") == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("freeze", [False, True])
def test_frozen_vectors(make_encoder, sentences, vectors, freeze):
    encoder = make_encoder("lstm", word_vectors=vectors, freeze_embedding=freeze)
    encoder.build_vocabulary(sentences)
    optimizer = torch.optim.SGD(encoder.parameters(), lr=1.0, weight_decay=0.1)
    encoder(sentences).sentence.sum().backward()
    optimizer.step()
    assert (row(encoder, "red") == [1, 2, 3, 4, 5]) == freeze
    assert all(
        parameter.requires_grad
        for name, parameter in encoder.named_parameters()
        if name != "embedding.weight"
    )


def test_checkpoint_wins_over_vectors(make_encoder, sentences, vectors, word_list):
    state = with_words(["red", "blue"]).state_dict()
    before = make_encoder("lstm", word_vectors=vectors)
    before.build_vocabulary(sentences)
    before.load_state_dict(state)
    after = make_encoder("lstm", vocabulary=word_list, word_vectors="no such file")
    after.load_state_dict(state)
    after.init_weights()
    for encoder in (before, after):
        assert row(encoder, "red") == [2] * 5
        assert encoder.vocabulary.words[4:] == ("red", "blue")


def test_vectors_of_other_words(make_encoder, tmp_path, sentences):
    path = tmp_path / "other.txt"
    path.write_text("rouge 1 2 3 4 5\n")
    encoder = make_encoder("lstm", word_vectors=str(path))
    with pytest.raises(ValueError, match="has none of the 7 words of the vocabulary"):
        encoder.build_vocabulary(sentences)


def test_vectors_of_another_length(make_encoder, vectors, sentences):
    encoder = make_encoder("lstm", word_vectors=vectors, embedding_channels=6)
    with pytest.raises(
        ValueError, match=r"line 1 of .* of 5 numbers, .*_channels is 6"
    ):
        encoder.build_vocabulary(sentences)


# Checkpoints


def test_words_survive_safe_loading(trained, make_encoder, sentences):
    file = io.BytesIO()
    torch.save(trained.state_dict(), file)
    file.seek(0)
    other = make_encoder("lstm_2x2")
    other.load_state_dict(torch.load(file, weights_only=True))
    assert other.vocabulary.words == trained.vocabulary.words
    torch.testing.assert_close(
        other.eval()(sentences).tokens, trained(sentences).tokens, rtol=0, atol=0
    )


@pytest.mark.parametrize("strict", [True, False])
def test_words_survive_mmengine(trained, make_encoder, sentences, tmp_path, strict):
    path = str(tmp_path / "model.pth")
    model = torch.nn.ModuleDict({"text_encoder": trained})
    save_checkpoint({"state_dict": model.state_dict()}, path)
    other = torch.nn.ModuleDict({"text_encoder": make_encoder("lstm_2x2")})
    load_checkpoint(other, path, map_location="cpu", strict=strict)
    assert other["text_encoder"].vocabulary.words == trained.vocabulary.words
    assert torch.equal(
        other["text_encoder"].eval()(sentences).tokens, trained(sentences).tokens
    )


def test_state_is_tensors_only(trained):
    assert all(
        isinstance(value, torch.Tensor) for value in trained.state_dict().values()
    )


def test_words_of_any_script_survive(make_encoder):
    encoder = with_words(["café", "左边", "", "नमस्ते"])
    other = make_encoder("lstm")
    other.load_state_dict(encoder.state_dict())
    assert other.vocabulary.words == encoder.vocabulary.words


def test_empty_list_leaves_the_words(make_encoder, trained):
    words = trained.vocabulary.words
    trained.load_state_dict(make_encoder("lstm_2x2").state_dict())
    assert trained.vocabulary.words == words


def test_other_words_of_a_checkpoint_win_with_a_warning(make_encoder, word_list, log):
    encoder = make_encoder("lstm", vocabulary=word_list)
    encoder.load_state_dict(with_words(["red", "blue"]).state_dict())
    assert encoder.vocabulary.words[4:] == ("red", "blue")
    assert "The 7 entries of the vocabulary give way to the 6 other ones" in log.text


@pytest.mark.parametrize("drop_words", [False, True])
@pytest.mark.parametrize("strict", [True, False])
def test_table_of_another_size(make_encoder, trained, tmp_path, strict, drop_words):
    state = trained.state_dict()
    if drop_words:
        del state["_extra_state"]
    path = str(tmp_path / "model.pth")
    save_checkpoint({"state_dict": state}, path)
    message = (
        r"embeddings of shape \(20, 5\), the model of \(30, 5\); set "
        r"model\.text_encoder\.num_embeddings to 20"
    )
    with pytest.raises(ValueError, match=message):
        load_checkpoint(
            make_encoder("lstm_2x2", num_embeddings=30), path, strict=strict
        )
    with pytest.raises(ValueError, match=message):
        make_encoder("lstm_2x2", num_embeddings=30).load_state_dict(
            state, strict=strict
        )


def test_more_words_than_rows_in_a_checkpoint(make_encoder):
    state = with_words([f"w{number}" for number in range(30)]).state_dict()
    with pytest.raises(
        ValueError, match=r"list has 34 entries, but .*embeddings is 20; "
    ):
        make_encoder("lstm").load_state_dict(state)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (["red"], "it is list, not a uint8 tensor"),
        (torch.zeros(3), r"it is torch\.float32, not a uint8 tensor"),
        (torch.tensor([255, 254], dtype=torch.uint8), "can't decode"),
        (
            torch.tensor(list(b"red\nred"), dtype=torch.uint8),
            "the word 'red' has two numbers",
        ),
    ],
)
@pytest.mark.parametrize("strict", [True, False])
def test_damaged_word_list(make_encoder, trained, damage, message, strict):
    state = {**trained.state_dict(), "_extra_state": damage}
    with pytest.raises(
        ValueError, match=f"{message}.*Load another checkpoint, or delete"
    ):
        make_encoder("lstm_2x2").load_state_dict(state, strict=strict)


def test_checkpoint_without_words(make_encoder, trained, log, word_list):
    state = trained.state_dict()
    del state["_extra_state"]
    with pytest.raises(RuntimeError, match="_extra_state"):
        make_encoder("lstm_2x2").load_state_dict(state)
    assert "has word embeddings but no word list" in log.text
    log.clear()
    encoder = make_encoder("lstm_2x2", vocabulary=word_list)
    encoder.load_state_dict(state, strict=False)
    assert encoder.vocabulary.words[4:] == ("left", "red", "circle")
    assert not log.text


def test_half_precision_and_meta_device(make_encoder, trained):
    trained.bfloat16()
    assert trained(["red circle"]).tokens.dtype == torch.bfloat16
    with torch.device("meta"):
        encoder = make_encoder("lstm_2x2")
    encoder.to_empty(device="cpu")
    encoder.load_state_dict(trained.state_dict())
    assert encoder.vocabulary.words == trained.vocabulary.words
