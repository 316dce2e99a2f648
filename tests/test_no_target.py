"""Sentences about nothing in the picture: an empty mask is a target and an answer."""

import numpy as np
import pytest
import torch

from mmris.datasets import ReferDataset
from mmris.evaluation import RefSegMetric
from mmris.registry import MODELS
from mmris.visualization import RefSegVisualizer
from tests import parts
from tests.models.decode_heads.test_mmseg_decode_head import HEADS as MMSEG_HEADS

SIZE = (64, 96)
DICE = {"type": "mmseg.DiceLoss", "use_sigmoid": True}
LOSSES = {
    "bce": {"type": "BinaryCrossEntropyLoss"},
    "dice": {**DICE, "naive_dice": True},
    "squared_dice": {**DICE, "naive_dice": False},
}


def batches():
    """Empty masks beside others, and nothing but empty ones."""
    mixed = [
        parts.make_item(3, SIZE, masks_at=SIZE),
        parts.make_item(1, SIZE, masks_at=SIZE, image_id=1),
    ]
    mixed[0]["data_samples"].gt_sem_seg.data[1] = 0
    mixed[1]["data_samples"].gt_sem_seg.data[:] = 0
    nothing = [parts.make_item(2, SIZE, masks_at=SIZE)]
    nothing[0]["data_samples"].gt_sem_seg.data[:] = 0
    return mixed, nothing


def add_losses(model):
    """Every loss on every output, and on the contours of the masks."""
    for output in ("logits", *model.decode_head.aux_names):
        for name, loss in LOSSES.items():
            entry = {"name": f"loss_{output}_{name}", "output": output, "loss": loss}
            model.losses.append(MODELS.build({"type": "MaskLoss", **entry}))
    boundary = {"outputs": ["logits"], "loss": LOSSES["bce"]}
    model.losses.append(MODELS.build({"type": "BoundaryLoss", **boundary}))
    small = {"name": "loss_small", "loss": LOSSES["bce"], "size": (8, 12)}
    model.losses.append(MODELS.build({"type": "MaskLoss", **small}))


def check(config):
    model = parts.build_model(config)
    if config["losses"]:
        add_losses(model)
    for items in batches():
        model.train()
        model.zero_grad()
        data = model.data_preprocessor(parts.collate(items), True)
        losses = model(**data, mode="loss")
        for name, value in losses.items():
            assert torch.isfinite(torch.as_tensor(value)).all(), name
        total, _ = model.parse_losses(losses)
        total.backward()
        for name, parameter in model.named_parameters():
            if parameter.grad is not None:
                assert torch.isfinite(parameter.grad).all(), name
    for sample in parts.predict(model, [parts.make_item(3)]):
        assert sample.pred_sem_seg.data.shape == (3, 50, 83)
        assert torch.isfinite(sample.seg_logits.data).all()


@pytest.mark.parametrize("head", parts.head_names())
def test_every_head_trains_on_empty_masks(head):
    check(parts.model_config(decode_head=head))


@pytest.mark.parametrize("use_head_loss", [False, True])
@pytest.mark.parametrize("name", MMSEG_HEADS)
def test_every_head_of_mmseg_does(name, use_head_loss):
    config = parts.model_config(decode_head="MMSegDecodeHead")
    head = {"type": "MMSegDecodeHead", **MMSEG_HEADS[name]}
    config["decode_head"] = {**head, "use_head_loss": use_head_loss}
    if use_head_loss:
        config["losses"] = []
    check(config)


def multi_level(**changed):
    config = parts.model_config()
    head = {
        "type": "MultiLevelDecodeHead",
        **parts.DECODE_HEADS["MultiLevelDecodeHead"],
    }
    config["decode_head"] = {**head, **changed}
    return config


@pytest.mark.parametrize("exchange", parts.exchange_names())
def test_every_exchange_does(exchange):
    check(multi_level(exchange={"type": exchange, **parts.EXCHANGES[exchange]}))


