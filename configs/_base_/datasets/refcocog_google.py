"""RefCOCOg, partition google: long sentences; objects are split, not images.

Its test split was never published, so testing uses val. A model trained on it has seen
objects that partition umd tests.
"""

train_dataloader = dict(
    batch_size=8,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="InfiniteSampler", shuffle=True),
    dataset=dict(
        type="ReferDataset",
        dataset="refcocog",
        partition="google",
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
        partition="google",
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
        partition="google",
        split="val",
        data_root="data",
        test_mode=True,
    ),
)
val_evaluator = test_evaluator = dict(type="RefSegMetric")
