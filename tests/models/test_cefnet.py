"""CEFNet as its configs put it together: weights, sizes, and the rows of its tables."""

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper

from mmris.models.backbones import read_levels
from mmris.registry import MODELS
from tests import parts
from tests.conftest import REPOSITORY
from tests.step_check import check

FOLDER = REPOSITORY / "configs/cefnet"
PRIMITIVE = "cefnet_r101-gru_1xb12-200k_refcoco-320"
VANILLA = "cefnet-vanilla_r101-gru_1xb12-200k_refcoco-320"
WIDE = "cefnet_wr101-gru_1xb12-200k_refcoco-320"


def load(name):
    return Config.fromfile(FOLDER / f"{name}.py")


def build(name):
    """The model of a config, without memory for weights."""
    linspace = torch.linspace
    with torch.device("meta"), pytest.MonkeyPatch.context() as patch:
        # mmpretrain reads the rates of its stochastic depth from a tensor.
        patch.setattr(torch, "linspace", lambda *args: linspace(*args, device="cpu"))
        return MODELS.build(load(name).model)


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def millions(module):
    return round(count(module) / 1e6, 1)


def test_weights_of_the_backbones():
    """Without the classifier, as torchvision's resnet101 and wide_resnet101_2."""
    assert millions(build(PRIMITIVE).backbone) == 42.5
    wide = build(WIDE).backbone
    assert count(wide) == 124_837_696 == 126_886_696 - 2049 * 1000
    assert millions(wide) == 124.8
    assert wide.layer1[0].conv2.weight.shape == (128, 128, 3, 3)
    assert wide.layer4[0].conv2.stride == (1, 1)
    assert read_levels(wide) == read_levels(build(PRIMITIVE).backbone)


@pytest.mark.parametrize("name", [PRIMITIVE, VANILLA, WIDE])
def test_levels_have_the_strides_of_the_paper(name):
    model = build(name)
    strides = [level.stride for level in model.neck.spec.levels]
    assert strides == [2, 4, 8, 16, 16]
    assert model.neck.spec.channels == (64, 256, 512, 1024, 2048)
    assert model.neck.stages == (1, 2, 3)


def test_weights_of_the_fusion():
    """As counted in the released code, less biases that a normalisation removes."""
    model = build(PRIMITIVE)
    blocks = list(model.neck.blocks.values())
    convolutions = [
        kernel
        for block in blocks
        for kernel in (block.multimodal.visual[0], block.multimodal.joint, block.mix[0])
    ]
    assert round(sum(count(kernel) for kernel in convolutions) / 1e6, 1) == 63.8
    for block in blocks:
        # Keys and queries of the released code have biases as well: 1,024 numbers.
        assert round(count(block.co_attention) / 1e6, 2) == 1.05
    for block in build(VANILLA).neck.blocks.values():
        assert round(count(block.co_attention) / 1e6, 2) == 4.98
    assert millions(model.text_encoder.embedding) == 6.2
    words = sum(count(block.language.words) for block in blocks)
    assert round((count(model.text_encoder) + words) / 1e6, 1) == 11.2
    laterals = sum(count(lateral) for lateral in model.decode_head.laterals.levels)
    assert round(laterals / 1e6, 1) == 12.6


def test_weights_of_the_whole_as_published():
    """221.0 and 232.8 million, with the released code's backbone."""
    rest = count(build(WIDE)) - count(build(PRIMITIVE))
    assert rest == count(build(WIDE).backbone) - count(build(PRIMITIVE).backbone)
    assert millions(build(WIDE)) == pytest.approx(221.0, abs=0.3)
    wide_vanilla = count(build(WIDE)) - count(build(PRIMITIVE)) + count(build(VANILLA))
    assert wide_vanilla / 1e6 == pytest.approx(232.8, abs=0.3)


def test_twelve_losses_and_a_schedule_of_the_paper():
    config = load(PRIMITIVE)
    keys = [key for entry in build(PRIMITIVE).losses for key in entry.reads]
    assert sorted(keys) == sorted(
        f"loss_{kind}_{k}" for kind in ("mask", "body", "boundary") for k in range(1, 5)
    )
    optimizer = build_optim_wrapper(torch.nn.Linear(1, 1), config.optim_wrapper)
    settings = optimizer.optimizer.defaults
    assert (settings["lr"], settings["momentum"]) == (7.5e-4, 0.9)
    assert settings["weight_decay"] == 5e-4
    assert config.train_dataloader.batch_size == 12
    assert config.param_scheduler[0].milestones == [100_000]


