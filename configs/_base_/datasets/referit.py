"""ReferIt in the packaging of TF-phrasecut, which CMSA, CMPC, CEFNet and SHNet use.

As in these papers training takes trainval and scores are those of test; so does the
validation during training. To choose a checkpoint without looking at the test split
train on "train" and validate on "val".
"""

train_dataloader = dict(
    batch_size=8,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="InfiniteSampler", shuffle=True),
    dataset=dict(
        type="ReferItDataset",
        split="trainval",
        data_root="data",
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="ReferItDataset",
        split="test",
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
        type="ReferItDataset",
        split="test",
        data_root="data",
        test_mode=True,
    ),
)
val_evaluator = test_evaluator = dict(type="RefSegMetric")
