# SGD as the paper of CEFNet trains: 200,000 iterations at 7.5e-4, a tenth of it from
# the 100,000th on, no warm-up, weight decay on everything.
optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="SGD", lr=7.5e-4, momentum=0.9, weight_decay=5e-4),
)
param_scheduler = [
    dict(
        type="MultiStepLR",
        by_epoch=False,
        milestones=[100_000],
        gamma=0.1,
        end=200_000,
    ),
]
train_cfg = dict(type="IterBasedTrainLoop", max_iters=200_000, val_interval=5000)
val_cfg = dict(type="ValLoop")
test_cfg = dict(type="TestLoop")
