"""Tells whether a dataset is the one from before."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from .base_ref_dataset import BaseRefDataset


def fingerprint(dataset: Any) -> dict[str, Any]:
    """What changes if the annotations, their order or the choice of them changes.

    The pixels of the pictures are not looked at.

    Args:
        dataset: A dataset, or a wrapper of some.

    Returns:
        ``type``, the number of ``items`` and, where all parts are datasets of mmris,
        ``sha256`` over the records of all.
    """
    result: dict[str, Any] = {"type": type(dataset).__name__, "items": len(dataset)}
    parts = _leaves(dataset)
    if all(isinstance(part, BaseRefDataset) for part in parts):
        digest = hashlib.sha256()
        for part in parts:
            _add(digest, part)
        result["sha256"] = digest.hexdigest()
    return result


def _leaves(dataset: Any) -> list[Any]:
    if isinstance(dataset, BaseRefDataset):
        return [dataset]
    if hasattr(dataset, "datasets"):
        return [leaf for part in dataset.datasets for leaf in _leaves(part)]
    return _leaves(dataset.dataset) if hasattr(dataset, "dataset") else [dataset]


def _add(digest: Any, dataset: BaseRefDataset) -> None:
    digest.update(dataset.item_images().tobytes())
    source = dataset.index_source()
    # Files are read faster than made into records.
    if source is not None and not source.generated:
        digest.update(source.key())
        return
    for image in range(dataset.num_images):
        record = dataset.record(image)
        record.pop("img_path", None)  # the data may lie elsewhere
        digest.update(json.dumps(record, sort_keys=True, default=str).encode())
