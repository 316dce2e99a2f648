# How the small models on generated scenes are trained: eight pictures of 96x96 with
# four sentences each, AdamW with a short warm-up and a cosine to 0, 3,500 iterations.
#
# The only file in this folder that builds on another, the data. A config that trains
# longer or shorter gives max_iters, val_interval and param_scheduler anew.
_base_ = ["./datasets/shapes.py"]

input_size = (96, 96)  # (height, width)
images_per_batch = 8
expressions_per_image = 4
max_iters = 3500
learning_rate = 1e-3

# ----- data --------------------------------------------------------------------------
train_pipeline = [
    dict(type="LoadRefImage"),
    dict(type="LoadRefMasks"),
    dict(type="RefResize", size=input_size),
    dict(type="PackRefInputs"),
]
test_pipeline = [
    dict(type="LoadRefImage"),
    dict(type="RefResize", size=input_size),
    dict(type="LoadRefMasks"),  # after the resizing: scores at the original size
    dict(type="PackRefInputs"),
]
train_dataloader = dict(
    batch_size=images_per_batch,
    dataset=dict(
        sampling="image",
        expressions_per_image=expressions_per_image,
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))

# ----- schedule ----------------------------------------------------------------------
train_cfg = dict(type="IterBasedTrainLoop", max_iters=max_iters, val_interval=1750)
val_cfg = dict(type="ValLoop")
test_cfg = dict(type="TestLoop")
optim_wrapper = dict(
    type="OptimWrapper",
    # Fused: a twentieth of a step less, for models as small as these.
    optimizer=dict(type="AdamW", lr=learning_rate, weight_decay=1e-4, fused=True),
    clip_grad=dict(max_norm=5.0),
)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.1, by_epoch=False, begin=0, end=50),
    dict(type="CosineAnnealingLR", by_epoch=False, begin=50, end=max_iters, eta_min=0),
]
