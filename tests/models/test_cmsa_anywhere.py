"""CMSA's attention far from home: other backbones, a language model, mmseg's head."""

import itertools
import shutil

import pytest
import torch

from tests import parts
from tests.step_check import check

BACKBONES = {
    "Swin-T": {
        "type": "mmseg.SwinTransformer",
        "embed_dims": 96,
        "depths": (2, 2, 6, 2),
        "num_heads": (3, 6, 12, 24),
        "window_size": 7,
    },
    "ConvNeXt-T": {
        "type": "mmpretrain.ConvNeXt",
        "arch": "tiny",
        "out_indices": (0, 1, 2, 3),
        "gap_before_final_norm": False,
    },
}
PLACEMENTS = {"DecoderFusion": {}, "EncoderFusion": {"stages": (1, 2, 3)}}


def make_model(backbone, placement):
    config = parts.model_config(text_encoder="HuggingFaceTextEncoder")
    config["backbone"] = dict(BACKBONES[backbone])
    config["neck"] = {
        "type": placement,
        "block": {"type": "CrossModalAttentionBlock", "attention_channels": 64},
        **PLACEMENTS[placement],
    }
    config["decode_head"] = {
        "type": "MMSegDecodeHead",
        "head": {"type": "UPerHead", "channels": 32, "pool_scales": (1, 2, 3, 6)},
    }
    if placement == "DecoderFusion":
        config["backbone"]["out_indices"] = (1, 2, 3)  # as many as the attention wants
    return parts.build_model(config)


@pytest.mark.parametrize(
    ("backbone", "placement"), itertools.product(BACKBONES, PLACEMENTS)
)
def test_trains_a_step_and_predicts_alike_alone_and_in_a_batch(backbone, placement):
    check(make_model(backbone, placement))


def compiled_masks_agree(model, backend):
    items = [parts.make_item(3), parts.make_item(1, image_id=1)]
    plain = [sample.clone() for sample in parts.predict(model, items)]
    torch.compiler.reset()
    model.encode_image = torch.compile(model.encode_image, backend=backend)
    model.decode_text = torch.compile(model.decode_text, backend=backend)
    for before, after in zip(plain, parts.predict(model, items), strict=True):
        one, other = before.seg_logits.data, after.seg_logits.data
        scale = max(1.0, one.abs().max().item())
        torch.testing.assert_close(one, other, rtol=0, atol=1e-4 * scale)
        near = one.abs() < 1e-4 * scale  # may fall on either side of the threshold
        same = before.pred_sem_seg.data == after.pred_sem_seg.data
        assert (same | near).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("backbone", "placement"), itertools.product(BACKBONES, PLACEMENTS)
)
def test_torch_compile_gives_the_same_masks(backbone, placement):
    if shutil.which("g++") is None:
        pytest.skip("torch.compile's default backend needs g++ on the PATH")
    compiled_masks_agree(make_model(backbone, placement), "inductor")
