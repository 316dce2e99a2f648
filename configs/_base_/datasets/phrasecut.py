"""PhraseCut: phrases about one or several regions of Visual Genome's pictures.

The file of val does not have the 100 pictures of miniv: "val_miniv" is all of it.
"""

train_dataloader = dict(
    batch_size=8,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="InfiniteSampler", shuffle=True),
    dataset=dict(
        type="PhraseCutDataset",
        split="train",
        data_root="data/VGPhraseCut_v0",
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="PhraseCutDataset",
        split="val",
        data_root="data/VGPhraseCut_v0",
        test_mode=True,
    ),
)
test_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="PhraseCutDataset",
        split="test",
        data_root="data/VGPhraseCut_v0",
        test_mode=True,
    ),
)
val_evaluator = test_evaluator = dict(
    type="RefSegMetric", precision_thresholds=(0.3, 0.5, 0.7, 0.9)
)
