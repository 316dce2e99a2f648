default_scope = "mmris"

env_cfg = dict(
    # The number of expressions changes from batch to batch, and cuDNN would search for
    # the fastest algorithm anew for each.
    cudnn_benchmark=False,
    # Workers that fork inherit the open dataset instead of reading it again; OpenCV's
    # own threads in every worker would compete for the same cores.
    mp_cfg=dict(mp_start_method="fork", opencv_num_threads=0),
    # Seconds within which all processes have to be there, and seconds that one waits
    # for the others from then on. The backend is gloo where there is no GPU, whatever
    # stands here.
    dist_cfg=dict(backend="nccl", rendezvous_timeout=120, timeout=1800),
)
randomness = dict(seed=0, deterministic=False)

default_hooks = dict(
    timer=dict(type="IterTimerHook"),
    logger=dict(type="LoggerHook", interval=50, log_metric_by_epoch=False),
    param_scheduler=dict(type="ParamSchedulerHook"),
    checkpoint=dict(
        type="AtomicCheckpointHook",
        by_epoch=False,
        interval=2000,
        max_keep_ckpts=2,
        save_best="oIoU",
        rule="greater",
    ),
    sampler_seed=dict(type="DistSamplerSeedHook"),
    checkpoint_fit=dict(type="CheckpointFitHook"),
    exact_resume=dict(type="ExactResumeHook"),
    interruption=dict(type="InterruptionHook"),
    due_validation=dict(type="DueValidationHook"),
    finite_loss=dict(type="FiniteLossHook"),
    run_record=dict(type="RunRecordHook"),
    leak_warning=dict(type="LeakWarningHook"),
    shared_buffers=dict(type="SharedBuffersHook"),
    visualization=dict(
        type="RefVisualizationHook", num_images=4, expressions_per_image=2
    ),
)
custom_hooks = [dict(type="VocabularyHook")]

visualizer = dict(
    type="RefSegVisualizer",
    vis_backends=[dict(type="LocalVisBackend"), dict(type="TensorboardVisBackend")],
)
log_processor = dict(by_epoch=False)
log_level = "INFO"

load_from = None
resume = False
