"""What the segmentor shows to post-processing, and what it makes of the answer."""

import pytest
import torch

from mmris.models import PostProcessing, RefSegDataPreprocessor
from mmris.registry import TASK_UTILS
from tests.parts import build_model, collate, make_item, model_config, predict


class Turned(PostProcessing):
    """Turns every mask inside out and notes what it saw."""

    def __init__(self):
        self.seen = []

    def __call__(self, logits, picture):
        self.seen.append((logits, picture))
        return -logits


@pytest.fixture
def turned():
    TASK_UTILS.register_module(name="Turned", module=Turned, force=True)
    yield {"type": "Turned"}
    TASK_UTILS.module_dict.pop("Turned")


@pytest.mark.parametrize("bgr_to_rgb", [True, False])
@pytest.mark.parametrize("normalised", [True, False])
def test_pictures_are_restored_exactly(bgr_to_rgb, normalised):
    numbers = {"mean": (104.007, 116.669, 122.679), "std": (58.4, 57.1, 57.4)}
    preprocessor = RefSegDataPreprocessor(
        bgr_to_rgb=bgr_to_rgb, **(numbers if normalised else {})
    )
    torch.manual_seed(0)
    pictures = torch.randint(0, 256, (2, 3, 64, 96), dtype=torch.uint8)
    inputs = preprocessor({"inputs": list(pictures), "data_samples": None})["inputs"]
    restored = preprocessor.restore_pictures(inputs)
    assert restored.dtype == torch.uint8
    assert torch.equal(restored, pictures.flip(1))  # the pipeline's are BGR


def test_each_picture_goes_with_its_logits_at_input_size(turned):
    items = [make_item(3), make_item(6, image_id=1), make_item(1, image_id=2)]
    plain = predict(build_model(model_config()), items)
    expected = [sample.seg_logits.data for sample in plain]
    model = build_model({**model_config(), "post_processing": turned})
    results = predict(model, items)
    assert len(model.post_processing.seen) == 3
    for item, (logits, picture) in zip(items, model.post_processing.seen, strict=True):
        assert torch.equal(picture, item["inputs"].flip(0))
        assert logits.shape == (len(item["data_samples"].expressions), 1, 64, 96)
        assert logits.dtype == torch.float32
    for sample, before in zip(results, expected, strict=True):
        torch.testing.assert_close(sample.seg_logits.data, -before)
        assert torch.equal(sample.pred_sem_seg.data, sample.seg_logits.data > 0)


def test_items_that_share_a_picture_each_get_it(turned):
    model = build_model({**model_config(), "post_processing": turned}).eval()
    data = model.data_preprocessor(collate([make_item(2), make_item(1, image_id=1)]))
    data["image_index"] = torch.tensor([1, 1, 0])
    with torch.no_grad():
        model(**data, mode="predict")
    pictures = [picture for _, picture in model.post_processing.seen]
    restored = model.data_preprocessor.restore_pictures(data["inputs"])
    assert torch.equal(torch.stack(pictures), restored.flip(0))


def test_training_and_state_do_not_know_of_it(turned):
    model = build_model({**model_config(), "post_processing": turned}).train()
    plain = build_model(model_config()).train()
    assert list(model.state_dict()) == list(plain.state_dict())
    batch = collate([make_item(2, masks_at=(64, 96))])
    losses = [
        m(**m.data_preprocessor(batch, True), mode="loss")["loss_bce"]
        for m in (model, plain)
    ]
    assert torch.equal(*losses)
    assert not model.post_processing.seen
