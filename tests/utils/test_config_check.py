import copy

import pytest
from mmengine.config import Config
from torch import nn

from mmris.utils.config import switch_dataset
from mmris.utils.config_check import check_config, check_custom_keys
from tests.conftest import REPOSITORY

CONFIGS = REPOSITORY / "configs"
METHODS = sorted(p for p in CONFIGS.rglob("*.py") if "_base_" not in p.parts)
SOURCES = sorted((CONFIGS / "_base_" / "datasets").glob("*.py"))
TINY = Config.fromfile(CONFIGS / "baseline/baseline_tiny_shapes.py")


@pytest.fixture
def cfg():
    return copy.deepcopy(TINY)


@pytest.mark.parametrize("path", METHODS, ids=lambda path: path.stem)
def test_our_configs_pass_and_stay_as_they_are(path):
    config = Config.fromfile(path)
    before = copy.deepcopy(config.to_dict())
    check_config(config)
    assert config.to_dict() == before


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_every_dataset_passes(cfg, path):
    switch_dataset(cfg, path.stem)
    check_config(cfg)


HEAD = {
    "type": "MMSegDecodeHead",
    "head": {"type": "FCNHead", "channels": 8, "num_convs": 1},
}


@pytest.mark.parametrize(
    "options",
    [
        {"my_variable": 3, "lr_of_text": 1e-4},
        {"train_loader": TINY.train_dataloader.to_dict()},  # close, but used
        {"optim_wrapper.paramwise_cfg.custom_keys.neck": {"lr_mult": 0.1, "lr": 1.0}},
        {"model.decode_head": {**HEAD, "_delete_": True}},
        {"model.backbone.norm_cfg": {"type": "BN", "requires_grad": False}},
        {"default_hooks.my_hook": {"type": "EMAHook", "priority": "LOW"}},
        {"default_hooks.logger": None},
        {"custom_hooks": [{"type": "mmengine.EarlyStoppingHook", "monitor": "oIoU"}]},
        {"val_evaluator": [{"type": "RefSegMetric"}]},
        {"val_evaluator": {"_delete_": True, "metrics": [{"type": "RefSegMetric"}]}},
        {"train_cfg": {"_delete_": True, "by_epoch": True, "max_epochs": 3}},
        {"train_dataloader.collate_fn": {"type": "pseudo_collate"}},
        {"model_wrapper_cfg": {"broadcast_buffers": True, "device_ids": None}},
        {"compile": {"mode": "default"}},
        {"auto_scale_lr": {"enable": True, "base_batch_size": 8}},
        {
            "train_dataloader.dataset": {
                "_delete_": True,
                "type": "ConcatDataset",
                "datasets": [TINY.train_dataloader.dataset.to_dict()],
            }
        },
        {
            "model.text_encoder": {
                "_delete_": True,
                "type": "HuggingFaceTextEncoder",
                "config": {"model_type": "bert"},
            }
        },
        {
            "model.backbone": {
                "_delete_": True,
                "type": "mmpretrain.ConvNeXt",
                "arch": {"depths": [1, 1, 1, 1], "channels": [8, 8, 8, 8]},
                "init_cfg": {"type": "Pretrained", "checkpoint": "a.pth"},
            }
        },
    ],
    ids=lambda options: next(iter(options)),
)
def test_what_is_right_passes(cfg, options):
    cfg.merge_from_dict(copy.deepcopy(options))
    check_config(cfg)


