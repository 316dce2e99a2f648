import pytest
import torch

from mmris.models import RefSegmentor
from mmris.models.segmentors.prediction_settings import PredictionSettings
from mmris.registry import MODELS
from tests.parts import (
    assert_same,
    build_model,
    collate,
    make_item,
    model_config,
    predict,
)


def make_config(**changes):
    return {**model_config(text_encoder="LSTMTextEncoder"), **changes}


def make_model(**changes):
    return build_model(make_config(**changes))


def test_masks_have_the_original_size_and_follow_the_threshold():
    model = make_model(test_cfg={"threshold": 0.7, "expressions_per_chunk": 4})
    for sample, count in zip(predict(model, [make_item(3), make_item(1)]), (3, 1)):
        assert sample.seg_logits.data.shape == (count, 50, 83)
        expected = sample.seg_logits.data.sigmoid() > 0.7
        assert sample.pred_sem_seg.data.dtype == torch.bool
        assert torch.equal(sample.pred_sem_seg.data, expected)


@pytest.mark.parametrize("counts", [(1,), (3, 1), (7, 2, 1), (40,)])
def test_batched_equals_single(counts):
    model = make_model()
    items = [make_item(count, image_id=i) for i, count in enumerate(counts)]
    together = predict(model, items)
    for item, sample in zip(items, together, strict=True):
        for k, expression in enumerate(sample.expressions):
            alone = item["data_samples"].clone()
            alone.expressions = [expression]
            (single,) = predict(
                model, [{"inputs": item["inputs"], "data_samples": alone}]
            )
            assert_same(single.seg_logits.data[0], sample.seg_logits.data[k])


def test_one_backbone_pass_for_an_image_with_seven_expressions():
    model = make_model()  # chunks of 4: two of them
    passes, chunks = [], []
    model.backbone.register_forward_hook(lambda _m, args, _o: passes.append(args[0]))
    model.decode_head.register_forward_hook(lambda *_: chunks.append(1))
    predict(model, [make_item(7)])
    assert [tuple(x.shape) for x in passes] == [(1, 3, 64, 96)]
    assert len(chunks) == 2
    passes.clear()
    model.train()
    batch = collate([make_item(7, masks_at=(64, 96))] * 3)
    model._run_forward(model.data_preprocessor(batch, True), mode="loss")
    assert [tuple(x.shape) for x in passes] == [(1, 3, 64, 96)]


def test_chunks_do_not_change_the_answer():
    items = [make_item(5), make_item(4, image_id=1)]
    results = []
    for size in (1, 3, 100):
        model = make_model(test_cfg={"threshold": 0.5, "expressions_per_chunk": size})
        results.append(torch.cat([s.seg_logits.data for s in predict(model, items)]))
    assert_same(results[0], results[1])
    assert_same(results[0], results[2])


@pytest.mark.parametrize(
    ("input_size", "device", "expected"),
    [
        ((320, 320), "cpu", [4, 3]),
        ((320, 640), "cpu", [2, 2, 2, 1]),
        ((96, 96), "cpu", [5, 2]),
        ((2000, 2000), "cpu", [1] * 7),
        ((320, 320), "cuda", [5, 2]),
    ],
)
def test_a_cpu_takes_fewer_expressions_of_large_pictures(input_size, device, expected):
    settings = PredictionSettings(threshold=0.5, expressions_per_chunk=5)
    slices = settings.chunks(7, input_size=input_size, device=torch.device(device))
    rows = [list(range(7))[chunk] for chunk in slices]
    assert [len(chunk) for chunk in rows] == expected
    assert [row for chunk in rows for row in chunk] == list(range(7))


def test_the_letterbox_is_undone():
    model = make_model()
    item = make_item(2, size=(64, 64), original=(30, 60))
    item["data_samples"].set_metainfo({"content_box": (16, 0, 32, 64)})
    (sample,) = predict(model, [item])
    with torch.no_grad():
        data = model.data_preprocessor(collate([item]))
        logits = model(**data, mode="tensor").logits
    up = torch.nn.functional.interpolate(logits, (64, 64), mode="bilinear")
    up = torch.nn.functional.interpolate(up[..., 16:48, :], (30, 60), mode="bilinear")
    torch.testing.assert_close(sample.seg_logits.data, up[:, 0])


def test_every_parameter_gets_a_finite_gradient():
    model = make_model().train()
    items = [
        make_item(3, masks_at=(64, 96)),
        make_item(2, image_id=1, masks_at=(64, 96)),
    ]
    data = model.data_preprocessor(collate(items), True)
    model.parse_losses(model(**data, mode="loss"))[0].backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().sum() > 0, name


