"""RefCOCO, partition unc, with the annotations of the Hugging Face hub.

Photographs are COCO's, on disk. Needs: pip install 'mmris[hf]'. What the hub calls
"test" is testA here as everywhere; for testB or val set test_dataloader.dataset.split.
"""

train_dataloader = dict(
    batch_size=8,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="InfiniteSampler", shuffle=True),
    dataset=dict(
        type="HubRefDataset",
        path="jxu124/refcoco",
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
        path="jxu124/refcoco",
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
        type="HubRefDataset",
        path="jxu124/refcoco",
        split="testA",
        data_root="data",
        test_mode=True,
    ),
)
val_evaluator = test_evaluator = dict(type="RefSegMetric")
