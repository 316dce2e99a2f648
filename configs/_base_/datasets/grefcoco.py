"""gRefCOCO, partition unc: sentences about one object, several or none.

A sentence about nothing in the picture has an empty mask. Items of validation and
testing are images with all their sentences. For testB or val set
test_dataloader.dataset.split.
"""

train_dataloader = dict(
    batch_size=8,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="InfiniteSampler", shuffle=True),
    dataset=dict(
        type="ReferDataset",
        dataset="grefcoco",
        partition="unc",
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
        dataset="grefcoco",
        partition="unc",
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
        dataset="grefcoco",
        partition="unc",
        split="testA",
        data_root="data",
        test_mode=True,
    ),
)
val_evaluator = test_evaluator = dict(type="RefSegMetric", no_target_scores=True)
