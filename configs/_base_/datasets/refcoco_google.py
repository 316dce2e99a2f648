"""RefCOCO, partition google: objects are split, so that splits share images.

A model trained on it has seen objects that partition unc tests.
"""

train_dataloader = dict(
    batch_size=8,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="InfiniteSampler", shuffle=True),
    dataset=dict(
        type="ReferDataset",
        dataset="refcoco",
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
        dataset="refcoco",
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
        dataset="refcoco",
        partition="google",
        split="test",
        data_root="data",
        test_mode=True,
    ),
)
val_evaluator = test_evaluator = dict(type="RefSegMetric")
