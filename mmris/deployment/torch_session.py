"""Graphs of PyTorch behind the face that ONNX Runtime gives to its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


class Named(NamedTuple):
    """An input or output.

    Attributes:
        name: Its name.
    """

    name: str


class TorchSession:
    """Calls an exported program, or a part of a model, by names.

    Args:
        call: Takes tensors, those named ``encoded_...`` as one tuple in front.
        inputs: Names of the inputs, in order.
        outputs: Names of the outputs, in order.
    """

    def __init__(
        self, call: Callable[..., Any], inputs: Sequence[str], outputs: Sequence[str]
    ) -> None:
        self.call = call
        self.inputs = [Named(name) for name in inputs]
        self.outputs = [Named(name) for name in outputs]

    def get_inputs(self) -> list[Named]:
        """The inputs."""
        return self.inputs

    def get_outputs(self) -> list[Named]:
        """The outputs."""
        return self.outputs

    @torch.no_grad()
    def run(self, names: Sequence[str], values: Mapping[str, Any]) -> list[Any]:
        """Run.

        Args:
            names: The outputs wanted: all, in order.
            values: Arrays, or tensors that another session gave, by name.

        Returns:
            ``logits`` as an array of float32, everything else as it is.
        """
        given = {name: torch.as_tensor(value) for name, value in values.items()}
        encoded = tuple(
            given[entry.name] for entry in self.inputs if _is_encoded(entry.name)
        )
        others = [
            given[entry.name] for entry in self.inputs if not _is_encoded(entry.name)
        ]
        result = self.call(*((encoded,) if encoded else ()), *others)
        results = result if isinstance(result, tuple | list) else [result]
        return [
            value.float().numpy() if name == "logits" else value
            for name, value in zip(names, results, strict=True)
        ]


def _is_encoded(name: str) -> bool:
    return name.startswith("encoded_")
