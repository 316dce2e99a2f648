"""Graphs of a model, by ``torch.export``, and the same as ONNX.

Shapes: B images, N expressions, T words. B, N and T are open in every graph; H and W
if asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import torch
from torch import Tensor
from torch.export import Dim

from mmris.models import WordTextEncoder
from mmris.models.layers import exporting
from mmris.utils.quiet_log import without_notes

from .graph_parts import ExpressionPart, ImagePart, WholeModel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch.export import ExportedProgram

    from mmris.models import RefSegmentor

Parts: TypeAlias = Literal["split", "whole"]
# The first opset whose Resize and Scan the exporter writes without conversion.
OPSET = 18
WORDS = ("ids", "mask", "image_index")
_INSTALL = "pip install 'mmris[onnx]'"


@dataclass(frozen=True)
class Graph:
    """One graph.

    Attributes:
        name: Of its file, without ending: ``"whole"``, ``"image"`` or
            ``"expressions"``.
        program: The exported program.
        inputs: Names of its inputs, in order.
        outputs: Names of its outputs, in order.
    """

    name: str
    program: ExportedProgram
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@torch.no_grad()
def export_model(
    model: RefSegmentor,
    *,
    size: tuple[int, int],
    parts: Parts,
    any_size: bool = False,
    bfloat16: bool = False,
) -> list[Graph]:
    """Export a model for any number of pictures, expressions and words.

    Args:
        model: In evaluation mode, on the CPU.
        size: ``(H, W)`` of the pictures.
        parts: ``"whole"`` for one graph, ``"split"`` for the picture's and the
            expressions'.
        any_size: Whether pictures of other sizes are taken as well.
        bfloat16: Whether the graphs compute as under autocast to bfloat16.

    Returns:
        The graphs, in the order in which they run.

    Raises:
        ValueError: The model fixes what should be open.
    """
    images, words = example_inputs(model, size)
    picture = _open_dims((0, 2, 3) if any_size else (0,))
    if parts == "whole":
        program = _export(
            WholeModel(model, bfloat16=bfloat16),
            (images, *words),
            (picture, *_OPEN_WORDS),
        )
        return [Graph("whole", program, ("images", *WORDS), ("logits",))]
    image_part = ImagePart(model, bfloat16=bfloat16)
    program = _export(image_part, (images,), (picture,))
    # As the graph computes it: the layout in memory may be another one.
    encoded = image_part(images)
    names = tuple(f"encoded_{number}" for number in range(len(encoded)))
    image = Graph("image", program, ("images",), names)
    other = _other_size(size) if any_size else size
    others = example_inputs(model, other, images=3)[0]
    dims = _differing(encoded, image_part(others))
    part = ExpressionPart(model, model.encode_image(images), bfloat16=bfloat16)
    _check_numbers(part, any_size=any_size)
    program = _export(part, (encoded, *words), (dims, *_OPEN_WORDS))
    return [image, Graph("expressions", program, (*names, *WORDS), ("logits",))]


def example_inputs(
    model: RefSegmentor,
    size: tuple[int, int],
    *,
    images: int = 2,
    expressions: int = 3,
    words: int = 5,
    seed: int = 0,
) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor]]:
    """Pictures of noise and expressions of random words and lengths.

    Args:
        model: Whose words they are.
        size: ``(H, W)``.
        images: B.
        expressions: N.
        words: T; the first expression has so many, the others up to so many.
        seed: Of the noise.

    Returns:
        Images, and ids, mask and image_index.
    """
    generator = torch.Generator().manual_seed(seed)

    def numbers(low: int, high: int, shape: Sequence[int]) -> Tensor:
        return torch.randint(low, high, tuple(shape), generator=generator)

    pictures = torch.randn(images, 3, *size, generator=generator)
    lengths = numbers(1, words + 1, (expressions, 1))
    lengths[0] = words
    mask = torch.arange(words) < lengths
    known = _some_words(model)
    ids = known[numbers(0, len(known), (expressions, words))]
    return pictures, (ids, mask, numbers(0, images, (expressions,)))


def _some_words(model: RefSegmentor) -> Tensor:
    """Numbers of words that the text encoder takes."""
    encoder = model.text_encoder
    if isinstance(encoder, WordTextEncoder):
        return torch.arange(encoder.num_embeddings)
    batch = encoder.tokenize(
        ["the large red circle on the left of a small blue square"]
    )
    return batch.ids[batch.mask]


@torch.no_grad()  # loops with gradients hand sizes on, which ONNX cannot
def onnx_bytes(graph: Graph) -> bytes:
    """A graph as the content of an ONNX file.

    Args:
        graph: The graph.

    Returns:
        The file, weights included.

    Raises:
        ImportError: onnx or onnxscript is not installed.
        ValueError: The graph has an operation that ONNX lacks.
    """
    try:
        import onnxscript  # noqa: F401, PLC0415  # optional
    except ImportError as error:
        raise ImportError(
            f"writing ONNX takes the packages onnx and onnxscript; {_INSTALL}"
        ) from error
    with without_notes():
        try:
            converted = torch.onnx.export(
                graph.program,
                dynamo=True,
                opset_version=OPSET,
                input_names=list(graph.inputs),
                output_names=list(graph.outputs),
                verbose=False,
            )
        except Exception as error:  # its passes raise errors of several packages
            reason = _first_cause(error)
            raise ValueError(
                f"the graph {graph.name!r} cannot be written as ONNX: {reason}. Use "
                "--format torch, or another part in the config"
            ) from error
    if converted is None:  # of the older exporter, which is not asked for
        raise ValueError(f"the graph {graph.name!r} gave no ONNX model")
    content: bytes = converted.model_proto.SerializeToString()
    return content


def _first_cause(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"


def _open_dims(axes: Sequence[int]) -> dict[int, Any]:
    return dict.fromkeys(axes, Dim.DYNAMIC)


_OPEN_WORDS = (_open_dims((0, 1)), _open_dims((0, 1)), _open_dims((0,)))


def _export(
    part: WholeModel | ImagePart | ExpressionPart,
    example: tuple[Any, ...],
    open_dims: tuple[Any, ...],
) -> ExportedProgram:
    with exporting():
        try:
            program: ExportedProgram = torch.export.export(
                part.eval(), example, dynamic_shapes=open_dims, strict=False
            )
            # Autocast is a block of its own in a program, which no file can hold. Run
            # through once more, it becomes conversions of numbers.
            if part.in_bfloat16:
                program = program.run_decompositions({})
            return program
        except (torch._dynamo.exc.UserError, torch._dynamo.exc.Unsupported) as error:
            reason = " ".join(str(error).split())[:300]
            raise ValueError(
                f"{type(part).__name__} cannot be exported for any size: {reason} "
                "... Export for a fixed image size (without --any-image-size), or use "
                "another part in the config"
            ) from error


def _other_size(size: tuple[int, int]) -> tuple[int, int]:
    """Another size, of as many halvings."""
    return size[0] * 2, size[1] * 3


def _differing(some: Sequence[Tensor], others: Sequence[Tensor]) -> tuple[Any, ...]:
    """The axes that depend on number and size of the pictures, open."""
    return tuple(
        _open_dims(
            [axis for axis in range(one.ndim) if one.shape[axis] != o.shape[axis]]
        )
        for one, o in zip(some, others, strict=True)
    )


def _check_numbers(part: ExpressionPart, *, any_size: bool) -> None:
    numbers = [number for number in part.numbers if number is not None]
    if any_size and numbers:
        raise ValueError(
            f"what the neck {type(part.model.neck).__name__} keeps of a picture holds "
            f"its size as numbers ({numbers}), which a graph of the expressions alone "
            "cannot be given. Export for a fixed image size, or with --parts whole"
        )
