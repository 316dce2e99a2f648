"""Each config, made small by --tiny, trains a step on generated scenes and predicts."""

import copy
import functools
import json
from unittest import mock

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper

from mmris.models import WordTextEncoder
from mmris.registry import DATASETS, MODELS
from mmris.utils import tiny_config
from mmris.utils.config_check import check_config, check_custom_keys
from mmris.utils.tiny_config import make_tiny
from tests import golden, parts

# Configs that differ in what a small model does not have: word vectors, input size.
SAME_WHEN_TINY = [
    # Trained on other data.
    {
        f"cefnet_r101-gru_1xb12-200k_{data}-320"
        for data in ("coco", "coco-leakfree", "refcoco")
    },
    {f"cefnet-vanilla_r101-gru_1xb12-200k_{data}-320" for data in ("coco", "refcoco")},
    {
        "cmpc-ep-rar-tgfe1-glove_r101-lstm_1xb1-800k_refcoco-320",
        "cmpc-ep-rar-tgfe1_r101-lstm_1xb1-800k_refcoco-320",
    },
    {
        "cmpc-ep-rar-tgfe3_r101-lstm_1xb1-800k_refcoco-320",
        "cmpc_r101-lstm_1xb1-800k_refcoco-320",
    },
    {
        "cmpc-res5-ep-rar-glove_r101-lstm_1xb1-800k_refcoco-320",
        "cmpc-res5-ep-rar_r101-lstm_1xb1-800k_refcoco-320",
    },
    *(
        {f"shnet-{part}_dlv3p-r101-lstm_1xb50-72k_refcoco-{s}" for s in (320, 448)}
        for part in ("gbfm", "mgate", "tgfe")
    ),
    {
        "shnet-noglove_dlv3p-r101-lstm_1xb50-72k_refcoco-320",
        "shnet_dlv3p-r101-lstm_1xb50-72k_refcoco-320",
        "shnet_dlv3p-r101-lstm_1xb50-72k_refcoco-448",
    },
    {f"shnet_r101-lstm_1xb50-72k_refcoco-{size}" for size in (320, 448)},
]


def types_in(value):
    """All types in a config of parts."""
    found = set()
    if isinstance(value, dict):
        found |= {value["type"]} if "type" in value else set()
        value = [part for key, part in value.items() if not key.endswith("_cfg")]
    if isinstance(value, list | tuple):
        found = found.union(*map(types_in, value))
    return found


def covering():
    """Few configs that have all parts which any of them has."""
    models = {path: golden.config_of(path).model.to_dict() for path in golden.CONFIGS}
    types = {path: types_in(model) for path, model in models.items()}
    missing, chosen = set().union(*types.values()), []
    while missing:
        best = max(types, key=lambda path: len(types[path] & missing))
        chosen.append(best)
        missing -= types[best]
    return chosen


SAMPLE = covering()


def name(path):
    return path.stem


@functools.cache
def _base(file):
    return Config.fromfile(file)


@functools.cache
def _tiny(path):
    config = golden.config_of(path)
    # The same two files for all configs: read once.
    with mock.patch.object(tiny_config, "Config", wraps=Config) as reader:
        reader.fromfile = lambda file: copy.deepcopy(_base(file))
        make_tiny(config)
    return config


def tiny(path):
    """A small config that the caller may change."""
    return copy.deepcopy(_tiny(path))


def items(config, split, count):
    dataset = config[f"{split}_dataloader"].dataset
    dataset = DATASETS.build({**copy.deepcopy(dataset), "num_images": count})
    return [dataset[index] for index in range(count)], dataset


def check_step_and_prediction(path):
    config = tiny(path)
    check_config(config)
    if config.model.get("post_processing"):
        pytest.importorskip("pydensecrf.densecrf", reason="no pydensecrf: mmris[crf]")
    torch.manual_seed(0)
    model = MODELS.build(copy.deepcopy(config.model))
    check_custom_keys(model, config)
    batch, dataset = items(config, "train", 2)
    if isinstance(model.text_encoder, WordTextEncoder):
        model.text_encoder.build_vocabulary(dataset.sentences())
    model.init_weights()
    wrapper = build_optim_wrapper(model, copy.deepcopy(config.optim_wrapper))
    before = {key: value.clone() for key, value in model.named_parameters()}
    model.train()
    data = model.data_preprocessor(parts.collate(batch), True)
    loss, _ = model.parse_losses(model(**data, mode="loss"))
    loss.backward()
    for key, value in model.named_parameters():
        assert value.grad is not None, key  # nothing is frozen
        assert torch.isfinite(value.grad).all(), key
    wrapper.step()
    changed = {k for k, value in model.named_parameters() if (value != before[k]).any()}
    # A block that starts as nothing keeps gradients from what is inside.
    assert len(changed) > 0.6 * len(before)
    parts_of_the_model = {"text_encoder", "backbone", "decode_head"}
    assert parts_of_the_model <= {key.split(".")[0] for key in changed}
    batch, _ = items(config, "test", 1)
    (sample,) = parts.predict(model, batch)
    shape = (len(sample.expressions), 96, 96)
    assert sample.pred_sem_seg.data.shape == shape
    assert torch.isfinite(sample.seg_logits.data).all()


@pytest.mark.parametrize("path", SAMPLE, ids=name)
def test_a_step_and_a_prediction(path):
    check_step_and_prediction(path)


@pytest.mark.slow
@pytest.mark.parametrize("path", golden.CONFIGS, ids=name)
def test_a_step_and_a_prediction_of_every_config(path):
    check_step_and_prediction(path)


def test_the_sample_has_all_parts():
    assert len(SAMPLE) < len(golden.CONFIGS) / 2


def test_what_differs_at_full_size_differs_when_tiny():
    groups = {}
    for path in golden.CONFIGS:
        model = json.dumps(tiny(path).model.to_dict(), sort_keys=True)
        groups.setdefault(model, set()).add(path.stem)
    same = [group for group in groups.values() if len(group) > 1]
    assert sorted(map(sorted, same)) == sorted(map(sorted, SAME_WHEN_TINY))


def differences(large, small, key=""):
    """Names of the arguments that are not what they were."""
    if isinstance(large, dict) and isinstance(small, dict):
        keys = {*large, *small}
        return {
            name
            for key in keys
            for name in differences(large.get(key), small.get(key), key)
        }
    lists = isinstance(large, list) and isinstance(small, list)
    if lists and len(large) == len(small):
        pairs = zip(large, small, strict=True)
        return {name for one, other in pairs for name in differences(one, other, key)}
    return set() if large == small else {key}


@pytest.mark.parametrize("path", SAMPLE, ids=name)
def test_nothing_but_sizes_and_beginnings_changes(path):
    large, config = golden.config_of(path), tiny(path)
    changed = differences(large.model.to_dict(), config.model.to_dict())
    assert changed
    assert not changed & {
        "adaptive",
        "dropout",
        "in_indices",
        "num_graph_layers",
        "num_rounds",
        "out_indices",
        "output",
        "position_in_values",
        "positions",
        "rank",
        "residual",
        "stages",
        "stem_level",
        "strides",
        "threshold",
        "type",
        "weight",
    }
    # Of a text encoder it is a size.
    assert large.model.neck.get("num_layers") == config.model.neck.get("num_layers")
    assert types_in(large.model.to_dict()) == types_in(config.model.to_dict())
