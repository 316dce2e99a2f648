from .graph_parts import ExpressionPart, ImagePart, WholeModel
from .graphs import Graph, export_model, onnx_bytes
from .model_folder import describe_model, write_tokenizer

__all__ = [
    "ExpressionPart",
    "Graph",
    "ImagePart",
    "WholeModel",
    "describe_model",
    "export_model",
    "onnx_bytes",
    "write_tokenizer",
]
