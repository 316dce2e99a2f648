import sys

import pytest
import torch
from mmengine.config import Config

from mmris.apis import RefSegInferencer, init_model
from mmris.apis.stored_config import stored_config
from mmris.registry import MODELS
from tests import parts
from tests.apis.conftest import make_config, write_checkpoint


def store(config):
    text = config if isinstance(config, str) else config.pretty_text
    return stored_config({"meta": {"cfg": text}}, "k.pth")


def test_model_and_pipeline_are_kept_and_the_dataset_is_not():
    config = make_config()
    config.train_dataloader = {"dataset": {"type": "os.system"}}
    kept = store(config)
    assert kept.model == config.model
    assert set(kept.test_dataloader) == {"dataset"}
    assert kept.test_dataloader.dataset == {
        "pipeline": config.test_dataloader.dataset.pipeline
    }


@pytest.mark.parametrize("backbone", parts.BACKBONES)
@pytest.mark.parametrize("head", parts.DECODE_HEADS)
def test_parts_of_other_libraries_may_be_named(backbone, head):
    config = make_config()
    config.model = parts.model_config(backbone=backbone, decode_head=head)
    kept = store(config)
    assert kept.model.backbone == config.model.backbone
    assert kept.model.decode_head == config.model.decode_head


def test_other_sources_of_weights_are_left_out():
    config = make_config()
    fetch = {"type": "Pretrained", "checkpoint": "https://example.org/a.pth"}
    config.model.init_cfg = fetch
    config.model.backbone.init_cfg = [fetch]
    config.model.backbone.pretrained = "torchvision://resnet18"
    config.model.text_encoder.pretrained = "bert-base-uncased"
    kept = store(config).model
    assert "init_cfg" not in kept
    assert "init_cfg" not in kept.backbone
    assert "pretrained" not in kept.backbone
    # Its tokenizer comes from the same place.
    assert kept.text_encoder.pretrained == "bert-base-uncased"


def test_the_exception_is_for_our_own_text_encoders_alone():
    config = make_config()
    config.model.text_encoder = {
        "type": "mmpretrain.ConvNeXt",
        "pretrained": "https://example.org/a.pth",
    }
    assert "pretrained" not in store(config).model.text_encoder


def change(config, keys, value):
    section = config
    for key in keys[:-1]:
        section = section[key]
    section[keys[-1]] = value


CALL = {"type": "os.system", "command": "echo x > {file}"}
MODULE = "stranger_module_of_a_checkpoint"
HOSTILE = [
    (["model"], CALL, "model.type 'os.system', which is no registered part"),
    (["model", "neck"], CALL, "model.neck.type 'os.system'"),
    (["model", "losses"], [CALL], "model.losses.0.type 'os.system'"),
    (["model", "backbone", "norm_cfg"], CALL, "backbone.norm_cfg.type 'os.system'"),
    (["model", "neck"], {"type": MODULE}, f"model.neck.type '{MODULE}'"),
    (["model", "neck"], {"type": f"{MODULE}.A"}, "which is no registered part"),
    (["model", "neck"], {"type": "mmseg.utils.io.os.system"}, "no registered part"),
    (["model", "neck"], {"type": ["os.system"]}, "no registered part"),
    (["model", "neck"], {"type": "ConcatBlock", "_scope_": MODULE}, "neck._scope_"),
    (["test_dataloader", "dataset", "pipeline"], [CALL], "pipeline.0.type 'os.system'"),
    (["test_pipeline"], [CALL], "test_pipeline.0.type 'os.system'"),
    (["default_scope"], MODULE, f"default_scope '{MODULE}'"),
    (["default_scope"], ["mmris"], "default_scope"),
    (["model", "backbone", "trust_remote_code"], True, "backbone.trust_remote_code"),
    (["model", "neck", "file"], "https://example.org/a.pth", "neck.file .* an address"),
    (["model", "neck", "files"], ["s3://a/b"], "an address"),
]


@pytest.mark.parametrize(("keys", "value", "message"), HOSTILE)
def test_a_stranger_s_config_runs_nothing(tmp_path, monkeypatch, keys, value, message):
    file = tmp_path / "ran"
    (tmp_path / MODULE).mkdir()
    for name in ("__init__", "registry"):
        source = f"open({str(file)!r}, 'w').close()"
        (tmp_path / MODULE / f"{name}.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    config = make_config()
    trained = parts.build_model(config.model)
    values = config.to_dict()
    change(values, keys, value)
    text = Config(values).pretty_text.replace("{file}", str(file))
    path = tmp_path / "k.pth"
    meta = {"cfg": f"custom_imports = dict(imports=['{MODULE}'])\n{text}"}
    torch.save({"meta": meta, "state_dict": trained.state_dict()}, path)
    with pytest.raises(ValueError, match=message) as caught:
        RefSegInferencer(checkpoint=path)
    assert "argument 'config'" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not file.exists()
    assert MODULE not in sys.modules


def test_the_same_in_a_config_of_mmengine_does_run(tmp_path):
    """What the refusals above are for: a ``type`` is imported and called."""
    file = tmp_path / "ran"
    MODELS.build({**CALL, "command": f"echo x > {file}"})
    assert file.exists()


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        ({}, "carries no config"),
        ({"meta": None}, "carries no config"),
        ({"meta": {"cfg": {"model": {}}}}, "carries no config"),
        ({"meta": {"cfg": "a = 1"}}, "has no dict 'model'"),
        ({"meta": {"cfg": "model = f()"}}, "calls 'f'.*argument 'config'"),
        ({"meta": {"cfg": "model = ("}}, "no config in Python syntax"),
    ],
)
def test_messages(contents, message):
    with pytest.raises(ValueError, match=f"checkpoint k.pth.*{message}|{message}"):
        stored_config(contents, "k.pth")


def test_a_config_that_no_model_can_be_built_from(tmp_path):
    config = make_config()
    trained = parts.build_model(config.model)
    config.model.backbone = {"type": "mmseg.ResNetV1c", "depth": "deep"}
    path = write_checkpoint(tmp_path / "k.pth", config, trained)
    with pytest.raises(
        ValueError, match="no model can be built from .*k.pth"
    ) as caught:
        init_model(checkpoint=path)
    assert "\n" not in str(caught.value)


def test_imports_of_its_own_are_named_where_a_part_is_missing():
    config = make_config()
    config.model.neck = {"type": "MyNeck"}
    config.custom_imports = {"imports": ["my_ris"]}
    with pytest.raises(ValueError, match=r"'MyNeck'.*my_ris.*import the package"):
        store(config)
