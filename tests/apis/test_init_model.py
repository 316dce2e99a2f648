import pytest
import torch
from mmengine.config import Config

from mmris.apis import init_model
from tests import parts


def make_config(**changes):
    model = parts.model_config(text_encoder="GRUTextEncoder")
    model.update(changes)
    return Config({"default_scope": "mmris", "model": model})


def logits_of(model):
    (sample,) = parts.predict(model, [parts.make_item(3)])
    return sample.seg_logits.data


def test_weights_and_words_come_from_the_checkpoint(tmp_path):
    trained = parts.build_model(make_config().model)
    path = tmp_path / "iter_1.pth"
    torch.save({"state_dict": trained.state_dict(), "meta": {}}, path)
    model = init_model(make_config(), path)
    assert not model.training
    assert model.cfg.model.text_encoder.type == "GRUTextEncoder"
    torch.testing.assert_close(logits_of(model), logits_of(trained))


def test_from_a_file_without_checkpoint(tmp_path, caplog):
    make_config().dump(tmp_path / "config.py")
    model = init_model(str(tmp_path / "config.py"))
    assert logits_of(model).shape == (3, 50, 83)


def test_messages(tmp_path):
    with pytest.raises(FileNotFoundError, match="no config at .*nowhere.py"):
        init_model(tmp_path / "nowhere.py")
    with pytest.raises(FileNotFoundError, match="no checkpoint at .*nowhere.pth"):
        init_model(make_config(), tmp_path / "nowhere.pth")
    other = parts.build_model(make_config().model)
    path = tmp_path / "other.pth"
    torch.save({"state_dict": other.state_dict()}, path)
    block = {"type": "ConcatBlock", "channels": 12, "out_channels": 8}
    wider = make_config(neck={"type": "DecoderFusion", "block": block})
    with pytest.raises(ValueError, match="other.pth does not fit this config"):
        init_model(wider, path)
