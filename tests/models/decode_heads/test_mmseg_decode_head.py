import sys

import pytest
import torch
from torch.nn import functional

from mmris.models import MMSegDecodeHead
from mmris.models.decode_heads import SUPPORTED_HEADS
from mmris.registry import MODELS
from mmris.structures import (
    FusedFeatures,
    FusedSpec,
    LevelSpec,
    MaskOutput,
    TextFeatures,
    TextSpec,
)
from tests import parts
from tests.step_check import check

LEVELS = (LevelSpec(4, 4), LevelSpec(5, 8), LevelSpec(6, 16))
SPEC = FusedSpec(LEVELS, (TextSpec(3, 3),) * 3)
SIZES = ((13, 9), (7, 5), (4, 3))  # no side is half of the one before
HEADS = parts.MMSEG_HEADS
FCN = HEADS["FCNHead"]["head"]
CONCAT = {"input_transform": "resize_concat"}


def make_head(name="UPerHead", **changes):
    head = MMSegDecodeHead(in_features=SPEC, **{**HEADS[name], **changes})
    for module in head.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.5, 2)
    return head.eval()


def make_fused(rows=3, per_image=frozenset()):
    mask = torch.ones(rows, 2, dtype=torch.bool)
    text = TextFeatures(torch.rand(rows, 2, 3), mask, torch.rand(rows, 3))
    maps = tuple(
        torch.randn(2 if index in per_image else rows, level.channels, *size)
        for index, (level, size) in enumerate(zip(LEVELS, SIZES))
    )
    return FusedFeatures(maps, (text,) * 3, torch.arange(rows) % 2, per_image)


def test_the_supported_heads_are_the_tested_ones():
    assert sorted(HEADS) == list(SUPPORTED_HEADS)
    for name in SUPPORTED_HEADS:
        assert name in MMSegDecodeHead.__doc__


@pytest.mark.parametrize("name", HEADS)
def test_by_its_own_loss_trains_a_step_and_predicts_alike_alone_and_in_a_batch(name):
    config = parts.model_config(decode_head="MMSegDecodeHead")
    own = {"type": "MMSegDecodeHead", "use_head_loss": True, **HEADS[name]}
    config["decode_head"] = own
    config["losses"] = []
    check(parts.build_model(config))


@pytest.mark.parametrize("name", HEADS)
def test_sizes_of_any_ratio_and_levels_of_images(name):
    head = make_head(name)
    fused = make_fused(per_image=frozenset({0, 2}))
    expanded = FusedFeatures(tuple(fused.expanded()), fused.text, fused.image_index)
    output = head(fused)
    assert output.logits.shape == (3, 1, *SIZES[0])
    assert tuple(output.aux) == head.aux_names
    torch.testing.assert_close(output.logits, head(expanded).logits)


@pytest.mark.parametrize("name", HEADS)
def test_every_parameter_has_a_gradient_in_evaluation_mode(name):
    head = make_head(name)
    head(make_fused()).logits.square().sum().backward()
    for key, parameter in head.named_parameters():
        assert parameter.grad is not None, key
        assert torch.isfinite(parameter.grad).all(), key
        assert parameter.grad.abs().sum() > 0, key


def test_no_compiled_operator_is_needed():
    for name in HEADS:
        make_head(name)
    assert "mmcv._ext" not in sys.modules


@pytest.mark.parametrize("index", [1, -2])
def test_a_head_of_one_level(index):
    head = make_head("FCNHead", head={**FCN, "input_transform": None} | at(index))
    assert head.head.in_index == 1
    fused = make_fused(per_image=frozenset({0, 1}))
    assert head(fused).logits.shape == (3, 1, *SIZES[1])
    assert head.used_levels == {1}


def at(index):
    return {"in_index": index}