@pytest.mark.parametrize("name", parts.aggregation_names())
def test_every_aggregation_does(name):
    check(multi_level(aggregation={"type": name, **parts.AGGREGATIONS[name]}))


@pytest.mark.parametrize("name", parts.mask_decoder_names())
def test_every_mask_decoder_does(name):
    check(multi_level(mask_decoder={"type": name, **parts.MASK_DECODERS[name]}))


@pytest.mark.parametrize("neck", parts.neck_names())
def test_every_neck_does(neck):
    check(parts.model_config(neck=neck))


def test_training_on_nothing_teaches_to_answer_nothing():
    model = parts.build_model(parts.model_config())
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    _, nothing = batches()
    model.train()
    for _ in range(15):
        data = model.data_preprocessor(parts.collate(nothing), True)
        loss, _ = model.parse_losses(model(**data, mode="loss"))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    (sample,) = parts.predict(model, nothing)
    assert not sample.pred_sem_seg.data.any()


def silent_sample():
    """An answer of a network that sees nothing, to a sentence about nothing."""
    model = parts.build_model(parts.model_config())
    items = [parts.make_item(2)]
    items[0]["data_samples"].gt_sem_seg.data[0] = 0
    items[0]["data_samples"].kinds = ["", ""]
    items[0]["data_samples"].sent_ids = [4, 5]
    (sample,) = parts.predict(model, items)
    sample.pred_sem_seg.data[:] = False
    return sample


def test_scores_count_the_empty_answer_as_right():
    metric = RefSegMetric(no_target_scores=True, boundary_iou=True)
    metric.process({}, [silent_sample().to_dict()])
    scores = metric.compute_metrics(metric.results)
    assert scores["N-acc"] == 100.0
    assert scores["T-acc"] == 0.0
    assert scores["gIoU"] == scores["mIoU"] == 50.0
    assert all(np.isfinite(value) for value in scores.values())


def test_pictures_of_empty_masks_are_drawn():
    sample = silent_sample()
    image = np.full((50, 83, 3), 90, dtype=np.uint8)
    pictures = RefSegVisualizer("silent").draw_datasample(image, sample)
    assert len(pictures) == 2
    overlay = RefSegVisualizer("overlay").draw_overlay(
        image, sample.pred_sem_seg.data.numpy(), list(sample.expressions)
    )
    assert overlay.ndim == 3


def test_grefcocos_silent_sentences_go_through_the_pipelines(test_data):
    """Real photographs and sentences, from the file to losses and scores."""
    model = parts.build_model(parts.model_config())
    root = str(test_data / "mini_refcoco")
    resize = {"type": "RefResize", "size": SIZE}
    load, masks = {"type": "LoadRefImage"}, {"type": "LoadRefMasks"}
    flip = {"type": "RefRandomFlip", "prob": 1.0}
    pack = {"type": "PackRefInputs"}
    options = {"dataset": "grefcoco", "partition": "unc", "data_root": root}
    training = ReferDataset(
        split="train", pipeline=[load, masks, resize, flip, pack], **options
    )
    silent = [
        index
        for index in range(len(training))
        if training.get_data_info(index)["ann_ids"] == [[]]
    ]
    assert len(silent) == 8
    items = [training[index] for index in silent[:4]]
    assert not any(item["data_samples"].gt_sem_seg.data.any() for item in items)
    model.train()
    data = model.data_preprocessor(parts.collate(items), True)
    assert torch.isfinite(model(**data, mode="loss")["loss_bce"])

    testing = ReferDataset(
        split="val", test_mode=True, pipeline=[load, resize, masks, pack], **options
    )
    metric = RefSegMetric(no_target_scores=True)
    for item in testing:
        (sample,) = parts.predict(model, [item])
        metric.process({}, [sample.to_dict()])
    counted = sum(len(entry["kinds"]) for entry in metric.results)
    assert counted == 20
    assert np.isfinite(metric.compute_metrics(metric.results)["gIoU"])
