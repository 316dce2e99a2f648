"""The same fusion block after the backbone and inside it, in whole models.

Every block in both places is in tests/test_combinations.py.
"""

import pytest
import torch

from mmris.registry import MODELS
from tests import parts
from tests.step_check import check

PLACEMENTS = {
    "DecoderFusion": {"in_indices": (0, 1, 2, 3)},
    "EncoderFusion": {"stages": (1, 2, 3)},
}
BACKBONES = ("mmseg.ResNetV1c", "mmseg.SwinTransformer", "mmpretrain.ConvNeXt")


def make_config(backbone, placement, **changes):
    config = parts.model_config(
        backbone=backbone,
        text_encoder="LSTMTextEncoder",
        decode_head="MMSegDecodeHead",
    )
    block = {"type": "ConcatBlock", **parts.FUSION_BLOCKS["ConcatBlock"]}
    config["neck"] = {"type": placement, "block": block, **PLACEMENTS[placement]}
    config["neck"].update(changes)
    return config


def make_model(backbone, placement="EncoderFusion", **changes):
    return parts.build_model(make_config(backbone, placement, **changes))


@pytest.mark.parametrize("backbone", BACKBONES)
def test_fusion_at_three_stages_in_a_row(backbone):
    check(make_model(backbone, "EncoderFusion"))


def rows_at_stages(model):
    """The number of rows at every call of a stage's first block."""
    backbone, rows = model.backbone, []
    if hasattr(backbone, "res_layers"):
        watched = [getattr(backbone, name)[0] for name in backbone.res_layers]
    else:
        watched = [getattr(stage, "blocks", stage)[0] for stage in backbone.stages]
    for stage, module in enumerate(watched):
        module.register_forward_hook(
            lambda _m, inputs, _o, stage=stage: rows.append((stage, len(inputs[0])))
        )
    return rows


@pytest.mark.parametrize("backbone", BACKBONES)
def test_an_image_with_seven_expressions_in_chunks_of_four(backbone):
    items = [parts.make_item(7)]
    model = make_model(backbone, "DecoderFusion")
    rows = rows_at_stages(model)
    parts.predict(model, items)
    assert rows == [(0, 1), (1, 1), (2, 1), (3, 1)]
    model = make_model(backbone, "EncoderFusion")
    rows = rows_at_stages(model)
    parts.predict(model, items)
    # Stage 1 is the first fused one; what follows runs once an expression.
    assert rows == [(0, 1), (1, 1), (2, 4), (3, 4), (2, 3), (3, 3)]


@pytest.mark.parametrize("backbone", BACKBONES)
def test_three_items_of_one_image_run_the_first_stages_once(backbone):
    model = make_model(backbone).train()
    rows = rows_at_stages(model)
    batch = parts.collate([parts.make_item(2, masks_at=(64, 96))] * 3)
    model._run_forward(model.data_preprocessor(batch, True), mode="loss")
    assert rows == [(0, 1), (1, 1), (2, 6), (3, 6)]


@pytest.mark.parametrize("stages", [(0,), (1, 3)])
@pytest.mark.parametrize("backbone", BACKBONES)
def test_chunks_do_not_change_the_answer(backbone, stages):
    items = [parts.make_item(5), parts.make_item(4, image_id=1)]
    results = []
    for size in (2, 100):
        config = make_config(backbone, "EncoderFusion", stages=stages)
        config["test_cfg"]["expressions_per_chunk"] = size
        samples = parts.predict(parts.build_model(config), items)
        results.append(torch.cat([sample.seg_logits.data for sample in samples]))
    parts.assert_same(results[0], results[1])


@pytest.mark.parametrize("placement", PLACEMENTS)
@pytest.mark.parametrize(
    "backbone",
    [BACKBONES[0], *(pytest.param(b, marks=pytest.mark.slow) for b in BACKBONES[1:])],
)
def test_compiled_models_give_the_same_masks(backbone, placement):
    model = make_model(backbone, placement)
    items = [parts.make_item(3), parts.make_item(1, image_id=1)]
    expected = parts.predict(model, items)
    torch._dynamo.reset()
    # The sentences stay outside: splitting them into words is no work for a compiler.
    model.encode_image = torch.compile(model.encode_image, backend="aot_eager")
    model.decode_text = torch.compile(model.decode_text, backend="aot_eager")
    items = [parts.make_item(3), parts.make_item(1, image_id=1)]
    for found, other in zip(parts.predict(model, items), expected):
        parts.assert_same(found.seg_logits.data, other.seg_logits.data)
        assert torch.equal(found.pred_sem_seg.data, other.pred_sem_seg.data)


def test_the_backbone_is_not_in_the_neck_and_a_misspelt_neck_is_named():
    config = make_config("mmseg.ResNetV1c", "DecoderFusion")
    assert not hasattr(MODELS.build(config).neck, "backbone")
    config["neck"]["type"] = "NoSuchNeck"
    message = r"model\.neck\.type is 'NoSuchNeck', which is no registered model"
    with pytest.raises(ValueError, match=message):
        MODELS.build(config)


def test_a_backbone_of_another_family_is_refused_when_built():
    config = make_config("mmseg.ResNetV1c", "EncoderFusion")
    config["backbone"] = {"type": "mmseg.MobileNetV2", "out_indices": (1, 2, 4, 6)}
    with pytest.raises(ValueError, match="mmseg.MobileNetV2 cannot be run stage by"):
        MODELS.build(config)