def test_masks_belong_to_their_expressions():
    model = make_model().eval()
    items = [
        make_item(2, masks_at=(64, 96)),
        make_item(3, masks_at=(64, 96), image_id=1),
    ]
    items[1]["data_samples"].gt_sem_seg.data = torch.stack(
        [torch.full((64, 96), k % 2, dtype=torch.uint8) for k in range(3)]
    )
    data = model.data_preprocessor(collate(items), True)
    loss = model(**data, mode="loss")["loss_bce"]
    total, count = 0.0, 0
    for item in items:
        sample = item["data_samples"]
        for expression, mask in zip(sample.expressions, sample.gt_sem_seg.data):
            alone = sample.clone()
            alone.expressions = [expression]
            single = model.data_preprocessor(
                {"inputs": [item["inputs"]], "data_samples": [alone]}
            )
            logits = model(**single, mode="tensor").logits
            up = torch.nn.functional.interpolate(logits, (64, 96), mode="bilinear")
            total = total + torch.nn.functional.binary_cross_entropy_with_logits(
                up[0, 0], mask.float()
            )
            count += 1
    torch.testing.assert_close(loss, total / count)


def test_misfits_are_refused_when_built():
    def refused(match, **changes):
        with pytest.raises(ValueError, match=match):
            MODELS.build(make_config(**changes))

    refused(
        r"unknown keys \['treshold'\] and lacks \['threshold'\]",
        test_cfg={"treshold": 0.5, "expressions_per_chunk": 4},
    )
    refused(
        "threshold is 50; it is a probability",
        test_cfg={"threshold": 50, "expressions_per_chunk": 4},
    )
    refused(
        "threshold is '0.5'; it is a probability",
        test_cfg={"threshold": "0.5", "expressions_per_chunk": 4},
    )
    for count in (0, 2.5, "4", True):
        refused(
            f"expressions_per_chunk is {count!r}; give a whole number",
            test_cfg={"threshold": 0.5, "expressions_per_chunk": count},
        )
    bce = {"type": "BinaryCrossEntropyLoss"}
    refused(
        r"reads output 'edge', but model.decode_head MultiLevelDecodeHead gives",
        losses=[{"type": "MaskLoss", "name": "loss", "loss": bce, "output": "edge"}],
    )
    refused("brings no loss of its own; give at least one", losses=[])
    refused(
        r"in_indices is \[7\], but model.backbone gives 4 levels",
        neck={"type": "DecoderFusion", "block": {}, "in_indices": [7]},
    )


def test_stated_levels_replace_the_measured_ones():
    model = make_model(
        backbone_levels=[{"channels": 8 * 2**i, "stride": 4 * 2**i} for i in range(4)]
    )
    assert isinstance(model, RefSegmentor)
    assert [level.channels for level in model.neck.in_levels] == [8, 16, 32, 64]
    assert predict(model, [make_item(1)])[0].seg_logits.data.shape == (1, 50, 83)


def test_masks_of_another_size_than_the_input_are_refused_in_training():
    model = make_model().train()
    data = model.data_preprocessor(collate([make_item(2)]), True)
    with pytest.raises(ValueError, match="LoadRefMasks stands before RefResize"):
        model(**data, mode="loss")
    with pytest.raises(ValueError, match="choose loss, predict or tensor"):
        model(**data, mode="train")


def test_a_training_pipeline_without_masks_is_told_so():
    model = make_model().train()
    with_masks, without = make_item(2, masks_at=(64, 96)), make_item(2, image_id=1)
    del without["data_samples"].gt_sem_seg
    data = model.data_preprocessor(collate([with_masks, without]), True)
    with pytest.raises(ValueError, match="no masks. Put LoadRefMasks into the pipe"):
        model(**data, mode="loss")


@pytest.mark.parametrize(
    ("own", "message"),
    [
        (
            lambda value: {"aux": value},
            r"own_losses gives 'aux', which would be logged",
        ),
        (
            lambda value: {"loss_bce": value},
            r"own_losses gives 'loss_bce', and another",
        ),
        (lambda value: {"loss_aux": value}, None),
        (lambda value: {"aux": value.detach()}, None),
    ],
)
def test_losses_that_would_not_count_are_refused(monkeypatch, own, message):
    model = make_model().train()
    data = model.data_preprocessor(collate([make_item(2, masks_at=(64, 96))]), True)
    before = model(**data, mode="loss")
    assert "loss_bce" in before

    def own_losses(output, masks):
        return own(output.logits.mean())

    monkeypatch.setattr(model.decode_head, "own_losses", own_losses)
    if message is None:
        assert len(model(**data, mode="loss")) == len(before) + 1
    else:
        with pytest.raises(ValueError, match=message):
            model(**data, mode="loss")
