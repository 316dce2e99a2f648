"""SHNet as its configs have it: parameters, backbones, optimiser, augmentation."""

import copy

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper

from mmris.models.backbones import read_levels
from mmris.registry import MODELS, PARAM_SCHEDULERS, TRANSFORMS
from mmris.utils import seeded_random_state
from tests import parts
from tests.conftest import REPOSITORY
from tests.step_check import check

FOLDER = REPOSITORY / "configs" / "shnet"
PRIMITIVE = "shnet_dlv3p-r101-lstm_1xb50-72k_refcoco-320"
RELEASED = "shnet-released_dlv3p-r101-lstm_1xb32-113k_refcoco-320"


def load(name):
    return Config.fromfile(FOLDER / f"{name}.py")


def build(name, **backbone):
    """The model with a cheap backbone in the place of a ResNet-101, if asked for."""
    config = copy.deepcopy(load(name).model)
    config.backbone.pop("init_cfg", None)
    config.backbone.update(backbone)
    return MODELS.build(config)


def millions(*modules):
    count = sum(p.numel() for module in modules for p in module.parameters())
    return round(count / 1e6, 2)


def test_parameters_of_the_paper_form():
    model = build(PRIMITIVE, depth=50)
    head, neck = model.decode_head, model.neck
    recurrence = model.text_encoder.recurrence
    assert millions(recurrence) == 1.67
    assert millions(neck.levels) == 16.52
    assert millions(neck.layers, neck.norm) == 1.05  # one attention and a LayerNorm
    assert millions(head.exchange) == 14.16
    assert millions(head.aggregation) == 7.08
    assert millions(head.mask_decoder.aspp) == 8.92
    decoder = head.mask_decoder
    assert millions(decoder.upsample, decoder.score) == 1.77
    assert millions(recurrence, neck, head) == 51.17
    embedding = model.text_encoder.embedding.weight
    assert not embedding.requires_grad
    assert (embedding == 0).all()  # until the vectors are read
    assert not any(p.requires_grad for p in model.backbone.parameters())


def test_parameters_of_the_released_form():
    model = build(RELEASED, depth=50)
    head, neck = model.decode_head, model.neck
    assert millions(neck.layers, neck.norm) == 3.16
    decoder = head.mask_decoder
    assert millions(decoder.upsample, decoder.refine, decoder.score) == 8.26
    assert millions(model.text_encoder.recurrence, neck, head) == 59.77


def test_deeplab_of_stride_16_and_imagenet_of_stride_32():
    for name, strides, dilations in (
        (PRIMITIVE, [8, 16, 16], [2, 4, 8]),
        (PRIMITIVE[:-3] + "448", [8, 16, 16], [2, 4, 8]),
        ("shnet_r101-lstm_1xb50-72k_refcoco-320", [8, 16, 32], [1, 1, 1]),
        ("shnet_r101-lstm_1xb50-72k_refcoco-448", [8, 16, 32], [1, 1, 1]),
    ):
        config = copy.deepcopy(load(name).model.backbone)
        config.pop("init_cfg")
        backbone = MODELS.build(config)
        levels = read_levels(backbone)
        assert [level.channels for level in levels] == [512, 1024, 2048]
        assert [level.stride for level in levels] == strides
        found = [block.conv2.dilation[0] for block in backbone.layer4]
        assert found == dilations
        assert backbone.layer4[0].conv1.stride == (1, 1)  # the 3x3 has the stride
        assert len(backbone.layer3) == 23


def test_inputs_of_448_and_a_loss_at_160():
    for path in FOLDER.glob("*refcoco-*.py"):
        config = Config.fromfile(path)
        size = int(path.stem[-3:])
        for split in ("train", "val", "test"):
            steps = config[f"{split}_dataloader"].dataset.pipeline
            (resize,) = [step for step in steps if step["type"] == "RefResize"]
            assert tuple(resize["size"]) == (size, size)
        assert tuple(config.model.losses[0]["size"]) == (160, 160)
        assert config.model.test_cfg.threshold == 0.40


def test_rate_falls_by_a_power_of_seven_tenths():
    config = load(PRIMITIVE)
    model = torch.nn.Linear(1, 1)
    wrapper = build_optim_wrapper(model, config.optim_wrapper)
    (group,) = wrapper.optimizer.param_groups
    assert type(wrapper.optimizer).__name__ == "AdamW"
    assert (group["lr"], group["weight_decay"]) == (1.2e-4, 9e-5)
    # MMEngine's schedule arrives one step before its end: 101 for 100 steps.
    (scheduler,) = config.param_scheduler
    scheduler = PARAM_SCHEDULERS.build(
        {**scheduler, "optimizer": wrapper.optimizer, "end": 101}
    )
    for step in range(1, 101):
        wrapper.optimizer.step()
        scheduler.step()
        assert group["lr"] == pytest.approx(1.2e-4 * (1 - step / 100) ** 0.7)


def test_thirty_epochs_of_the_sentences_of_refcoco():
    for name in (PRIMITIVE, RELEASED):
        config = load(name)
        epoch = 120_624 // config.train_dataloader.batch_size
        assert 30 * epoch <= config.train_cfg.max_iters <= 30 * (epoch + 1)


def test_about_three_in_ten_pictures_turn_grey():
    steps = load(PRIMITIVE).train_dataloader.dataset.pipeline
    (step,) = [step for step in steps if step["type"] == "mmcv.RandomGrayscale"]
    grey = TRANSFORMS.build(step)
    picture = np.random.default_rng(0).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    turned = 0
    for draw in range(300):
        with seeded_random_state(draw):
            result = grey({"img": picture.copy()})["img"]
        assert result.shape == picture.shape
        assert result.dtype == np.uint8
        if not np.array_equal(result, picture):
            turned += 1
            luma = picture @ np.array([0.114, 0.587, 0.299])  # ITU-R BT.601, of BGR
            for channel in range(3):
                assert np.abs(result[..., channel] - luma).max() <= 1
    assert 60 < turned < 120


@pytest.mark.parametrize("name", [PRIMITIVE, RELEASED, "shnet_tiny_shapes"])
def test_small_copies_train_a_step_and_predict_alike_alone_and_in_a_batch(name):
    """The model block of a config, as narrow as it goes."""
    config = copy.deepcopy(load(name).model)
    config.backbone = {"type": "mmseg.ResNetV1c", **parts.BACKBONES["mmseg.ResNetV1c"]}
    config.text_encoder.update(hidden_channels=16, num_embeddings=40)
    config.text_encoder.update(embedding_channels=6, init_range=0.5)
    config.text_encoder.freeze_embedding = False
    config.text_encoder.pop("word_vectors", None)
    config.neck.update(channels=16, grid_size=(6, 5))
    if config.neck.get("ffn_channels"):
        config.neck.ffn_channels = 8
    for key in ("channels", "last_channels"):
        if key in config.decode_head.mask_decoder:
            config.decode_head.mask_decoder[key] = 8
    if "up_channels" in config.decode_head.mask_decoder:
        config.decode_head.mask_decoder.up_channels = (8, 8)
    check(parts.build_model(config))
