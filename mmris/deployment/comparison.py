"""Whether a graph gives what the model gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from .graph_parts import WholeModel
from .graphs import WORDS, example_inputs

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from mmris.models import RefSegmentor

# Largest difference, as a share of the largest logit or of 1 if that is less.
TOLERANCE = 1e-4
# Pictures, expressions and words: one of each, all but one padded, many.
CASES = ((2, 3, 5), (1, 1, 1), (1, 4, 7), (3, 7, 20))


@dataclass(frozen=True)
class Difference:
    """How far the logits of a graph are from the model's own.

    Attributes:
        images: Pictures, B.
        expressions: N.
        words: T, of the longest expression.
        size: ``(H, W)``.
        largest: Largest difference of two logits.
        scale: Largest logit of the model, at least 1.
    """

    images: int
    expressions: int
    words: int
    size: tuple[int, int]
    largest: float
    scale: float

    @property
    def share(self) -> float:
        """The difference as a share of the largest logit."""
        return self.largest / self.scale


def compare(
    model: RefSegmentor, sessions: Sequence[Any], sizes: Sequence[tuple[int, int]]
) -> list[Difference]:
    """Run graphs and model on noise of several sizes.

    Args:
        model: In evaluation mode, on the CPU.
        sessions: The graphs in the order in which they run, each with ``get_inputs``,
            ``get_outputs`` and ``run`` as ONNX Runtime has them.
        sizes: ``(H, W)`` of the pictures.

    Returns:
        One entry for each size and each of ``CASES``.

    Raises:
        ValueError: A graph does not run.
    """
    whole, found = WholeModel(model), []
    for size in sizes:
        for images, expressions, words in CASES:
            pictures, texts = example_inputs(
                model, size, images=images, expressions=expressions, words=words
            )
            with torch.no_grad():
                expected = whole(pictures, *texts)
            named = {"images": pictures, **dict(zip(WORDS, texts, strict=True))}
            values = {name: tensor.numpy() for name, tensor in named.items()}
            try:
                logits = torch.as_tensor(run_all(sessions, values)["logits"])
            except Exception as error:  # ONNX Runtime has errors of its own
                raise ValueError(
                    f"the graph does not take {images} pictures of {size} with "
                    f"{expressions} expressions: {' '.join(str(error).split())[:200]}. "
                    "Nothing was written; export for a fixed image size (without "
                    "--any-image-size)"
                ) from error
            found.append(
                Difference(
                    images=images,
                    expressions=expressions,
                    words=words,
                    size=size,
                    largest=float((logits - expected).abs().max()),
                    scale=max(1.0, float(expected.abs().max())),
                )
            )
    return found


def run_all(
    sessions: Sequence[Any], values: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Run graphs one after the other, each on what there is so far.

    Args:
        sessions: The graphs.
        values: What the first is given.

    Returns:
        The values and all outputs, by name.
    """
    values = dict(values)
    for session in sessions:
        wanted = {given.name: values[given.name] for given in session.get_inputs()}
        names = [given.name for given in session.get_outputs()]
        values.update(zip(names, session.run(names, wanted), strict=True))
    return values


def check_differences(differences: Sequence[Difference]) -> Difference:
    """Refuse graphs that are too far from the model.

    Args:
        differences: What :func:`compare` gave.

    Returns:
        The largest one.

    Raises:
        ValueError: One is beyond ``TOLERANCE``.
    """
    worst = max(differences, key=lambda difference: difference.share)
    if not worst.share <= TOLERANCE:  # not a number neither
        raise ValueError(
            f"the graph is not the model: for {worst.images} pictures of {worst.size} "
            f"and {worst.expressions} expressions of up to {worst.words} words the "
            f"logits, of up to {worst.scale:.3g}, differ by {worst.largest:.2g}. "
            "Nothing was written; report this, or try --format torch"
        )
    return worst
