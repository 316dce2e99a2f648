"""A model and a dataset that train in a second, for tests of the tools."""

from __future__ import annotations

import random
import time

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch import nn

from mmris.datasets.base_ref_dataset import BaseRefDataset
from mmris.models.text_encoders.sentence_checks import check_sentences
from mmris.registry import DATASETS, HOOKS, MODELS, TRANSFORMS
from mmris.utils import load_checkpoint_file

SIZE = (24, 32)
EXPRESSIONS = ("the bright box", "der helle Kasten \u2603")

CONFIG = """
custom_imports = dict(imports=["tiny_run"])
_base_ = [{runtime!r}]
custom_hooks = []
model = dict(type="TinyModel")
pipeline = [dict(type="TinyPack")]
train_dataloader = dict(
    batch_size=2,
    num_workers=0,
    sampler=dict(type="InfiniteSampler", shuffle=True),
    dataset=dict(type="TinyDataset", length=8, sampling="image", pipeline=pipeline),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=0,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(type="TinyDataset", length=5, test_mode=True, pipeline=pipeline),
)
test_dataloader = val_dataloader
val_evaluator = dict(type="RefSegMetric")
test_evaluator = val_evaluator
optim_wrapper = dict(type="OptimWrapper", optimizer=dict(type="SGD", lr=0.5))
param_scheduler = [
    dict(type="LinearLR", start_factor=0.5, by_epoch=False, begin=0, end=100),
    dict(type="PolyLR", power=0.9, by_epoch=False, begin=100, end=1000),
]
train_cfg = dict(type="IterBasedTrainLoop", max_iters=1000, val_interval=500)
val_cfg = dict(type="ValLoop")
test_cfg = dict(type="TestLoop")
"""

DATASET = """
train_dataloader = dict(dataset=dict(type="TinyDataset", length=6, bright=0))
val_dataloader = dict(dataset=dict(type="TinyDataset", length=3, test_mode=True))
test_dataloader = val_dataloader
val_evaluator = dict(type="RefSegMetric", precision_thresholds=[0.5])
test_evaluator = val_evaluator
"""


@DATASETS.register_module()
class TinyDataset(BaseRefDataset):
    """A bright box on dark noise; even images have a file name but no file."""

    def __init__(
        self,
        *,
        length,
        bright=220,
        split="val",
        seconds=0.0,
        missing=False,
        **kwargs,
    ):
        self.length = length
        self.missing = missing  # a file, so that each item fails
        self.seconds = seconds  # that an item takes
        self.bright = bright
        self.split = split
        super().__init__(**kwargs)

    def load_data_list(self):
        return [
            {
                "image_id": image,
                "img_path": "",
                "height": SIZE[0],
                "width": SIZE[1],
                "references": [
                    {
                        "ref_id": image,
                        "ann_ids": [image],
                        "category_id": 0,
                        "segmentations": [[[0, 0, 4, 0, 4, 4]]],
                        "sentences": [
                            {
                                "sent_id": 2 * image + i,
                                "text": text,
                                "kind": "attribute",
                            }
                            for i, text in enumerate(EXPRESSIONS)
                        ],
                    }
                ],
            }
            for image in range(self.length)
        ]

    def load_image(self, record):
        time.sleep(self.seconds)
        if self.missing:
            load_checkpoint_file("picture.jpg")  # an error of mmris's own
        generator = np.random.default_rng(record["image_id"])
        image = generator.integers(0, 60, size=(*SIZE, 3), dtype=np.uint8)
        image[4:16, 6 : 12 + record["image_id"]] = self.bright
        return image


@HOOKS.register_module()
class TinyHook(Hook):
    """Fails as a hook does that finds the data wrong."""

    def before_train(self, runner):
        check_sentences("red")


@TRANSFORMS.register_module()
class TinyPack(BaseTransform):
    def transform(self, results):
        image = results["img"]
        mask = torch.from_numpy((image.min(axis=2) > 100).astype(np.uint8))
        sample = SegDataSample(
            metainfo={
                "image_id": results["image_id"],
                "img_path": "",
                "ori_shape": SIZE,
                "img_shape": SIZE,
                "content_box": (0, 0, *SIZE),
            }
        )
        sample.gt_sem_seg = PixelData(data=mask.repeat(len(EXPRESSIONS), 1, 1))
        for key in ("expressions", "sent_ids", "kinds"):
            sample.set_field(results[key], key)
        inputs = torch.from_numpy(image.transpose(2, 0, 1).copy())
        return {"inputs": inputs, "data_samples": sample}


@MODELS.register_module()
class TinyModel(BaseModel):
    """Brightness decides; the words do not matter."""

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm2d(3)
        self.conv = nn.Conv2d(3, 1, 1)

    def forward(self, inputs, data_samples=None, mode="tensor"):
        logits = self.conv(self.norm(torch.stack(inputs).float() / 255))
        if mode == "loss":
            truth = torch.stack([s.gt_sem_seg.data[:1] for s in data_samples])
            loss = nn.functional.binary_cross_entropy_with_logits(
                logits.float(), truth.float()
            )
            return {"loss": loss}
        for sample, rows in zip(data_samples, logits, strict=True):
            masks = (rows > 0).repeat(len(sample.expressions), 1, 1)
            sample.pred_sem_seg = PixelData(data=masks)
        return data_samples


RANDOM = """
pipeline = [dict(type="TinyChange"), dict(type="TinyPack")]
train_dataloader = dict(dataset=dict(pipeline=pipeline))
model = dict(type="TinyRandomModel")
optim_wrapper = dict(optimizer=dict(_delete_=True, type="AdamW", lr=0.05))
custom_hooks = [dict(type="EMAHook", momentum=0.1)]
visualizer = dict(vis_backends=[dict(type="LocalVisBackend")])
"""


@TRANSFORMS.register_module()
class TinyChange(BaseTransform):
    """Changes a picture by all three generators."""

    def transform(self, results):
        factor = (random.random() + np.random.rand() + torch.rand(1).item()) / 3
        results["img"] = (results["img"] * factor).astype(np.uint8)
        return results


@MODELS.register_module()
class TinyRandomModel(TinyModel):
    """Draws from all three generators in training."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(3, 128, 3, padding=1), nn.Dropout(0.5), nn.Conv2d(128, 1, 1)
        )

    def forward(self, inputs, data_samples=None, mode="tensor"):
        result = super().forward(inputs, data_samples, mode)
        if mode == "loss":
            result["loss"] = result["loss"] * (1 + random.random() + np.random.rand())
        return result
