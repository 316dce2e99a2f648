"""Generated scenes: no download, the same on every machine.

Items of validation and testing are scenes with all their sentences. For testB, which
shows pairs of colour and form that training never does, set
test_dataloader.dataset.split.
"""

train_dataloader = dict(
    batch_size=8,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type="InfiniteSampler", shuffle=True),
    dataset=dict(
        type="ShapesRefDataset",
        split="train",
        num_images=8000,
        image_size=(96, 96),  # (height, width)
        kind_shares=dict(attribute=0.4, place=0.2, superlative=0.2, relation=0.2),
        scene_seed=0,
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="ShapesRefDataset",
        split="val",
        num_images=200,
        image_size=(96, 96),  # (height, width)
        kind_shares=dict(attribute=0.4, place=0.2, superlative=0.2, relation=0.2),
        scene_seed=0,
        test_mode=True,
    ),
)
test_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="ShapesRefDataset",
        split="testA",
        num_images=200,
        image_size=(96, 96),  # (height, width)
        kind_shares=dict(attribute=0.4, place=0.2, superlative=0.2, relation=0.2),
        scene_seed=0,
        test_mode=True,
    ),
)
val_evaluator = test_evaluator = dict(type="RefSegMetric")
