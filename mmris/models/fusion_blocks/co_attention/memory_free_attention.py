"""Attention between many places without the matrix of all their pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor


def memory_free_attention(
    query: Tensor, key: Tensor, values: Tensor, *, scale: float
) -> Tensor:
    """Softmax attention by PyTorch's fused kernels, in memory linear in P.

    They want heads of one size for queries, keys and values, on CUDA of at most 256
    channels, contiguous in the channels; whatever is otherwise they hand in silence to
    a kernel that makes the P x P matrix. So the values are cut into heads as wide as
    the queries, which all heads share, the last one filled up with zeros.

    Args:
        query: ``(N, d, P)``.
        key: ``(N, d, P)``.
        values: ``(N, C, P)``, of the same type.
        scale: Factor of the scores.

    Returns:
        ``(N, C, P)``.
    """
    width, channels = query.shape[1], values.shape[1]
    num_heads = -(-channels // width)
    missing = num_heads * width - channels
    if missing:
        values = functional.pad(values, (0, 0, 0, missing))
    heads = values.transpose(1, 2).contiguous()  # (N, P, heads * d)
    heads = heads.view(*heads.shape[:2], num_heads, width)
    query, key = (
        tokens.transpose(1, 2).contiguous()[:, None].expand(-1, num_heads, -1, -1)
        for tokens in (query, key)
    )
    gathered = functional.scaled_dot_product_attention(
        query, key, heads.transpose(1, 2), scale=scale
    )  # (N, heads, P, d)
    tokens = gathered.transpose(1, 2).flatten(2)[:, :, :channels]
    return tokens.transpose(1, 2)
