"""How a model is put together."""

import copy

from mmris.registry import MODELS
from tests.parts import model_config

from . import error


def build(**changes):
    return MODELS.build({**model_config(), **changes})


@error("A part of the model is None")
def none(folder):
    build(neck=None)


@error("A head of mmseg is the decode head itself")
def mmseg_head(folder):
    build(decode_head={"type": "mmseg.FCNHead", "in_channels": 8, "channels": 8})


@error("A neck of mmseg is the neck")
def mmseg_neck(folder):
    build(neck={"type": "mmseg.FPN", "in_channels": [8], "out_channels": 8})


@error("A value of a part is of another type")
def string(folder):
    config = copy.deepcopy(model_config())
    config["neck"]["block"]["channels"] = "128"
    MODELS.build(config)


@error("A loss on logits and masks stands in `model.losses` itself")
def bare_loss(folder):
    build(losses=[{"type": "mmseg.DiceLoss"}])


@error("The data preprocessor is another library's")
def other_preprocessor(folder):
    build(data_preprocessor={"type": "mmseg.SegDataPreProcessor"})
