import copy
import inspect

import pytest
from mmengine import registry as root
from mmengine.config import Config

from mmris.models import BaseTextEncoder, MMSegDecodeHead
from mmris.registry import MODELS
from mmris.utils.config import PACKAGE_CONFIGS, load_config, switch_dataset
from mmris.utils.config_check import check_config
from mmris.utils.config_types import arguments_of, find_type
from mmris.utils.tiny_config import make_tiny
from tests import parts

TABLE = PACKAGE_CONFIGS / "_base_" / "tiny.py"
ROW = PACKAGE_CONFIGS / "shnet/shnet_dlv3p-r101-lstm_1xb50-72k_refcoco-320.py"
# Parts that other libraries size, by arguments of theirs.
NOT_SIZED = {"HuggingFaceTextEncoder", "MMSegDecodeHead"}


def tiny(path=ROW, **model):
    config = load_config(path)
    config.merge_from_dict({f"model.{key}": value for key, value in model.items()})
    make_tiny(config)
    return config


def test_sizes_change_and_switches_stay():
    large, config = load_config(ROW), tiny()
    check_config(config)
    model = config.model
    assert model.text_encoder.hidden_channels < 100
    assert model.backbone.depth == 18
    assert model.neck.grid_size == (8, 8)
    assert model.decode_head.mask_decoder.dilations == (1, 2, 4, 8)
    assert model.losses[0].size == (48, 48)
    for key in ("strides", "dilations", "multi_grid", "out_indices"):
        assert model.backbone[key] == large.model.backbone[key]
    assert model.neck.num_layers == large.model.neck.num_layers
    assert model.neck.dropout == large.model.neck.dropout
    assert model.test_cfg == large.model.test_cfg
    assert "ffn_channels" not in model.neck  # off by default


def test_nothing_is_pretrained_or_frozen():
    model = tiny().model
    assert model.backbone.init_cfg is None
    assert model.backbone.frozen_stages == -1
    assert model.backbone.norm_cfg == {"type": "BN", "requires_grad": True}
    assert not model.backbone.norm_eval
    assert model.text_encoder.word_vectors is None
    assert not model.text_encoder.freeze_embedding
    assert model.text_encoder.init_range == 1.0


@pytest.mark.parametrize("off", [0, None, False])
def test_what_is_switched_off_stays_off(off):
    assert tiny(**{"neck.ffn_channels": off}).model.neck.ffn_channels == off
    assert tiny(**{"neck.ffn_channels": 2048}).model.neck.ffn_channels == 64


def test_a_sequence_keeps_its_length():
    model = tiny(**{"decode_head.mask_decoder.dilations": (1, 6)}).model
    assert model.decode_head.mask_decoder.dilations == (1, 2)


def test_data_schedule_and_work_dir_are_those_of_the_small_models():
    config = tiny()
    shapes = load_config(PACKAGE_CONFIGS / "baseline/baseline_tiny_shapes.py")
    for key in ("train_dataloader", "test_dataloader", "param_scheduler", "train_cfg"):
        assert config[key] == shapes[key]
    assert config.optim_wrapper == shapes.optim_wrapper
    assert config.val_evaluator == shapes.val_evaluator
    assert config.work_dir.endswith("refcoco-320_tiny")
    assert config.default_hooks == load_config(ROW).default_hooks


def test_relative_learning_rates_are_the_methods_own():
    path = PACKAGE_CONFIGS / "cmpc/cmpc_r101-lstm_1xb1-800k_refcoco-320.py"
    config, large = tiny(path), load_config(path)
    assert config.optim_wrapper.paramwise_cfg == large.optim_wrapper.paramwise_cfg
    assert config.optim_wrapper.optimizer.type == "AdamW"
    assert "input_size" in large
    assert "input_size" not in config  # it would tell of the large model


def test_a_work_dir_of_the_config_is_kept():
    config = load_config(ROW)
    config.work_dir = "here"
    make_tiny(config)
    assert config.work_dir == "here"


def test_another_dataset_takes_the_place_of_the_scenes():
    config = tiny()
    pipeline = copy.deepcopy(config.train_dataloader.dataset.pipeline)
    switch_dataset(config, "refcocog")
    assert config.train_dataloader.dataset.type == "ReferDataset"
    assert config.train_dataloader.dataset.pipeline == pipeline
    assert config.train_dataloader.dataset.sampling == "image"


def test_a_type_without_sizes_is_refused():
    with pytest.raises(
        ValueError, match=r"model\.neck is OwnNeck, of .*tiny\.py.*'Own"
    ):
        tiny(**{"neck.type": "OwnNeck"})
    losses = [{"type": "MaskLoss", "loss": {"type": "mmseg.LovaszLoss"}}]
    with pytest.raises(
        ValueError, match=r"model\.losses\.0\.loss is mmseg\.LovaszLoss"
    ):
        tiny(losses=losses)


def test_a_type_may_be_a_class():
    with pytest.raises(ValueError, match="is MMSegDecodeHead, of which"):
        tiny(**{"decode_head.type": MMSegDecodeHead})


def test_the_table_beside_the_config_wins(tmp_path):
    (tmp_path / "_base_").mkdir()
    text = TABLE.read_text().replace('"DecoderFusion"', '"OwnNeck"')
    (tmp_path / "_base_" / "tiny.py").write_text(text)
    (tmp_path / "own.py").write_text(f"_base_ = [{str(ROW)!r}]\n")
    config = load_config(tmp_path / "own.py")
    config.model.neck = {"type": "DecoderFusion"}
    with pytest.raises(ValueError, match=f"DecoderFusion.*{tmp_path}"):
        make_tiny(config)


def test_without_a_table_there_is_an_error(monkeypatch, tmp_path):
    config = Config(load_config(ROW).to_dict())  # of no file
    monkeypatch.setattr("mmris.utils.config.PACKAGE_CONFIGS", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"--tiny needs the file tiny\.py"):
        make_tiny(config)


def test_the_table_names_arguments_that_there_are():
    table = Config.fromfile(TABLE)
    assert set(table.settings) <= set(table.sizes)
    for kind in (table.sizes, table.settings):
        for name, arguments in kind.items():
            target = find_type(name, root.MODELS, "mmris")
            target = target or find_type(name, root.TASK_UTILS, "mmris")
            assert inspect.isclass(target), name
            known = arguments_of(target)
            assert known.takes_any or set(arguments) <= known.names, name


def test_every_part_of_ours_has_sizes():
    sizes = Config.fromfile(TABLE).sizes
    groups = (
        parts.TEXT_ENCODERS,
        parts.NECKS,
        parts.FUSION_BLOCKS,
        parts.EXCHANGES,
        parts.AGGREGATIONS,
        parts.MASK_DECODERS,
        parts.DECODE_HEADS,
    )
    names = {name for group in groups for name in group} - NOT_SIZED
    assert names <= set(sizes)
    MODELS.import_from_location()
    encoders = set(parts.registered(BaseTextEncoder))
    assert encoders - NOT_SIZED <= set(sizes)
