"""The registries of mmris, each a child of MMEngine's root registry.

A config names mmris's own classes bare (``type="RefSegmentor"``) and others by their
scope (``type="mmseg.ResNetV1c"``). The parent is MMEngine's root, as in every OpenMMLab
project, so that scopes are siblings and none hides another.
"""

from __future__ import annotations

from mmengine import registry as root
from mmengine.config.utils import MODULE2PACKAGE
from mmengine.registry import Registry

# A config may inherit from one of ours, as "mmris::baseline/baseline_tiny_shapes.py";
# MMEngine looks only in packages of this table.
MODULE2PACKAGE["mmris"] = "mmris"


def _child(name: str, parent: Registry, *locations: str) -> Registry:
    return Registry(name, parent=parent, scope="mmris", locations=list(locations))


RUNNERS = _child("runner", root.RUNNERS, "mmris.engine")
RUNNER_CONSTRUCTORS = _child(
    "runner constructor", root.RUNNER_CONSTRUCTORS, "mmris.engine"
)
LOOPS = _child("loop", root.LOOPS, "mmris.engine")
HOOKS = _child("hook", root.HOOKS, "mmris.engine")
STRATEGIES = _child("strategy", root.STRATEGIES, "mmris.engine")
LOG_PROCESSORS = _child("log processor", root.LOG_PROCESSORS, "mmris.engine")

DATASETS = _child("dataset", root.DATASETS, "mmris.datasets")
DATA_SAMPLERS = _child("data sampler", root.DATA_SAMPLERS, "mmris.datasets")
TRANSFORMS = _child("transform", root.TRANSFORMS, "mmris.datasets")
FUNCTIONS = _child("function", root.FUNCTIONS, "mmris.datasets")

MODELS = _child("model", root.MODELS, "mmris.models")
MODEL_WRAPPERS = _child("model wrapper", root.MODEL_WRAPPERS, "mmris.engine")
WEIGHT_INITIALIZERS = _child(
    "weight initializer", root.WEIGHT_INITIALIZERS, "mmris.models"
)

OPTIMIZERS = _child("optimizer", root.OPTIMIZERS, "mmris.engine")
OPTIM_WRAPPERS = _child("optimizer wrapper", root.OPTIM_WRAPPERS, "mmris.engine")
OPTIM_WRAPPER_CONSTRUCTORS = _child(
    "optimizer wrapper constructor", root.OPTIM_WRAPPER_CONSTRUCTORS, "mmris.engine"
)
PARAM_SCHEDULERS = _child("parameter scheduler", root.PARAM_SCHEDULERS, "mmris.engine")
TASK_UTILS = _child("task util", root.TASK_UTILS, "mmris.models")

METRICS = _child("metric", root.METRICS, "mmris.evaluation")
EVALUATOR = _child("evaluator", root.EVALUATOR, "mmris.evaluation")
VISUALIZERS = _child("visualizer", root.VISUALIZERS, "mmris.visualization")
VISBACKENDS = _child("visualizer backend", root.VISBACKENDS, "mmris.visualization")
INFERENCERS = _child("inferencer", root.INFERENCERS, "mmris.apis")
