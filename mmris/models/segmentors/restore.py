"""From the logits of a head back to the picture as it was on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmris.models.layers import resize_to

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


def restore_logits(
    logits: Tensor,
    *,
    input_size: tuple[int, int],
    content_box: Sequence[int],
    original_size: tuple[int, int],
) -> Tensor:
    """Undo the resizing of the pipeline, letterbox or plain.

    The logits are brought to the size of the model's input, the part that shows the
    picture is cut out, and that is resized to the original size. All three maps are the
    pipeline's own, inverted, so that masks land where the objects are; thresholding
    comes after, so that resizing never dilates a mask.

    Args:
        logits: ``(K, 1, h, w)`` of one picture.
        input_size: Height and width of the model's input.
        content_box: Top, left, height and width of the picture within the input.
        original_size: Height and width of the picture on disk.

    Returns:
        ``(K, *original_size)``.
    """
    top, left, height, width = content_box
    at_input = resize_to(logits, input_size)
    content = at_input[..., top : top + height, left : left + width]
    return resize_to(content, original_size)[:, 0]
