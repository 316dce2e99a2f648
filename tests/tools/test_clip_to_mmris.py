"""The converter from the command line, and its result in models, as users load it."""

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from mmris.models import CLIPResNet, CLIPTextEncoder
from mmris.registry import MODELS
from tests import hostile_checkpoints
from tests.load_tool import load_tool
from tests.references.clip_checkpoint import (
    as_module,
    random_weights,
    small_shapes,
)

NEW = "attention_pool.residual."


@pytest.fixture(scope="module")
def program():
    return load_tool("model_converters/clip_to_mmris")


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """As OpenAI publishes them: a TorchScript archive with halves."""
    path = tmp_path_factory.mktemp("clip") / "RN50.pt"
    module = as_module(random_weights(small_shapes()))
    torch.jit.save(torch.jit.script(module), str(path))
    return path


@pytest.fixture(scope="module")
def converted(program, archive):
    out = archive.parent / "rn50.pth"
    assert program.main([str(archive), str(out)]) == 0
    return out


def test_it_says_what_became_of_the_weights(program, archive, tmp_path, capsys):
    out = tmp_path / "rn50.pth"
    program.main([str(archive), str(out)])
    printed = capsys.readouterr().out
    assert f"{out}: 3" in printed
    assert "weights of CLIP's RN50" in printed
    assert "left out: logit_scale, the temperature of CLIP's training loss" in printed
    assert "not in CLIP, start anew: backbone.attention_pool.residual.0" in printed
    lines = printed.splitlines()[-2:]
    namespace = {}
    exec("\n".join(lines), namespace)  # they are lines of a config
    backbone = MODELS.build(namespace["backbone"])
    encoder = MODELS.build(namespace["text_encoder"])
    assert isinstance(backbone, CLIPResNet)
    assert isinstance(encoder, CLIPTextEncoder)
    encoder.init_weights()
    state = torch.load(out, weights_only=True)["state_dict"]
    for name, value in encoder.state_dict().items():
        assert torch.equal(value, state[f"text_encoder.{name}"]), name


@pytest.mark.parametrize("pool", [True, False])
def test_weights_of_the_backbone_by_init_cfg(converted, pool):
    settings = {"type": "Pretrained", "checkpoint": str(converted)}
    backbone = MODELS.build(
        {
            "type": "CLIPResNet",
            "arch": "RN50",
            "use_attention_pool": pool,
            "init_cfg": {**settings, "prefix": "backbone."},
        }
    )
    backbone.init_weights()
    state = torch.load(converted, weights_only=True)["state_dict"]
    taken = 0
    for name, value in backbone.state_dict().items():
        if not name.startswith(NEW):
            assert torch.equal(value, state[f"backbone.{name}"]), name
            taken += 1
    assert taken == sum(
        name.startswith("backbone.") and (pool or "attention_pool" not in name)
        for name in state
    )


def model_config():
    return {
        "type": "RefSegmentor",
        "data_preprocessor": {"type": "RefSegDataPreprocessor"},
        "text_encoder": {
            "type": "CLIPTextEncoder",
            "channels": 64,
            "num_layers": 2,
            "num_heads": 1,
            "projection_channels": 1024,
            "max_words": 30,
        },
        "backbone": {"type": "CLIPResNet", "arch": "RN50", "out_indices": (1, 2, 3)},
        "neck": {
            "type": "DecoderFusion",
            "block": {"type": "ConcatBlock", "channels": 4, "out_channels": 4},
        },
        "decode_head": {
            "type": "MultiLevelDecodeHead",
            "aggregation": {"type": "FPNAggregation", "channels": 4},
            "mask_decoder": {"type": "ConvMaskDecoder", "channels": 4, "num_convs": 1},
        },
        "losses": [
            {
                "type": "MaskLoss",
                "name": "loss_bce",
                "loss": {"type": "BinaryCrossEntropyLoss"},
            }
        ],
        "test_cfg": {"threshold": 0.5, "expressions_per_chunk": 4},
    }


def test_weights_of_a_whole_model_by_load_from(converted, tmp_path):
    config = Config(
        {
            "model": model_config(),
            "work_dir": str(tmp_path),
            "load_from": str(converted),
            "default_scope": "mmris",
            "custom_hooks": [{"type": "CheckpointFitHook"}],
            "train_dataloader": {
                "dataset": [],
                "batch_size": 1,
                "sampler": {"type": "DefaultSampler"},
            },
            "train_cfg": {"by_epoch": False, "max_iters": 1},
            "optim_wrapper": {"optimizer": {"type": "SGD", "lr": 0.1}},
        }
    )
    runner = Runner.from_cfg(config)
    runner.load_or_resume()
    state = torch.load(converted, weights_only=True)["state_dict"]
    loaded = runner.model.state_dict()
    assert set(state) < set(loaded)
    assert all(torch.equal(loaded[name], value) for name, value in state.items())


def test_what_is_there_is_not_replaced(program, archive, tmp_path, capsys):
    out = tmp_path / "rn50.pth"
    out.write_text("mine")
    with pytest.raises(SystemExit):
        program.main([str(archive), str(out)])
    assert (
        "is there already; name another, or say --overwrite" in capsys.readouterr().err
    )
    assert out.read_text() == "mine"
    assert program.main([str(archive), str(out), "--overwrite"]) == 0
    assert "state_dict" in torch.load(out, weights_only=True)


@pytest.mark.parametrize("kind", hostile_checkpoints.KINDS)
def test_hostile_files_are_refused(program, tmp_path, capsys, kind):
    path, marker = tmp_path / "evil.pt", tmp_path / "marker"
    kind(path, marker)
    assert program.main([str(path), str(tmp_path / "out.pth")]) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("error: ")
    assert printed.count("\n") == 1
    assert not marker.exists()
    assert not (tmp_path / "out.pth").exists()


def test_a_vision_transformer_is_one_line(program, tmp_path, capsys):
    weights = {
        "visual.class_embedding": torch.ones(768),
        "visual.conv1.weight": torch.ones(768, 3, 16, 16),
    }
    torch.save(weights, tmp_path / "vit.pt")
    assert program.main([str(tmp_path / "vit.pt"), str(tmp_path / "out.pth")]) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("error: the image encoder of this CLIP is the vision")
    assert printed.count("\n") == 1
