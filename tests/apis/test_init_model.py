import sys

import pytest
import torch
from mmengine.config import Config

from mmris.apis import init_model, load_weights
from tests import parts
from tests.apis.conftest import make_config, write_checkpoint


def logits_of(model):
    (sample,) = parts.predict(model, [parts.make_item(3)])
    return sample.seg_logits.data


def test_weights_and_words_come_from_the_checkpoint(tmp_path):
    config = make_config()
    trained = parts.build_model(config.model)
    path = write_checkpoint(tmp_path / "iter_1.pth", config, trained)
    for given in (config, None):
        model = init_model(given, path)
        assert not model.training
        assert model.cfg.model.text_encoder.type == "GRUTextEncoder"
        torch.testing.assert_close(logits_of(model), logits_of(trained))


def test_from_a_file_without_checkpoint(tmp_path, monkeypatch):
    said = []
    module = sys.modules["mmris.apis.init_model"]
    monkeypatch.setattr(module, "print_log", lambda text, **_: said.append(text))
    make_config().dump(tmp_path / "config.py")
    model = init_model(str(tmp_path / "config.py"))
    assert logits_of(model).shape == (3, 50, 83)
    assert [text for text in said if "the weights are random" in text]


def test_a_word_list_is_not_needed_where_the_checkpoint_has_the_words(tmp_path):
    config = make_config()
    trained = parts.build_model(config.model)
    config.model.text_encoder.vocabulary = "data/words.txt"
    path = write_checkpoint(tmp_path / "k.pth", config, trained)
    for given in (config, None):
        model = init_model(given, path)
        assert model.text_encoder.vocabulary.words == (
            trained.text_encoder.vocabulary.words
        )
    assert config.model.text_encoder.vocabulary == "data/words.txt"
    with pytest.raises(FileNotFoundError, match="no word list at data/words.txt"):
        init_model(config)
    # A checkpoint of a model that never met words does not bring any.
    empty = parts.build_model(make_config().model)
    state = empty.state_dict()
    key = "text_encoder._extra_state"
    state[key] = torch.tensor(list(b"<pad>\n<go>\n<eos>\n<unk>"), dtype=torch.uint8)
    torch.save({"state_dict": state}, tmp_path / "empty.pth")
    with pytest.raises(FileNotFoundError, match="no word list at data/words.txt"):
        init_model(config, tmp_path / "empty.pth")


def test_names_of_a_wrapped_model_are_taken(tmp_path):
    config = make_config()
    trained = parts.build_model(config.model)
    state = {f"module.{name}": value for name, value in trained.state_dict().items()}
    torch.save({"state_dict": state}, tmp_path / "wrapped.pth")
    model = init_model(config, tmp_path / "wrapped.pth")
    torch.testing.assert_close(logits_of(model), logits_of(trained))


def test_weights_into_a_model_that_is_there(tmp_path):
    config = make_config()
    trained = parts.build_model(config.model)
    path = write_checkpoint(tmp_path / "k.pth", config, trained)
    model = init_model(config)
    load_weights(model, path)
    torch.testing.assert_close(logits_of(model), logits_of(trained))


def test_messages(tmp_path):
    with pytest.raises(ValueError, match="neither config nor checkpoint is given"):
        init_model()
    with pytest.raises(FileNotFoundError, match="no config file .*nowhere.py"):
        init_model(tmp_path / "nowhere.py")
    with pytest.raises(FileNotFoundError, match="no checkpoint at .*nowhere.pth"):
        init_model(make_config(), tmp_path / "nowhere.pth")
    with pytest.raises(ValueError, match="has no 'model'"):
        init_model(Config({"default_scope": "mmris"}))
    other = parts.build_model(make_config().model)
    path = tmp_path / "other.pth"
    torch.save({"state_dict": other.state_dict()}, path)
    wider = make_config()
    wider.model.neck.block = {"type": "ConcatBlock", "channels": 12, "out_channels": 8}
    with pytest.raises(ValueError, match="other.pth does not fit this config"):
        init_model(wider, path)
    torch.save({"state_dict": {3: torch.zeros(2)}}, tmp_path / "odd.pth")
    with pytest.raises(ValueError, match="odd.pth does not fit this config"):
        init_model(make_config(), tmp_path / "odd.pth")
    (tmp_path / "broken.py").write_text("model = dict(")
    with pytest.raises(ValueError, match="broken.py cannot be read"):
        init_model(tmp_path / "broken.py")