def test_the_last_level_is_the_one_and_all_are_the_several():
    one = {key: value for key, value in FCN.items() if key != "input_transform"}
    assert make_head("FCNHead", head=one).head.in_index == 2
    assert make_head("FCNHead").head.in_index == [0, 1, 2]
    assert make_head("UPerHead").head.in_channels == [4, 5, 6]
    head = make_head("UPerHead", head={**HEADS["UPerHead"]["head"], **at((1, -1))})
    assert head.head.in_channels == [5, 6]
    head = make_head("FPNHead")
    assert head.head.feature_strides == [4, 8, 16]


def test_the_heads_own_loss_is_the_cross_entropy_of_each_mask():
    head = make_head(use_head_loss=True)
    masks = (torch.rand(3, 26, 18) < 0.5).to(torch.uint8)
    output = head(make_fused())
    losses = head.own_losses(output, masks)
    assert list(losses) == ["head_loss_ce"]
    logits = functional.interpolate(output.logits, (26, 18), mode="bilinear")
    expected = functional.binary_cross_entropy_with_logits(logits[:, 0], masks.float())
    torch.testing.assert_close(losses["head_loss_ce"], expected)


def test_own_losses_stand_beside_those_of_the_model():
    config = parts.model_config(decode_head="MMSegDecodeHead")
    config["decode_head"] |= HEADS["OCRHead"] | {"use_head_loss": True}
    config["losses"].append(
        {
            "type": "MaskLoss",
            "name": "loss_first",
            "loss": {"type": "BinaryCrossEntropyLoss"},
            "output": "first_logits",
        }
    )
    model = parts.build_model(config).train()
    items = [parts.make_item(3, masks_at=(64, 96))]
    data = model.data_preprocessor(parts.collate(items), True)
    losses = model(**data, mode="loss")
    assert sorted(losses) == [
        "first_head_loss_ce",
        "head_loss_ce",
        "loss_bce",
        "loss_first",
    ]
    torch.testing.assert_close(losses["head_loss_ce"], losses["loss_bce"])
    torch.testing.assert_close(losses["first_head_loss_ce"], losses["loss_first"])
    total, _ = model.parse_losses(losses)
    torch.testing.assert_close(total, sum(losses.values()))


def test_without_its_own_loss_a_head_brings_none():
    head = make_head()
    output = MaskOutput(torch.randn(2, 1, 4, 4), {})
    assert head.own_losses(output, torch.ones(2, 4, 4)) == {}


def test_the_second_head_sees_object_and_background():
    head, fused, seen = make_head("OCRHead"), make_fused(), []
    head.head.register_forward_hook(lambda _m, inputs, _o: seen.append(inputs[1]))
    coarse = head(fused).aux["first_logits"]
    torch.testing.assert_close(seen[0].softmax(1)[:, 1:], coarse.sigmoid())
    # The regions of one expression do not depend on those of others.
    row = FusedFeatures(
        tuple(level[:1] for level in fused.maps),
        tuple(text.rows(0, 1) for text in fused.text),
        fused.image_index[:1],
    )
    torch.testing.assert_close(head(row).logits, head(fused).logits[:1])


def test_coarse_masks_of_another_size_fit_the_second_head():
    coarse = {**FCN, "input_transform": None, "in_index": 2}
    head = make_head("OCRHead", first_head=coarse)
    output = head(make_fused())
    assert output.aux["first_logits"].shape == (3, 1, *SIZES[2])
    assert output.logits.shape == (3, 1, *SIZES[0])


def test_messages_about_levels():
    def refused(match, name="FCNHead", **changes):
        with pytest.raises(ValueError, match=match):
            make_head(name, head={**HEADS[name]["head"], **changes})

    refused(r"head.in_index is \[3\], but model.neck gives 3 levels", in_index=[3])
    refused(r"head.in_index is \[-4\], but model.neck gives", in_index=[-4])
    refused(r"head.in_index is 1; give a list of levels", in_index=1)
    refused(r"head.in_index is \[\]; give a list", in_index=[])
    refused(r"in_index is \[0\]; give one level, or set", in_index=[0], **plain())
    refused("in_index is 'all'; give a list", "UPerHead", in_index="all")
    refused(r"in_channels is \[8, 8\], but .* have \[4, 5, 6\]", in_channels=(8, 8))
    refused("feature_strides is", "FPNHead", feature_strides=[4, 4, 4])
    refused(
        "c1_in_channels is 0, but .* have 4; leave it out",
        "DepthwiseSeparableASPPHead",
        c1_in_channels=0,
    )
    refused("input_transform is 'multiple_select'", input_transform="multiple_select")
    refused("input_transform is 'resize_concat'", "UPerHead", **CONCAT)


