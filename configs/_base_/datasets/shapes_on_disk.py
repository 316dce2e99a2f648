"""Generated scenes as files in the layout of RefCOCO, read like RefCOCO.

Written by: python tools/dataset_tools/write_shapes.py data/scenes
"""

train_dataloader = dict(
    batch_size=8,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type="InfiniteSampler", shuffle=True),
    dataset=dict(
        type="ReferDataset",
        dataset="shapes",
        partition="unc",
        split="train",
        data_root="data/scenes",
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="ReferDataset",
        dataset="shapes",
        partition="unc",
        split="val",
        data_root="data/scenes",
        test_mode=True,
    ),
)
test_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="ReferDataset",
        dataset="shapes",
        partition="unc",
        split="testA",
        data_root="data/scenes",
        test_mode=True,
    ),
)
val_evaluator = test_evaluator = dict(type="RefSegMetric")
