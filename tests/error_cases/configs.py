"""Configs and options."""

from types import SimpleNamespace

from mmengine.config import Config
from torch import nn

from mmris.datasets import ShapesRefDataset
from mmris.engine import ActivationCheckpointingHook, AtomicCheckpointHook
from mmris.utils.config import load_config, switch_dataset
from mmris.utils.config_check import check_config, check_custom_keys
from mmris.utils.config_options import (
    add_tracker,
    check_work_dir,
    select_split,
    shorten_schedule,
    use_mixed_precision,
)
from mmris.utils.config_overrides import apply_overrides
from mmris.utils.run_check import check_run
from mmris.utils.speed_options import use_speed_hooks
from mmris.utils.tiny_config import make_tiny
from tests.conftest import REPOSITORY

from . import error

TINY = REPOSITORY / "configs" / "baseline" / "baseline_tiny_shapes.py"


def tiny(**options):
    cfg = Config.fromfile(TINY)
    cfg.merge_from_dict({key.replace("__", "."): v for key, v in options.items()})
    return cfg


@error("The config file is not there")
def missing_config(folder):
    load_config("configs/baseline/baseline_tiny_shape.py")


@error("`--dataset` names no dataset")
def missing_dataset(folder):
    switch_dataset(tiny(), "refcocoo")


@error("A key of the config is misspelt")
def misspelt_key(folder):
    cfg = tiny()
    cfg["optim_wraper"] = {"type": "OptimWrapper"}
    check_config(cfg)


@error("An argument of a part is misspelt")
def misspelt_argument(folder):
    check_config(tiny(model__backbone__dpth=50))


@error("The name of a hook is misspelt")
def misspelt_hook(folder):
    check_config(tiny(default_hooks__visualisation={"type": "RefVisualizationHook"}))


@error("A `type` is misspelt, or lacks its scope")
def unknown_type(folder):
    check_config(tiny(model__backbone__type="ResNetV1c"))


@error("A part has no `type`")
def no_type(folder):
    cfg = tiny()
    del cfg.train_dataloader.sampler["type"]
    check_config(cfg)


@error("A learning rate is for no part of the model")
def no_such_part(folder):
    keys = {"text_encodr": {"lr_mult": 0.1}}
    cfg = tiny(optim_wrapper__paramwise_cfg={"custom_keys": keys})
    check_custom_keys(nn.ModuleDict({"text_encoder": nn.Linear(1, 1)}), cfg)


@error("`custom_imports` is a list")
def imports_in_a_list(folder):
    (folder / "own.py").write_text("custom_imports = ['my_package']\n")
    load_config(folder / "own.py")


@error("A module of `custom_imports` is not found")
def no_such_module(folder):
    text = "custom_imports = dict(imports=['package_that_is_not_there'])\n"
    (folder / "own.py").write_text(text)
    load_config(folder / "own.py")


@error("`save_best` names a kind of sentences that the data do not have")
def no_such_kind(folder):
    hook = AtomicCheckpointHook(
        interval=3, by_epoch=False, save_best="mIoU_attributes", rule="greater"
    )
    hook.out_dir, hook.last_ckpt = str(folder), str(folder / "iter_3.pth")
    runner = SimpleNamespace(epoch=0, iter=3)
    hook.after_val_epoch(runner, {"oIoU": 50.0, "mIoU_attribute": 60.0})


@error("`save_best` names a score that validation does not give")
def no_such_score(folder):
    check_run(tiny(default_hooks__checkpoint__save_best="miou"))


@error("`rule` would keep the worst checkpoint")
def less_is_better(folder):
    check_run(tiny(default_hooks__checkpoint__rule="less"))


@error("A schedule counts epochs, training iterations")
def schedule_by_epoch(folder):
    schedule = {"type": "PolyLR", "power": 0.9, "end": 12}
    check_run(tiny(param_scheduler=[schedule]))


@error("Checkpoints are saved by epochs, training goes by iterations")
def checkpoints_by_epoch(folder):
    check_run(tiny(default_hooks__checkpoint__by_epoch=True))


@error("Epochs that never end")
def endless_epoch(folder):
    train_cfg = {"_delete_": True, "by_epoch": True, "max_epochs": 3}
    check_run(tiny(train_cfg=train_cfg))


@error("Two metrics of one name")
def two_metrics_of_one_name(folder):
    metrics = [{"type": "RefSegMetric"}, {"type": "RefSegMetric", "boundary_iou": True}]
    check_run(tiny(val_evaluator=metrics))


@error("`test_mode` is forgotten")
def no_test_mode(folder):
    cfg = tiny()
    del cfg.val_dataloader.dataset["test_mode"]
    check_run(cfg)


@error("`test_mode` in training")
def training_in_test_mode(folder):
    check_run(tiny(train_dataloader__dataset__test_mode=True))


@error("`expressions_per_image` with a sampling of single expressions")
def ignored_number(folder):
    ShapesRefDataset(split="train", num_images=1, expressions_per_image=4)


@error("`--cfg-options` names no key of the config")
def unknown_option(folder):
    apply_overrides(tiny(), {"trian_cfg.max_iters": 5})


@error("`--cfg-options` changes a variable that was used already")
def used_variable(folder):
    apply_overrides(tiny(), {"max_iters": 5})


@error("`--cfg-options` goes past the end of a list")
def past_the_end(folder):
    apply_overrides(tiny(), {"param_scheduler.7.end": 5})


@error("`--tiny` for a config with a part of another package")
def no_sizes(folder):
    make_tiny(tiny(model__neck__type="OwnNeck"))


@error("`--max-iters` is not positive")
def no_iterations(folder):
    shorten_schedule(tiny(), 0)


@error("`--max-iters` for a config that trains by epochs")
def epochs(folder):
    train_cfg = {"_delete_": True, "by_epoch": True, "max_epochs": 3}
    shorten_schedule(tiny(train_cfg=train_cfg), 10)


@error("`--amp` for another optimizer wrapper")
def other_wrapper(folder):
    use_mixed_precision(tiny(optim_wrapper__type="ApexOptimWrapper"))


@error("`compile` and `activation_checkpointing` at once")
def compiled_and_checkpointed(folder):
    use_speed_hooks(tiny(compile=True, activation_checkpointing=["decode_head"]))


@error("`activation_checkpointing` names no part")
def no_such_part_to_run_again(folder):
    hook = ActivationCheckpointingHook(modules=["decode_hed"])
    model = nn.ModuleDict({"decode_head": nn.Linear(1, 1)})
    hook.before_train(SimpleNamespace(model=model))


@error("`--split` for a dataset without splits")
def no_splits(folder):
    dataset = {"_delete_": True, "type": "mmengine.BaseDataset"}
    select_split(tiny(test_dataloader__dataset=dataset), "testB")


@error("The package of `--tracker` is not installed")
def no_tracker(folder):
    add_tracker(tiny(), "tracker_that_is_not_installed")


@error("The work dir cannot be written")
def work_dir(folder):
    (folder / "run").write_text("")
    check_work_dir(str(folder / "run"))