def plain():
    return {"input_transform": None}


def test_messages_about_heads_and_losses():
    def refused(match, **changes):
        with pytest.raises(ValueError, match=match):
            make_head("FCNHead", **changes)

    refused(
        f"head.type is 'PointHead'; supported heads .* {', '.join(SUPPORTED_HEADS)}",
        head={"type": "PointHead"},
    )
    refused("head.type is None; supported heads", head={"channels": 8})
    for name in ("num_classes", "out_channels", "threshold"):
        refused(f"head.{name} is given, but a mask has one", head={**FCN, name: 1})
    ocr = HEADS["OCRHead"]["head"]
    refused("OCRHead and first_head is missing; OCRHead wants one", head=ocr)
    refused("FCNHead and first_head is given; OCRHead wants one", first_head=FCN)
    refused("first_head is an OCRHead", head=ocr, first_head=ocr)
    entropy = {"type": "CrossEntropyLoss", "use_sigmoid": True}
    refused("loss_decode is given and not used", head={**FCN, "loss_decode": entropy})

    def loss_refused(match, loss):
        refused(match, head={**FCN, "loss_decode": loss}, use_head_loss=True)

    loss_refused("softmax over one logit is always 1", {"type": "CrossEntropyLoss"})
    loss_refused("DiceLoss would take the background", {"type": "DiceLoss"})
    loss_refused("Any other loss stands in model.losses", [entropy])
    loss_refused("loss_name is 'ce'; it must start", {**entropy, "loss_name": "ce"})


def test_the_sampler_of_hard_pixels():
    sampler = {"type": "OHEMPixelSampler", "min_kept": 2}
    head = make_head("FCNHead", head={**FCN, "sampler": sampler}, use_head_loss=True)
    logits = torch.tensor([[5.0, -1.0], [-2.0, 4.0]])[None, None]
    found = head.own_losses(MaskOutput(logits, {}), torch.ones(1, 2, 2))
    # The two hard ones of four pixels; mmseg divides by four.
    expected = functional.softplus(torch.tensor([1.0, 2.0])).sum() / 4
    torch.testing.assert_close(found["head_loss_ce"], expected)
    with pytest.raises(ValueError, match="sampler is given and not used"):
        make_head("FCNHead", head={**FCN, "sampler": sampler})
    sampler["thresh"] = 0.7
    with pytest.raises(ValueError, match=r"thresh is 0.7: .* there is one logit"):
        make_head("FCNHead", head={**FCN, "sampler": sampler}, use_head_loss=True)


def test_a_weighted_loss_of_another_name():
    loss = {"type": "mmseg.CrossEntropyLoss", "use_sigmoid": True, "loss_weight": 3.0}
    config = {**FCN, "loss_decode": {**loss, "loss_name": "loss_mask"}}
    head = make_head("FCNHead", head=config, use_head_loss=True)
    plain_head = make_head("FCNHead", use_head_loss=True)
    output = MaskOutput(torch.randn(2, 1, 4, 4), {})
    masks = torch.ones(2, 4, 4)
    (expected,) = plain_head.own_losses(output, masks).values()
    found = head.own_losses(output, masks)
    torch.testing.assert_close(found["head_loss_mask"], 3 * expected)


def test_a_model_without_any_loss_is_refused():
    config = parts.model_config(decode_head="MMSegDecodeHead")
    config["losses"] = []
    with pytest.raises(ValueError, match="model.losses is empty and .* brings no loss"):
        MODELS.build(config)
