"""RefCLEF, partition berkeley: the same sentences split as ReferIt's authors did.

Three pictures of the original split are missing. A model trained on it has seen objects
that partition unc tests.
"""

train_dataloader = dict(
    batch_size=8,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="InfiniteSampler", shuffle=True),
    dataset=dict(
        type="ReferDataset",
        dataset="refclef",
        partition="berkeley",
        split="train",
        data_root="data",
        image_dir="images/saiapr_tc-12",
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="ReferDataset",
        dataset="refclef",
        partition="berkeley",
        split="val",
        data_root="data",
        image_dir="images/saiapr_tc-12",
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
        dataset="refclef",
        partition="berkeley",
        split="test",
        data_root="data",
        image_dir="images/saiapr_tc-12",
        test_mode=True,
    ),
)
val_evaluator = test_evaluator = dict(type="RefSegMetric")
