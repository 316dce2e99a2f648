"""The transforms of testing, without those that need ground truth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mmcv.transforms import Compose

from mmris.datasets.pipeline_check import check_pipeline
from mmris.datasets.transforms import LoadRefMasks
from mmris.registry import TRANSFORMS
from mmris.utils.config import dataset_leaves

if TYPE_CHECKING:
    from mmengine.config import Config


def inference_pipeline(config: Config) -> Compose:
    """Build the pipeline of ``test_dataloader``, or else ``test_pipeline``.

    Args:
        config: A config.

    Returns:
        Its transforms but for the loading of masks: a callable that takes an item with
        ``img`` and ``expressions`` and packs it for the model.

    Raises:
        ValueError: The config has no such pipeline, or one that would give masks of
            other pictures than those that come in.
    """
    steps = _test_pipeline(config)
    if not steps:
        raise ValueError(
            f"config {config.filename or ''} has no transforms for testing: neither "
            "test_dataloader.dataset.pipeline nor test_pipeline. Give the config of a "
            "method, or set test_pipeline"
        )
    transforms = [TRANSFORMS.build(s) if isinstance(s, dict) else s for s in steps]
    check_pipeline(transforms, test_mode=True)
    return Compose([t for t in transforms if not isinstance(t, LoadRefMasks)])


def _test_pipeline(config: Config) -> Any:
    dataset = (config.get("test_dataloader") or {}).get("dataset")
    if dataset is not None:
        for leaf in dataset_leaves(dataset):
            if leaf.get("pipeline"):
                return leaf["pipeline"]
    return config.get("test_pipeline")
