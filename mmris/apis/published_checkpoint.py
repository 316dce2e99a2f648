"""The checkpoint that goes with the name of a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmris.utils.model_index import find_model, read_model_index
from mmris.utils.weight_files import find_weights

if TYPE_CHECKING:
    from pathlib import Path


def published_checkpoint(name: str) -> Path:
    """The file of the trained weights of a model, fetched if it is elsewhere.

    Args:
        name: Its name in the model index; ``mmris models`` lists them.

    Returns:
        A file with the checksum of the index. It has its config inside.

    Raises:
        OSError: The weights cannot be read or downloaded.
        ValueError: No such model, it has no weights, or the file is another.
    """
    weights = find_model(name, read_model_index()).weights
    if weights is None:  # find_model refuses such a model
        raise ValueError(f"the model {name} has no trained weights")
    return find_weights(weights.address, weights.sha256)
