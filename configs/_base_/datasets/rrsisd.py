"""RRSIS-D: aerial photographs, one sentence each."""

train_dataloader = dict(
    batch_size=8,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="InfiniteSampler", shuffle=True),
    dataset=dict(
        type="ReferDataset",
        dataset="rrsisd",
        partition="unc",
        split="train",
        data_root="data",
        image_dir="images/rrsisd/JPEGImages",
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="ReferDataset",
        dataset="rrsisd",
        partition="unc",
        split="val",
        data_root="data",
        image_dir="images/rrsisd/JPEGImages",
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
        dataset="rrsisd",
        partition="unc",
        split="test",
        data_root="data",
        image_dir="images/rrsisd/JPEGImages",
        test_mode=True,
    ),
)
val_evaluator = test_evaluator = dict(type="RefSegMetric")
