"""Parts of all kinds together: few rows with every pair of them, and all there are.

The lists come from the registry: a new part is tested here as soon as tests/parts.py
names its smallest config. ``pytest -m matrix`` runs what takes too long for every day.
"""

import pytest
from torch import nn

from mmris.registry import MODELS
from tests import matrix, parts
from tests.refused import NEED_ONE_WIDTH, REFUSED
from tests.step_check import check
from tests.test_tiny_rows import types_in

# Registered, and in no model of the matrix.
ELSEWHERE = {"BoundaryLoss"}  # tests/models/losses


def test_every_registered_part_has_its_smallest_config():
    assert parts.neck_names() == sorted(parts.NECKS)
    assert parts.head_names() == sorted(parts.DECODE_HEADS)
    assert parts.text_encoder_names() == sorted(parts.TEXT_ENCODERS)
    assert parts.block_names() == sorted(parts.FUSION_BLOCKS)
    assert parts.co_attention_names() == sorted(parts.CO_ATTENTIONS)
    assert parts.reinjection_names() == sorted(parts.REINJECTIONS)
    assert parts.exchange_names() == sorted(parts.EXCHANGES)
    assert parts.aggregation_names() == sorted(parts.AGGREGATIONS)
    assert parts.mask_decoder_names() == sorted(parts.MASK_DECODERS)


def everything():
    return [row for rows in matrix.everything().values() for row in rows]


@pytest.mark.parametrize("rows", [matrix.sample, everything])
def test_every_registered_module_is_in_some_model(rows):
    found = set().union(*(types_in(matrix.config_of(row)) for row in rows()))
    ours = {name for name in found if "." not in name} - set(parts.MMSEG_HEADS)
    assert ours == set(parts.registered(nn.Module)) - ELSEWHERE
    assert found >= set(parts.MMSEG_HEADS)
    assert found >= {matrix.CNN, matrix.TRANSFORMER}


def hold(row):
    """A row is refused with its message, or does what every model must do."""
    why = matrix.refusal(row)
    if why is None:
        check(matrix.build(row))
        return
    with pytest.raises(ValueError, match=why):
        matrix.build(row)


@pytest.mark.parametrize("row", matrix.sample(), ids=matrix.name_of)
def test_every_two_parts_in_one_model(row):
    assert matrix.refusal(row) is None
    hold(row)


def row_with(*names):
    """A plain row but for some parts."""
    changes = {
        factor: value
        for factor, values in matrix.factors().items()
        for value in values
        if value in names
    }
    return matrix.row_of(**changes)


@pytest.mark.parametrize("pair", REFUSED, ids="-".join)
def test_pairs_that_no_model_can_have(pair):
    row = row_with(*pair)
    assert matrix.refusal(row) == REFUSED[pair]
    hold(row)


# Necks that give levels of the widths of the backbone.
UNEQUAL = {
    "inside the backbone": {"neck": "EncoderFusion"},
    "joined to the level": {"reinjection": "UnitReinjection"},
    "beside unfused levels": {"neck": "UnfusedLevelsNeck"},
}


def refused_for(row):
    try:
        matrix.build(row, remedy=False)
    except ValueError as error:
        return str(error)
    return None


@pytest.mark.parametrize("neck", UNEQUAL.values(), ids=UNEQUAL)
def test_parts_that_want_one_width_say_how_to_get_it(neck):
    refused = []
    for slot in ("exchange", "aggregation"):
        for name in matrix.factors()[slot]:
            row = matrix.row_of(**neck, **{slot: name})
            assert matrix.keeps_widths(row)
            if name in (matrix.NONE, matrix.ABSENT):
                continue
            message = refused_for(row)
            if message is not None:
                assert message.endswith("by model.decode_head.level_channels")
                refused.append(name)
    assert sorted(refused) == sorted(NEED_ONE_WIDTH)


def test_other_necks_give_one_width():
    for neck in matrix.factors()["neck"]:
        row = matrix.row_of(neck=neck)
        widths = matrix.build(row).neck.spec.channels
        assert (len(set(widths)) > 1) == matrix.keeps_widths(row), neck


@pytest.mark.matrix
@pytest.mark.parametrize("group", matrix.everything())
def test_all_combinations(group):
    failures = []
    for row in matrix.everything()[group]:
        try:
            hold(row)
        except Exception as error:
            failures.append(f"{matrix.name_of(row)}: {type(error).__name__}: {error}")
    assert not failures, "\n".join(failures)


@pytest.mark.parametrize("backbone", sorted(parts.BACKBONES))
def test_backbones(backbone):
    check(parts.build_model(parts.model_config(backbone=backbone)))


def test_a_backbone_that_pools_is_refused_with_the_remedy():
    config = parts.model_config(backbone="mmpretrain.ConvNeXt")
    del config["backbone"]["gap_before_final_norm"]
    with pytest.raises(ValueError, match="gap_before_final_norm=False"):
        MODELS.build(config)
