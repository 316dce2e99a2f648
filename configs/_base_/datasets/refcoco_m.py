"""RefCOCO, partition unc, scored on the redrawn masks of RefCOCO-M.

RefCOCO-M has a part of the validation split, without the references whose masks could
not be saved, and its own photographs. Training uses the original files. Needs:
pip install 'mmris[hf]'. Scores do not compare with those on RefCOCO's own masks.
"""

train_dataloader = dict(
    batch_size=8,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="InfiniteSampler", shuffle=True),
    dataset=dict(
        type="ReferDataset",
        dataset="refcoco",
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
        type="HubRefDataset",
        path="moondream/refcoco-m",
        split="val",
        test_mode=True,
    ),
)
test_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="HubRefDataset",
        path="moondream/refcoco-m",
        split="val",
        test_mode=True,
    ),
)
val_evaluator = test_evaluator = dict(type="RefSegMetric")
