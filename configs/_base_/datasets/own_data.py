"""Own data: data/own/annotations.jsonl, with entries of the splits train and val.

An entry is an object with its picture, its mask and its sentences; docs/en/own_data.md
says how to write one. For data elsewhere name the file instead: --dataset FILE.jsonl,
or copy this file and give its path. Testing uses val; for another split set
test_dataloader.dataset.split.
"""

train_dataloader = dict(
    batch_size=8,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type="InfiniteSampler", shuffle=True),
    dataset=dict(
        type="JsonRefDataset",
        ann_file="annotations.jsonl",
        split="train",
        data_root="data/own",
        image_dir="",  # below data_root; "" takes the paths in the entries as they are
        mask_dir="",
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="JsonRefDataset",
        ann_file="annotations.jsonl",
        split="val",
        data_root="data/own",
        image_dir="",
        mask_dir="",
        test_mode=True,
    ),
)
test_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="JsonRefDataset",
        ann_file="annotations.jsonl",
        split="val",
        data_root="data/own",
        image_dir="",
        mask_dir="",
        test_mode=True,
    ),
)
val_evaluator = test_evaluator = dict(type="RefSegMetric")
