"""RefCOCO, RefCOCO+ (unc) and RefCOCOg (umd) together, without a picture of any test.

The three show the same photographs and are split differently. Left out of training is
every picture that one of them validates or tests on. Validation and testing are
RefCOCO's; test on the others with --dataset refcoco_plus and --dataset refcocog.
"""

unc = dict(type="ReferDataset", partition="unc", data_root="data")
umd = dict(type="ReferDataset", partition="umd", data_root="data")

train_dataloader = dict(
    batch_size=8,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="InfiniteSampler", shuffle=True),
    dataset=dict(
        type="MixedRefDataset",
        datasets=[
            dict(unc, dataset="refcoco", split="train"),
            dict(unc, dataset="refcoco+", split="train"),
            dict(umd, dataset="refcocog", split="train"),
        ],
        weights=None,  # every sentence once an epoch; three numbers give shares
        held_out=[
            dict(unc, dataset="refcoco", split="val"),
            dict(unc, dataset="refcoco", split="testA"),
            dict(unc, dataset="refcoco", split="testB"),
            dict(unc, dataset="refcoco+", split="val"),
            dict(unc, dataset="refcoco+", split="testA"),
            dict(unc, dataset="refcoco+", split="testB"),
            dict(umd, dataset="refcocog", split="val"),
            dict(umd, dataset="refcocog", split="test"),
        ],
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
        dataset="refcoco",
        partition="unc",
        split="testA",
        data_root="data",
        test_mode=True,
    ),
)
val_evaluator = test_evaluator = dict(type="RefSegMetric")
