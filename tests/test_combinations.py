"""Every neck, head and text encoder together, and backbones of each family.

The lists come from the registry: a new part is tested here as soon as tests/parts.py
names its smallest config.
"""

import itertools

import pytest
import torch

from mmris.registry import MODELS
from tests import parts

COMBINATIONS = list(
    itertools.product(
        parts.neck_names(), parts.head_names(), parts.text_encoder_names()
    )
)

# Heads that go from level to level, and a neck that leaves one.
REFUSED = {
    ("TextMultipliedNeck", "BoundaryEnhancementHead"),
    ("TextMultipliedNeck", "TopDownDecodeHead"),
}


def test_every_registered_part_has_its_smallest_config():
    assert parts.neck_names() == sorted(parts.NECKS)
    assert parts.head_names() == sorted(parts.DECODE_HEADS)
    assert parts.text_encoder_names() == sorted(parts.TEXT_ENCODERS)
    assert parts.block_names() == sorted(parts.FUSION_BLOCKS)
    assert parts.exchange_names() == sorted(parts.EXCHANGES)
    assert parts.aggregation_names() == sorted(parts.AGGREGATIONS)
    assert parts.mask_decoder_names() == sorted(parts.MASK_DECODERS)


def check(model):
    """A training step, then prediction at a non-square size, batched and single."""
    size = (64, 96)
    items = [
        parts.make_item(3, size, masks_at=size),
        parts.make_item(1, size, masks_at=size, image_id=1),
    ]
    for name in model.decode_head.aux_names:  # else nothing trains what gives them
        entry = {"type": "MaskLoss", "name": f"loss_{name}", "output": name}
        entry["loss"] = {"type": "BinaryCrossEntropyLoss"}
        model.losses.append(MODELS.build(entry))
    model.train()
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    data = model.data_preprocessor(parts.collate(items), True)
    loss, _ = model.parse_losses(model(**data, mode="loss"))
    loss.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
    optimizer.step()
    moved = [
        not torch.equal(p, before[name])
        for name, p in model.named_parameters()
        # Without effect where only the words are read.
        if not name.startswith(parts.SENTENCE_ONLY)
    ]
    assert sum(moved) > 0.9 * len(moved)

    items = [parts.make_item(3), parts.make_item(1, image_id=1)]
    together = parts.predict(model, items)
    for item, sample in zip(items, together, strict=True):
        assert sample.seg_logits.data.shape == (len(sample.expressions), 50, 83)
        for k, expression in enumerate(sample.expressions):
            alone = item["data_samples"].clone()
            alone.expressions = [expression]
            single = {"inputs": item["inputs"], "data_samples": alone}
            (result,) = parts.predict(model, [single])
            parts.assert_same(result.seg_logits.data[0], sample.seg_logits.data[k])


@pytest.mark.parametrize(("neck", "head", "text_encoder"), COMBINATIONS)
def test_necks_heads_and_text_encoders(neck, head, text_encoder):
    config = parts.model_config(neck=neck, decode_head=head, text_encoder=text_encoder)
    if (neck, head) in REFUSED:
        with pytest.raises(ValueError, match="gives only one.*choose another head"):
            parts.build_model(config)
        return
    check(parts.build_model(config))


@pytest.mark.parametrize("neck", ["DecoderFusion", "EncoderFusion"])
@pytest.mark.parametrize("block", parts.block_names())
def test_fusion_blocks_and_placements(block, neck):
    config = parts.model_config(neck=neck)
    config["neck"]["block"] = {"type": block, **parts.FUSION_BLOCKS[block]}
    check(parts.build_model(config))


@pytest.mark.parametrize("text_encoder", parts.text_encoder_names())
@pytest.mark.parametrize("block", parts.block_names())
def test_fusion_blocks_and_text_encoders(block, text_encoder):
    config = parts.model_config(text_encoder=text_encoder)
    config["neck"]["block"] = {"type": block, **parts.FUSION_BLOCKS[block]}
    check(parts.build_model(config))


@pytest.mark.parametrize(
    ("exchange", "aggregation", "mask_decoder"),
    itertools.product(
        [None, *parts.exchange_names()],
        parts.aggregation_names(),
        parts.mask_decoder_names(),
    ),
)
def test_exchanges_aggregations_and_mask_decoders(exchange, aggregation, mask_decoder):
    config = parts.model_config(decode_head="MultiLevelDecodeHead")
    config["decode_head"] = {
        "type": "MultiLevelDecodeHead",
        "aggregation": {"type": aggregation, **parts.AGGREGATIONS[aggregation]},
        "mask_decoder": {"type": mask_decoder, **parts.MASK_DECODERS[mask_decoder]},
    }
    if exchange is not None:
        own = {"type": exchange, **parts.EXCHANGES[exchange]}
        config["decode_head"]["exchange"] = own
    check(parts.build_model(config))


@pytest.mark.parametrize("backbone", sorted(parts.BACKBONES))
def test_backbones(backbone):
    check(parts.build_model(parts.model_config(backbone=backbone)))


def test_a_backbone_that_pools_is_refused_with_the_remedy():
    config = parts.model_config(backbone="mmpretrain.ConvNeXt")
    del config["backbone"]["gap_before_final_norm"]
    with pytest.raises(ValueError, match="gap_before_final_norm=False"):
        MODELS.build(config)
