"""RefCOCOg, partition umd: long sentences; images are split.

Items of validation and testing are images with all their sentences.
"""

train_dataloader = dict(
    batch_size=8,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="InfiniteSampler", shuffle=True),
    dataset=dict(
        type="ReferDataset",
        dataset="refcocog",
        partition="umd",
        split="train",
        data_root="data",
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="ReferDataset",
        dataset="refcocog",
        partition="umd",
        split="val",
        data_root="data",
        test_mode=True,
    ),
)
test_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="ReferDataset",
        dataset="refcocog",
        partition="umd",
        split="test",
        data_root="data",
        test_mode=True,
    ),
)
val_evaluator = test_evaluator = dict(type="RefSegMetric")