CO_ATTENTIONS = {
    "none": None,
    "vanilla": {"type": "VanillaCoAttention", "attention_channels": 4},
    "asymmetric": {"type": "AsymmetricCoAttention", "attention_channels": 4},
}
HEADS = {
    "with BEM": {"type": "BoundaryEnhancementHead", "channels": (4, 4, 6, 8, 10)},
    "without": {"type": "TopDownDecodeHead", "channels": (4, 4, 6, 8, 10)},
}
ROWS = [
    ("decoder", "none", "without"),
    ("encoder", "none", "without"),
    ("encoder", "vanilla", "without"),
    ("encoder", "asymmetric", "without"),
    ("encoder", "vanilla", "with BEM"),
    ("encoder", "asymmetric", "with BEM"),
]


def row_of_table_3(place, attention, head, **changes):
    config = parts.model_config(text_encoder="ProjectedGRUTextEncoder")
    if attention == "none":  # nothing reads the words by themselves
        config["text_encoder"] = {
            "type": "GRUTextEncoder",
            **parts.TEXT_ENCODERS["GRUTextEncoder"],
        }
    block = {
        "type": "CoAttentionBlock",
        "channels": 8,
        **{"co_attention": CO_ATTENTIONS[attention], **changes},
    }
    join = {"type": "UnitReinjection"}
    if place == "encoder":
        config["neck"] = {
            "type": "EncoderFusion",
            "block": block,
            "stages": (1, 2, 3),
            "stem_level": True,
            "reinjection": join,
        }
    else:
        config["neck"] = {
            "type": "UnfusedLevelsNeck",
            "stem_level": True,
            "neck": {
                "type": "DecoderFusion",
                "block": block,
                "in_indices": (1, 2, 3),
                "reinjection": join,
            },
        }
    config["decode_head"] = HEADS[head]
    return config


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_rows_of_the_ablation(row):
    check(parts.build_model(row_of_table_3(*row)))


def test_the_place_of_fusion_changes_no_weight():
    encoder, decoder = (
        parts.build_model(row_of_table_3(place, "vanilla", "with BEM"))
        for place in ("encoder", "decoder")
    )
    assert encoder.neck.spec.levels == decoder.neck.spec.levels
    shapes = [
        sorted(tuple(p.shape) for p in m.parameters()) for m in (encoder, decoder)
    ]
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize(
    "changes",
    [
        {"co_attention": {**CO_ATTENTIONS["vanilla"], "affinity_norm": True}},
        {"co_attention": {**CO_ATTENTIONS["vanilla"], "pre_conv": False}},
        {"co_attention": {**CO_ATTENTIONS["asymmetric"], "affinity_norm": False}},
        {"query_conv": False},
    ],
    ids=str,
)
def test_variants(changes):
    check(parts.build_model(row_of_table_3("encoder", "vanilla", "without", **changes)))


@pytest.mark.parametrize("name", ["KeepScaleReinjection", "UnitFusedReinjection"])
def test_other_ways_to_reinject(name):
    config = row_of_table_3("encoder", "asymmetric", "with BEM")
    config["neck"]["reinjection"] = {"type": name}
    check(parts.build_model(config))


def test_an_image_with_seven_expressions_runs_the_stages_before_the_fusion_once():
    model = parts.build_model(row_of_table_3("encoder", "asymmetric", "with BEM"))
    rows = []

    def watch(name, module):
        module.register_forward_hook(
            lambda _m, inputs, _o: rows.append((name, len(inputs[0])))
        )

    watch("stem", model.backbone.maxpool)
    for stage in range(4):
        watch(stage, getattr(model.backbone, f"layer{stage + 1}"))
    first = model.neck.blocks["1"]
    watch("image part", first.multimodal.visual)
    watch("expression part", first.mix)
    parts.predict(model, [parts.make_item(7)])  # in chunks of four
    once = [("stem", 1), (0, 1), (1, 1), ("image part", 1)]
    assert rows == [
        *once,
        *[("expression part", 4), (2, 4), (3, 4)],
        *[("expression part", 3), (2, 3), (3, 3)],
    ]
