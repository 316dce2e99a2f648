# Adam with polynomial decay to a floor, as the code of CMSA and CMPC trains: 800,000
# iterations of one sentence, 2.5e-4 to 1e-5, power 0.9, no warm-up, no clipping.
#
# Their loss is a sum over 320x320 pixels with weight decay 5e-4 added to it. The papers
# and mmris take the mean, and the decay of the same strength is 5e-4 / 102400. It is
# coupled (Adam, not AdamW); which parameters it holds for is the method's matter
# (paramwise_cfg).
optim_wrapper = dict(
    type="OptimWrapper",
    constructor="MergedGroupsOptimWrapperConstructor",  # few launches on a GPU
    optimizer=dict(
        type="Adam", lr=2.5e-4, betas=(0.9, 0.999), eps=1e-8, weight_decay=4.9e-9
    ),
)
param_scheduler = [
    dict(type="PolyLR", eta_min=1e-5, power=0.9, by_epoch=False, end=800_000),
]
train_cfg = dict(type="IterBasedTrainLoop", max_iters=800_000, val_interval=20_000)
val_cfg = dict(type="ValLoop")
test_cfg = dict(type="TestLoop")
