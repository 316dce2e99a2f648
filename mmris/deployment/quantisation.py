"""Weights of eight bits, activations quantised while the graph runs."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from mmris.utils.quiet_log import without_notes

# Convolutions are left in float32: ONNX Runtime's integer ones are slower on CPUs.
OPERATIONS = ("MatMul", "Gemm")


def quantised(content: bytes) -> bytes:
    """Quantise the products of matrices of a graph dynamically.

    Args:
        content: An ONNX file.

    Returns:
        An ONNX file with int8 weights.

    Raises:
        ImportError: onnx or onnxruntime is not installed.
    """
    try:
        from onnxruntime.quantization import (  # noqa: PLC0415  # optional
            QuantType,
            quantize_dynamic,
        )
    except ImportError as error:
        raise ImportError(
            "--int8 takes the packages onnx and onnxruntime; pip install 'mmris[onnx]'"
        ) from error
    with TemporaryDirectory() as folder:
        source, target = Path(folder, "float32.onnx"), Path(folder, "int8.onnx")
        source.write_bytes(content)
        with without_notes():
            quantize_dynamic(
                source,
                target,
                op_types_to_quantize=list(OPERATIONS),
                weight_type=QuantType.QInt8,
            )
        return target.read_bytes()
