"""Multi-head attention between a map and a few embeddings, projected on their side.

Shapes: N expressions, P = H * W positions, Q embeddings, C channels, h heads.
Embeddings have one row, (1, Q, C), as long as they are the same for all expressions.
Paper: Huang and Satoh, "Referring Image Segmentation via Joint Mask Contextual
Embedding Learning and Progressive Alignment Network", EMNLP 2023,
https://aclanthology.org/2023.emnlp-main.481/, Eqs. (3)-(4); attention as in Vaswani et
al., "Attention Is All You Need", NeurIPS 2017.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mmris.models.layers import at_least_float32


class _EmbeddingAttention(nn.Module):
    """The four projections of multi-head attention.

    A bias of the key would be lost in the softmax, and there is none.

    Args:
        channels: ``C``.
        num_heads: ``h``, a divisor of C.
    """

    def __init__(self, *, channels: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.query = nn.Linear(channels, channels)
        self.key = nn.Linear(channels, channels, bias=False)
        self.value = nn.Linear(channels, channels)
        self.output = nn.Linear(channels, channels)
        for linear in (self.query, self.key, self.value, self.output):
            nn.init.xavier_uniform_(linear.weight)

    def _heads(self, tokens: Tensor) -> Tensor:
        """``(N, Q, C)`` to ``(N, Q, h, C / h)``."""
        return tokens.view(*tokens.shape[:2], self.num_heads, -1)

    def _rows(self, linear: nn.Linear, *, like: Tensor) -> Tensor:
        """What a projection gives to each head, ``(h, C / h, C)``."""
        # The products of an exported program do not convert what they are given.
        weight = linear.weight.to(like.dtype)
        return weight.view(self.num_heads, -1, linear.in_features)

    def _scaled(self, tokens: Tensor) -> Tensor:
        """Heads times the scale of the scores."""
        heads = self._heads(tokens)
        scale: float = heads.shape[-1] ** -0.5
        return heads * scale


class EmbeddingsFromMap(_EmbeddingAttention):
    r"""Each embedding gathers from the positions of a map: Eq. (3).

    The projections of keys and values are folded onto the embeddings:
    :math:`q \cdot W_k x = (W_k^\top q) \cdot x`, and the weights of positions, which
    sum to 1, pool the map as it is before :math:`W_v` and its bias. Two products of P
    positions with h Q vectors take the place of two with C x C matrices.
    """

    def forward(self, embeddings: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Gather.

        Args:
            embeddings: Queries, ``(N or 1, Q, C)``.
            keys: The map that says where to look, ``(N, C, P)``.
            values: The map that is looked at, at the same positions, ``(N, C, P)``.

        Returns:
            ``(N, Q, C)``.
        """
        shares = self.shares(embeddings, keys).to(values.dtype)
        pooled = shares @ values.transpose(1, 2)  # (N, h Q, C)
        pooled = pooled.view(values.shape[0], self.num_heads, -1, values.shape[1])
        heads = torch.einsum(
            "nhqc,hdc->nqhd", pooled, self._rows(self.value, like=pooled)
        )
        gathered: Tensor = self.output(heads.flatten(2) + self.value.bias)
        return gathered

    def shares(self, embeddings: Tensor, keys: Tensor) -> Tensor:
        """How much each embedding takes of each position.

        Args:
            embeddings: Queries, ``(N or 1, Q, C)``.
            keys: The map that says where to look, ``(N, C, P)``.

        Returns:
            ``(N, h Q, P)``, the embeddings of a head together; sums to 1 over the
            positions.
        """
        query = self._scaled(self.query(embeddings))
        folded = torch.einsum("nqhd,hdc->nhqc", query, self._rows(self.key, like=query))
        scores = at_least_float32(folded.flatten(1, 2) @ keys)
        return torch.softmax(scores, dim=2)  # over positions


class MapFromEmbeddings(_EmbeddingAttention):
    r"""Each position of a map takes from the embeddings: Eq. (4).

    Here the projections of query and output are folded:
    :math:`(W_q x + b_q) \cdot k = x \cdot W_q^\top k + b_q \cdot k`, and
    :math:`W_o` meets the values of the embeddings before they are mixed.
    """

    def forward(self, positions: Tensor, embeddings: Tensor) -> Tensor:
        """Take.

        Args:
            positions: Queries, ``(N, C, P)``.
            embeddings: Keys and values, ``(N, Q, C)``.

        Returns:
            ``(N, C, P)``.
        """
        shares = self.shares(positions, embeddings)
        values = self._heads(self.value(embeddings))
        # Of the output, one matrix a head.
        columns = self.output.weight.to(values.dtype).view(-1, *values.shape[2:])
        written = torch.einsum("nqhd,chd->nchq", values, columns).flatten(2)
        return (
            written @ shares.flatten(1, 2).to(written.dtype) + self.output.bias[:, None]
        )

    def shares(self, positions: Tensor, embeddings: Tensor) -> Tensor:
        """How much each position takes of each embedding.

        Args:
            positions: Queries, ``(N, C, P)``.
            embeddings: Keys, ``(N, Q, C)``.

        Returns:
            ``(N, h, Q, P)``, which sums to 1 over the embeddings.
        """
        keys = self._scaled(self.key(embeddings))
        folded = torch.einsum("nqhd,hdc->nhqc", keys, self._rows(self.query, like=keys))
        bias = self.query.bias.to(keys.dtype).view(self.num_heads, -1)
        offset = torch.einsum("nqhd,hd->nhq", keys, bias)
        scores = folded.flatten(1, 2) @ positions + offset.flatten(1)[:, :, None]
        scores = at_least_float32(scores).view(*offset.shape, -1)
        return torch.softmax(scores, dim=2)  # over embeddings
