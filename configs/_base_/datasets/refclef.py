"""RefCLEF, partition unc: photographs of IAPR TC-12, things and stuff.

Another packaging of ReferIt's sentences: scores on the two do not compare. For testB,
testC or val set test_dataloader.dataset.split; "test" takes the three together.
"""

train_dataloader = dict(
    batch_size=8,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="InfiniteSampler", shuffle=True),
    dataset=dict(
        type="ReferDataset",
        dataset="refclef",
        partition="unc",
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
        partition="unc",
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
        partition="unc",
        split="testA",
        data_root="data",
        image_dir="images/saiapr_tc-12",
        test_mode=True,
    ),
)
val_evaluator = test_evaluator = dict(type="RefSegMetric")
