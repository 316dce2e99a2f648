"""Has a test write its predictions, with a header that says what they are of."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .config import dataset_leaves

if TYPE_CHECKING:
    from mmengine.config import Config

_BLOCK = 1 << 20


def add_prediction_writer(cfg: Config, path: str | None, *, soft_scores: bool) -> None:
    """Add a writer of predictions to the evaluator of a test.

    Args:
        cfg: Configuration of a test with ``load_from``, changed in place.
        path: The file; None writes none.
        soft_scores: Whether the network's maps are written as well.

    Raises:
        ValueError: Maps are wanted and no file is.
    """
    if path is None:
        if soft_scores:
            raise ValueError(
                "--soft-scores adds the network's maps to what --out FILE writes; give "
                "both options"
            )
        return
    writer = {
        "type": "PredictionWriter",
        "path": path,
        "header": describe_run(cfg),
        "soft_scores": soft_scores,
    }
    evaluator = cfg.test_evaluator
    if isinstance(evaluator, dict) and "metrics" in evaluator:
        evaluator["metrics"] = [*_as_list(evaluator["metrics"]), writer]
    else:
        cfg.test_evaluator = [*_as_list(evaluator), writer]


def describe_run(cfg: Config) -> dict[str, Any]:
    """What predictions come from: config, checkpoint, data and settings.

    Args:
        cfg: Configuration of a test with ``load_from``.
    """
    dataset = cfg.test_dataloader.dataset
    leaves = [
        {key: value for key, value in leaf.items() if key != "pipeline"}
        for leaf in dataset_leaves(dataset)
    ]
    splits = [str(leaf["split"]) for leaf in leaves if leaf.get("split") is not None]
    return {
        "config": cfg.filename,
        "checkpoint": cfg.load_from,
        "checkpoint_sha256": _sha256(Path(cfg.load_from)),
        "dataset": leaves[0] if len(leaves) == 1 else leaves,
        "split": "+".join(splits) or None,
        "test_cfg": cfg.model.get("test_cfg"),
    }


def _as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _sha256(path: Path) -> str | None:
    if not path.is_file():
        return None  # an address: what it gives may change
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
