"""How a model is put together."""

import copy

from mmris.models import DecoderFusion, MaskLoss, RefSegDataPreprocessor
from mmris.registry import MODELS
from mmris.structures import FusedFeatures
from tests.parts import build_model, collate, make_item, model_config, predict

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


@error("A loss for several classes, of whose softmax over one logit nothing is learned")
def softmax_of_one(folder):
    MaskLoss(name="loss_mask", loss={"type": "mmseg.TverskyLoss"})


@error("A loss that takes the pixels of a row for classes")
def softmax_of_a_row(folder):
    loss = {"type": "mmpretrain.LabelSmoothLoss", "label_smooth_val": 0.1}
    MaskLoss(name="loss_mask", loss=loss)


@error("A loss that wants masks of another shape")
def other_shape(folder):
    loss = {"type": "mmseg.CrossEntropyLoss", "use_sigmoid": True}
    MaskLoss(name="loss_mask", loss=loss)


@error("The data preprocessor is another library's")
def other_preprocessor(folder):
    build(data_preprocessor={"type": "mmseg.SegDataPreProcessor"})


@error("`mean` and `std` are for pixels from 0 to 1")
def unit_scale(folder):
    RefSegDataPreprocessor(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))


class OneLevelLess(DecoderFusion):
    def fuse(self, projected, text, image_index):
        fused = super().fuse(projected, text, image_index)
        return FusedFeatures(fused.maps[1:], fused.text[1:], image_index)


@error("A neck of your own gives other levels than its `spec` says")
def other_levels(folder):
    config = copy.deepcopy(model_config())
    config["neck"]["type"] = OneLevelLess
    predict(build_model(config), [make_item(1)])


@error("A training pipeline loads no masks")
def no_masks(folder):
    item = make_item(1)
    del item["data_samples"].gt_sem_seg
    model = build_model(model_config()).train()
    model(**model.data_preprocessor(collate([item]), True), mode="loss")