CASES = {
    # Keys of the Runner.
    "optim_wraper.type": "optim_wraper: nothing reads .* did you mean 'optim_wrapper'",
    "load_form": "did you mean 'load_from'",
    "resmue": "did you mean 'resume'",
    "val_evaluater.type": "did you mean 'val_evaluator'",
    "find_unused_parameter": "did you mean 'find_unused_parameters'",
    # Dicts without a type.
    "train_dataloader.bach_size": "a data loader has no argument .* 'batch_size'",
    "env_cfg.cudnn_bench": "env_cfg has no argument .*'cudnn_benchmark'",
    "env_cfg.mp_cfg.opencv_threads": "did you mean 'opencv_num_threads'",
    "env_cfg.dist_cfg.backnd": "did you mean 'backend'",
    "randomness.sed": "randomness.sed: .*did you mean 'seed'",
    "default_hooks.chekpoint.interval": "default_hooks.chekpoint: .*'checkpoint'",
    "optim_wrapper.clip_grad.max_nrm": "did you mean 'max_norm'",
    "optim_wrapper.paramwise_cfg.norm_decay": "did you mean 'norm_decay_mult'",
    "optim_wrapper.paramwise_cfg.custom_keys.neck.lr_mul": "did you mean 'lr_mult'",
    "custom_imports.import": "did you mean 'imports'",
    # Arguments of classes, wherever they stand.
    "model.bakbone.depth": "model.bakbone: RefSegmentor has no .*'backbone'",
    "model.backbone.dpth": "ResNetV1c has no argument 'dpth'; did you mean 'depth'",
    "model.text_encoder.max_word": "LSTMTextEncoder has no .*'max_words'",
    "model.neck.block.chanels": "model.neck.block.chanels: ConcatBlock .*'channels'",
    "model.losses.1.loss.use_sigmod": "model.losses.1.loss.*'use_sigmoid'",
    "train_dataloader.dataset.spilt": "ShapesRefDataset has no argument .*'split'",
    "train_dataloader.dataset.pipeline.2.sise": "pipeline.2.sise: RefResize .*'size'",
    "train_dataloader.sampler.shufle": "InfiniteSampler has no .*'shuffle'",
    "val_evaluator.threshold": "RefSegMetric has no argument",
    "default_hooks.logger.intervall": "LoggerHook has no argument .*'interval'",
    "train_cfg.max_iter": "IterBasedTrainLoop has no argument .*'max_iters'",
    "val_cfg.fp17": "ValLoop has no argument .*'fp16'",
    "optim_wrapper.acumulative_counts": "OptimWrapper has no .*'accumulative_counts'",
    "optim_wrapper.optimizer.weigth_decay": "AdamW has no argument .*'weight_decay'",
    "param_scheduler.0.strat_factor": "LinearLR has no argument .*'start_factor'",
    "visualizer.alhpa": "RefSegVisualizer has no argument .*'alpha'",
    "log_processor.window": "LogProcessor has no argument .*'window_size'",
}
TYPES = {
    "model.type": ("RefSegmenter", "did you mean 'RefSegmentor'"),
    "model.backbone.type": ("ResNet", "did you mean 'mmpretrain.ResNet' or 'mmseg."),
    "model.text_encoder.type": ("LSTMEncoder", "did you mean 'LSTMTextEncoder'"),
    "model.losses.0.loss.type": ("BinaryCrossEntropy", "'BinaryCrossEntropyLoss'"),
    "model.post_processing.type": ("DenseCRF", "'DenseCRFPostProcessing'"),
    "train_dataloader.dataset.type": ("ShapesDataset", "'ShapesRefDataset'"),
    "train_dataloader.dataset.pipeline.0.type": ("LoadImage", "'LoadRefImage'"),
    "train_dataloader.sampler.type": ("InfinitSampler", "'InfiniteSampler'"),
    "custom_hooks.0.type": ("VocabHook", "'VocabularyHook'"),
    "val_evaluator.type": ("RefMetric", "'RefSegMetric'"),
    "optim_wrapper.optimizer.type": ("AdamWW", "'AdamW'"),
    "param_scheduler.0.type": ("LinearRL", "'LinearLR'"),
    "visualizer.vis_backends.0.type": ("LocalBackend", "'LocalVisBackend'"),
    "model.neck.type": ("Zzzz", "custom_imports"),
    "train_cfg.type": (3, "give the name of a registered class"),
}


@pytest.mark.parametrize("key", CASES)
def test_misspelt_keys(cfg, key):
    cfg.merge_from_dict({key: True})
    with pytest.raises(ValueError, match=CASES[key]):
        check_config(cfg)


@pytest.mark.parametrize("key", TYPES)
def test_unknown_types(cfg, key):
    value, message = TYPES[key]
    cfg.merge_from_dict({key: value})
    with pytest.raises(ValueError, match=rf"{key} is {value!r}, .*{message}"):
        check_config(cfg)


def test_a_missing_type(cfg):
    sampler = cfg.train_dataloader.sampler
    sampler["tpye"] = sampler.pop("type")
    with pytest.raises(ValueError, match=r"train_dataloader.sampler has no type, only"):
        check_config(cfg)


def test_arguments_within_a_head_of_another_library(cfg):
    head = copy.deepcopy(HEAD)
    head["head"]["num_conv"] = 1
    cfg.merge_from_dict({"model.decode_head": {**head, "_delete_": True}})
    message = r"model.decode_head.head.num_conv: FCNHead has no .*'num_convs'"
    with pytest.raises(ValueError, match=message):
        check_config(cfg)


def test_learning_rates_of_no_part():
    model = nn.ModuleDict({"neck": nn.Linear(1, 1), "head": nn.Linear(1, 1)})
    keys = {"neck": {"lr_mult": 0.1}, "head.weight": {"lr_mult": 2.0}}
    cfg = Config({"optim_wrapper": {"paramwise_cfg": {"custom_keys": keys}}})
    check_custom_keys(model, cfg)
    keys["nekc"] = {"lr_mult": 0.1}
    cfg = Config({"optim_wrapper": {"paramwise_cfg": {"custom_keys": keys}}})
    with pytest.raises(
        ValueError, match=r"custom_keys.nekc: no .*begin with head, nec"
    ):
        check_custom_keys(model, cfg)
