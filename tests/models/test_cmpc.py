"""CMPC as its config puts it together: weights, decay, and the rows of its tables."""

import pytest
import torch
from mmengine.config import Config, ConfigDict
from mmengine.optim import build_optim_wrapper

from mmris.registry import MODELS
from mmris.structures import FusedFeatures, LevelSpec, TextFeatures
from tests import parts
from tests.conftest import REPOSITORY
from tests.step_check import check

CONFIG = REPOSITORY / "configs/cmpc/cmpc_r101-lstm_1xb1-800k_refcoco-320.py"
RESNET = [LevelSpec(channels, 8) for channels in (512, 1024, 2048)]


def build_parts(model):
    """Text encoder, neck and head of the config, without memory for weights."""
    with torch.device("meta"):
        text_encoder = MODELS.build(model.text_encoder)
        neck = MODELS.build(
            {**model.neck, "in_levels": RESNET, "in_text": text_encoder.spec}
        )
        head = MODELS.build({**model.decode_head, "in_features": neck.spec})
    return text_encoder, neck, head


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def test_as_many_weights_as_the_printed_maps_have():
    text_encoder, neck, head = build_parts(Config.fromfile(CONFIG).model)
    # Two biases a gate where the papers have one.
    assert count(text_encoder.embedding) == 12112 * 300
    assert count(text_encoder.recurrence) == 4 * 1000 * (300 + 1000 + 2)
    assert count(neck.classifier) == 1001 * 500 + 501 * 4
    for level, channels in zip(neck.levels, (512, 1024, 2048), strict=True):
        assert count(level.joint) == 5 * 2 * 1000**2
        # Vertices with a bias, W5, W6 and W7.
        assert count(level.reasoning) == 4 * 1000**2 + 1000
        rest = count(level) - count(level.joint) - count(level.reasoning)
        assert rest == (channels + 8 + 1) * 1000 + 3001 * 1000
    # Query, key and context of three levels and rounds.
    assert count(head.exchange) == 9 * (1001 * 1000 + 1000**2 + 2001 * 1000)
    # The released code's ConvLSTM but for its peepholes of 40 x 40 x 500.
    assert count(head.aggregation) == 1500 * 2000 + 5 * 2 * 500 + 3 * 500
    assert count(head.mask_decoder) == 9 * 500 + 1
    total = count(text_encoder) + count(neck) + count(head)
    assert round(total / 1e6, 1) == 103.0
    with_maps = total + 3 * 500 * (40 * 40 - 1)
    assert round(with_maps / 1e6, 1) == 105.4


def test_kernels_decay_but_no_word_no_lstm_and_no_bias():
    config = Config.fromfile(CONFIG)
    text_encoder, neck, head = build_parts(config.model)
    model = torch.nn.ModuleDict(
        {"text_encoder": text_encoder, "neck": neck, "decode_head": head}
    )
    optimizer = build_optim_wrapper(model, config.optim_wrapper).optimizer
    assert type(optimizer).__name__ == "Adam"  # coupled decay
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    decayed = {
        names[id(parameter)]
        for group in optimizer.param_groups
        for parameter in group["params"]
        if group["weight_decay"] > 0
    }
    assert decayed == {
        name
        for name in names.values()
        if name.startswith(("neck", "decode_head"))
        and not name.startswith("decode_head.aggregation")
        and not name.endswith("bias")
    }
    assert {group["lr"] for group in optimizer.param_groups} == {2.5e-4}


def small(**neck):
    """A model of the shape of CMPC, on the three last levels unless told otherwise."""
    config = parts.model_config(text_encoder="LSTMTextEncoder")
    config["neck"] = {
        "type": "ProgressiveComprehensionNeck",
        **parts.NECKS["ProgressiveComprehensionNeck"],
        "in_indices": (1, 2, 3),
        **neck,
    }
    config["decode_head"] = {
        "type": "MultiLevelDecodeHead",
        "exchange": {"type": "TextGuidedExchange", "num_rounds": 3},
        "aggregation": {"type": "PeepholeConvLSTMAggregation", "channels": 6},
        "mask_decoder": {"type": "ScoreMaskDecoder"},
    }
    return config


@pytest.mark.parametrize(
    "neck",
    [
        {},
        {"rank": 0},
        {"num_graph_layers": 0},
        {"rank": 0, "num_graph_layers": 0},
        {"num_graph_layers": 3},
    ],
    ids=str,
)
def test_rows_with_three_levels(neck):
    check(parts.build_model(small(**neck)))


@pytest.mark.parametrize("neck", [{}, {"rank": 0, "num_graph_layers": 0}], ids=str)
def test_rows_with_the_last_level_only(neck):
    config = small(in_indices=(3,), **neck)
    del config["decode_head"]["exchange"]
    config["decode_head"]["aggregation"] = {"type": "SumAggregation"}
    check(parts.build_model(config))


def test_losses_on_the_levels():
    config = small()
    config["decode_head"]["level_decoder"] = {"type": "ScoreMaskDecoder"}
    config["losses"][0]["weight"] = 0.7
    config["losses"] += [
        {
            "type": "MaskLoss",
            "name": f"loss_level_{level}",
            "output": f"level_{level}",
            "weight": 0.1,
            "loss": {"type": "BinaryCrossEntropyLoss"},
        }
        for level in range(3)
    ]
    check(parts.build_model(config))


def test_not_every_pixel_starts_alike_at_full_width():
    """At 1000 channels and 1600 positions no gate starts open or shut for good."""
    torch.manual_seed(0)
    config = ConfigDict(Config.fromfile(CONFIG).model)
    exchange = MODELS.build(
        {
            **config.decode_head.exchange,
            "num_rounds": 1,
            "in_features": build_parts(config)[1].spec,
        }
    )
    maps = tuple(torch.rand(1, 1000, 40, 40) * 0.06 for _ in range(3))
    sentence = torch.nn.functional.normalize(torch.randn(1, 1000))
    text = TextFeatures(
        torch.zeros(1, 1, 1000), torch.ones(1, 1, dtype=torch.bool), sentence
    )
    fused = FusedFeatures(maps, (text,) * 3, torch.tensor([0]))
    with torch.no_grad():
        gate = exchange.rounds[0][0](fused[0], sentence)
    assert ((gate > 0.02) & (gate < 0.98)).all()
    assert gate.std() > 1e-4
