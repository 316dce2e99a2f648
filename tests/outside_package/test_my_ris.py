from pathlib import Path

import pytest
from mmengine.config import Config

from mmris.registry import MODELS
from mmris.testing import check_model

MY_CONFIG = Path(__file__).parent / "configs" / "my_ris_tiny.py"
BLOCK = dict(type="ModulationBlock")
AFTER = dict(_delete_=True, type="DecoderFusion", block=dict(**BLOCK, out_channels=64))
INSIDE = dict(_delete_=True, type="EncoderFusion", block=BLOCK, stages=(1, 3))
FPN = dict(_delete_=True, type="FPNAggregation", channels=64)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        dict(neck=AFTER),
        dict(neck=INSIDE, decode_head=dict(aggregation=FPN)),
    ],
)
def test_my_parts_keep_the_rules(changes):
    config = Config.fromfile(MY_CONFIG)
    config.merge_from_dict(dict(model=changes))
    check_model(MODELS.build(config.model))
