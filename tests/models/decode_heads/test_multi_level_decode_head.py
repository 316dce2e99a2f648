import pytest
import torch

from mmris.models.decode_heads import MultiLevelDecodeHead
from mmris.structures import FusedFeatures, FusedSpec, LevelSpec, TextFeatures, TextSpec
from tests import parts
from tests.references.fpn import fpn_aggregate

SPEC = FusedSpec((LevelSpec(4, 8), LevelSpec(5, 16)), (TextSpec(3, 3),) * 2)


def make_head():
    head = MultiLevelDecodeHead(
        in_features=SPEC,
        aggregation={"type": "FPNAggregation", "channels": 6},
        mask_decoder={"type": "ConvMaskDecoder", "channels": 7, "num_convs": 1},
    )
    for module in head.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(module.weight, 1, 0.3)
            torch.nn.init.normal_(module.bias)
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    return head.double().eval()


def make_fused(per_image=frozenset(), rows=3):
    index = torch.arange(rows) % 2
    mask = torch.ones(rows, 2, dtype=torch.bool)
    text = TextFeatures(torch.rand(rows, 2, 3), mask, torch.rand(rows, 3))
    fine = torch.randn(2 if 0 in per_image else rows, 4, 7, 5).double()
    coarse = torch.randn(rows, 5, 4, 2).double()  # neither side is half of 7 x 5
    return FusedFeatures((fine, coarse), (text, text), index, per_image)


def test_aggregation_equals_the_loops_at_odd_sizes():
    head, fused = make_head(), make_fused()
    result = head.aggregation(fused)
    for row in range(3):
        expected = fpn_aggregate(head.aggregation, [level[row] for level in fused.maps])
        torch.testing.assert_close(result[row], expected, rtol=0, atol=1e-12)


def test_a_level_of_images_is_as_good_as_its_expansion():
    head, fused = make_head(), make_fused(per_image=frozenset({0}))
    expanded = FusedFeatures(tuple(fused.expanded()), fused.text, fused.image_index)
    torch.testing.assert_close(head(fused).logits, head(expanded).logits)


def test_batched_equals_single_and_size_is_that_of_the_finest_level():
    head, fused = make_head(), make_fused()
    logits = head(fused).logits
    assert logits.shape == (3, 1, 7, 5)
    for row in range(3):
        alone = FusedFeatures(
            tuple(level[row : row + 1] for level in fused.maps),
            tuple(text.rows(row, row + 1) for text in fused.text),
            torch.zeros(1, dtype=torch.int64),
        )
        torch.testing.assert_close(head(alone).logits, logits[row : row + 1])


def test_every_parameter_has_a_gradient():
    head = make_head().train()
    head(make_fused()).logits.square().sum().backward()
    for name, parameter in head.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().sum() > 0, name


def test_levels_are_decoded_before_the_exchange_by_weights_of_their_own():
    spec = FusedSpec((LevelSpec(4, 8), LevelSpec(4, 16)), (TextSpec(3, 3),) * 2)
    head = MultiLevelDecodeHead(
        in_features=spec,
        exchange={"type": "GatedExchange"},
        aggregation={"type": "SumAggregation"},
        mask_decoder={"type": "ScoreMaskDecoder"},
        level_decoder={"type": "ScoreMaskDecoder"},
    ).double()
    assert head.aux_names == ("level_0", "level_1")
    assert make_head().aux_names == ()
    text = make_fused().text
    maps = (torch.randn(2, 4, 7, 5).double(), torch.randn(3, 4, 4, 2).double())
    fused = FusedFeatures(maps, text, torch.tensor([0, 1, 0]), frozenset({0}))
    output = head(fused)
    assert list(output.aux) == ["level_0", "level_1"]
    assert output.named("level_0").shape == (3, 1, 7, 5)
    for level, decoder in enumerate(head.level_decoders):
        torch.testing.assert_close(output.aux[f"level_{level}"], decoder(fused[level]))
    assert not torch.equal(
        head.level_decoders[0].score.weight, head.level_decoders[1].score.weight
    )
    (output.logits.sum() + sum(aux.sum() for aux in output.aux.values())).backward()
    for name, parameter in head.named_parameters():
        assert parameter.grad.abs().sum() > 0, name
    predicted = head.eval()(fused)
    assert predicted.aux == {}  # nobody would read them
    torch.testing.assert_close(predicted.logits, output.logits)


def test_levels_of_different_widths_are_given_one_before_the_exchange():
    arguments = {
        "in_features": SPEC,
        "exchange": {"type": "GatedExchange"},
        "aggregation": {"type": "SumAggregation"},
        "mask_decoder": {"type": "ScoreMaskDecoder"},
        "level_decoder": {"type": "ScoreMaskDecoder"},
    }
    with pytest.raises(ValueError, match="by model.decode_head.level_channels"):
        MultiLevelDecodeHead(**arguments)
    head = MultiLevelDecodeHead(**arguments, level_channels=6).double()
    fused, rows = make_fused(per_image=frozenset({0})), []
    head.laterals[0].register_forward_hook(lambda _m, _i, out: rows.append(len(out)))
    output = head(fused)
    assert rows == [2]  # once an image
    # By hand: the level decoders see the levels as they come, the exchange those of
    # one width.
    assert [decoder.in_channels for decoder in head.level_decoders] == [4, 5]
    maps = []
    for lateral, level in zip(head.laterals, fused.expanded(), strict=True):
        weight, bias = lateral.weight[:, :, 0, 0], lateral.bias[:, None, None]
        maps.append(torch.einsum("oc,nchw->nohw", weight, level) + bias)
    equal = FusedFeatures(tuple(maps), fused.text, fused.image_index)
    expected = head.mask_decoder(head.aggregation(head.exchange(equal)))
    torch.testing.assert_close(output.logits, expected)
    (output.logits.sum() + sum(aux.sum() for aux in output.aux.values())).backward()
    for name, parameter in head.named_parameters():
        assert parameter.grad.abs().sum() > 0, name


def test_losses_on_levels_are_named_and_a_level_that_is_not_there_is_refused():
    entry = {
        "type": "MaskLoss",
        "name": "loss_level",
        "loss": {"type": "BinaryCrossEntropyLoss"},
        "output": "level_3",
        "weight": 0.1,
    }
    config = parts.model_config()
    config["losses"].append(entry)
    with pytest.raises(
        ValueError, match=r"reads output 'level_3', but .* \['logits'\]"
    ):
        parts.build_model(config)
    config["decode_head"]["level_decoder"] = {"type": "ScoreMaskDecoder"}
    model = parts.build_model(config)
    items = [parts.make_item(2, masks_at=(64, 96))]
    data = model.data_preprocessor(parts.collate(items), True)
    assert set(model(**data, mode="loss")) == {"loss_bce", "loss_level"}
    entry["output"] = "level_4"
    with pytest.raises(ValueError, match=r"reads output 'level_4', but .*'level_3'\]"):
        parts.build_model(config)
