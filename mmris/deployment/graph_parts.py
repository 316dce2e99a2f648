"""A model as functions of tensors: whole, or cut between image and expressions.

Shapes: B images, N expressions, T words.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from mmris.models.text_encoders.base_text_encoder import TokenBatch

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from mmris.models import RefSegmentor


class WholeModel(nn.Module):
    """Pictures and words to logits.

    Args:
        model: In evaluation mode.
        bfloat16: Whether to compute as under autocast to bfloat16.
    """

    def __init__(self, model: RefSegmentor, *, bfloat16: bool = False) -> None:
        super().__init__()
        self.model = model
        self.in_bfloat16 = bfloat16

    def forward(
        self, images: Tensor, ids: Tensor, mask: Tensor, image_index: Tensor
    ) -> Tensor:
        """Segment.

        Args:
            images: Normalised pictures, ``(B, 3, H, W)``.
            ids: Numbers of the words, ``(N, T)`` int64, padded on the right.
            mask: ``(N, T)`` bool, True on words.
            image_index: ``(N,)`` int64, the picture of each expression.

        Returns:
            Logits at the decode head's size, ``(N, 1, h, w)``.
        """
        with _autocast(self.in_bfloat16):
            text = self.model.text_encoder.encode(TokenBatch(ids, mask))
            encoded = self.model.encode_image(images)
            return self.model.decode_text(encoded, text, image_index).logits


class ImagePart(nn.Module):
    """What needs no words, once a picture.

    Args:
        model: In evaluation mode.
        bfloat16: Whether to compute as under autocast to bfloat16.
    """

    def __init__(self, model: RefSegmentor, *, bfloat16: bool = False) -> None:
        super().__init__()
        self.model = model
        self.in_bfloat16 = bfloat16

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Encode.

        Args:
            images: Normalised pictures, ``(B, 3, H, W)``.

        Returns:
            The tensors that :class:`ExpressionPart` wants.
        """
        with _autocast(self.in_bfloat16):
            leaves = pytree.tree_leaves(self.model.encode_image(images))
        return tuple(leaf for leaf in leaves if isinstance(leaf, Tensor))


class ExpressionPart(nn.Module):
    """Everything that needs the words.

    Args:
        model: In evaluation mode.
        encoded: What the model made of some picture of the size in question: tells how
            the tensors of :class:`ImagePart` belong together.
        bfloat16: Whether to compute as under autocast to bfloat16.
    """

    def __init__(
        self, model: RefSegmentor, encoded: Any, *, bfloat16: bool = False
    ) -> None:
        super().__init__()
        self.model = model
        self.in_bfloat16 = bfloat16
        leaves, self.structure = pytree.tree_flatten(encoded)
        # Sizes among them are numbers of the graph, the tensors its inputs.
        self.numbers = [None if isinstance(leaf, Tensor) else leaf for leaf in leaves]
        self.is_tensor = [isinstance(leaf, Tensor) for leaf in leaves]

    def forward(
        self,
        encoded: tuple[Tensor, ...],
        ids: Tensor,
        mask: Tensor,
        image_index: Tensor,
    ) -> Tensor:
        """Segment.

        Args:
            encoded: What :class:`ImagePart` gave.
            ids: Numbers of the words, ``(N, T)`` int64, padded on the right.
            mask: ``(N, T)`` bool, True on words.
            image_index: ``(N,)`` int64, the picture of each expression.

        Returns:
            Logits at the decode head's size, ``(N, 1, h, w)``.
        """
        given = iter(encoded)
        leaves = [
            next(given) if is_tensor else number
            for is_tensor, number in zip(self.is_tensor, self.numbers, strict=True)
        ]
        rebuilt = pytree.tree_unflatten(leaves, self.structure)
        with _autocast(self.in_bfloat16):
            text = self.model.text_encoder.encode(TokenBatch(ids, mask))
            return self.model.decode_text(rebuilt, text, image_index).logits


def _autocast(bfloat16: bool) -> AbstractContextManager[Any]:
    # Inside of what is exported: around it, it would not be part of the program.
    return torch.autocast("cpu", torch.bfloat16) if bfloat16 else nullcontext()
