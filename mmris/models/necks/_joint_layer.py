"""One layer of attention among the cells and the words of an expression.

Shapes: L levels, N expressions, P cells, T words, C channels; of one layer R = L * N
rows of S = P + T tokens, h heads.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional


class Prepared(NamedTuple):
    """What attention wants of tokens; computed for each token on its own.

    Attributes:
        query: ``(R, S, C)``.
        key: ``(R, S, C)``.
        value: ``(R, S, C)``.
        residual: The tokens themselves, ``(R, S, C)``, None without a residual.
    """

    query: Tensor
    key: Tensor
    value: Tensor
    residual: Tensor | None

    def take(self, rows: Tensor) -> Prepared:
        """Choose along the rows in front of tokens and channels.

        Args:
            rows: int64, places along the third dimension from the end.
        """
        residual = self.residual
        return Prepared(
            self.query.index_select(-3, rows),
            self.key.index_select(-3, rows),
            self.value.index_select(-3, rows),
            None if residual is None else residual.index_select(-3, rows),
        )


def join(cells: Prepared, words: Prepared) -> Prepared:
    """All tokens of each level and expression.

    Args:
        cells: ``(L, N, P, C)``.
        words: ``(N, T, C)``, the same for all levels.

    Returns:
        ``(L * N, P + T, C)``.
    """
    residual: Tensor | None = None
    if cells.residual is not None and words.residual is not None:
        residual = _join(cells.residual, words.residual)
    return Prepared(
        _join(cells.query, words.query),
        _join(cells.key, words.key),
        _join(cells.value, words.value),
        residual,
    )


def _join(cells: Tensor, words: Tensor) -> Tensor:
    repeated = words.expand(len(cells), -1, -1, -1)
    return torch.cat([cells, repeated], dim=2).flatten(0, 1)


class JointLayer(nn.Module):
    """Layer normalisation, multi-head attention and, if wanted, a feed-forward part.

    The matrix of all pairs of tokens is not made where PyTorch has a fused kernel that
    takes a mask; on a CPU that is without dropout, so in evaluation.

    Args:
        channels: ``C``.
        num_heads: ``h``, a divisor of C.
        residual: Whether attention and feed-forward part are added to what they get.
        ffn_channels: Channels inside the feed-forward part, 0 for none.
        position_in_values: Whether values know their position, as queries and keys do.
        dropout: Share dropped of attention weights and of what each part gives.
    """

    def __init__(
        self,
        *,
        channels: int,
        num_heads: int,
        residual: bool,
        ffn_channels: int,
        position_in_values: bool,
        dropout: float,
    ) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.residual = residual
        self.position_in_values = position_in_values
        self.norm = nn.LayerNorm(channels)
        self.query = nn.Linear(channels, channels)
        self.key = nn.Linear(channels, channels)
        self.value = nn.Linear(channels, channels)
        self.output = nn.Linear(channels, channels)
        self.dropout = nn.Dropout(dropout)
        self.ffn: nn.Module | None = None
        if ffn_channels > 0:
            self.ffn = nn.Sequential(
                nn.LayerNorm(channels),
                nn.Linear(channels, ffn_channels),
                nn.ReLU(),
                nn.Dropout(dropout),
                nn.Linear(ffn_channels, channels),
                nn.Dropout(dropout),
            )

    def prepare(self, tokens: Tensor, position: Tensor | None) -> Prepared:
        """What each token does alone: image and words may be prepared apart.

        Args:
            tokens: ``(..., S, C)``.
            position: ``(S, C)``, None for none.

        Returns:
            Queries, keys and values.
        """
        plain = self.norm(tokens)
        placed = plain if position is None else plain + position
        return Prepared(
            query=self.query(placed),
            key=self.key(placed),
            value=self.value(placed if self.position_in_values else plain),
            residual=tokens if self.residual else None,
        )

    def attend(self, prepared: Prepared, mask: Tensor) -> Tensor:
        """Let every token look at all valid ones.

        Args:
            prepared: Of all tokens, ``(R, S, C)``.
            mask: ``(R, S)`` bool, True on valid tokens.

        Returns:
            ``(R, S, C)``.
        """
        attended = self._gather(prepared, self._heads(prepared.value), mask)
        tokens: Tensor = self.output(attended.transpose(1, 2).flatten(2))
        tokens = self.dropout(tokens)
        if prepared.residual is not None:
            tokens = prepared.residual + tokens
        if self.ffn is None:
            return tokens
        changed: Tensor = self.ffn(tokens)
        return tokens + changed if self.residual else changed

    def shares(self, prepared: Prepared, mask: Tensor) -> Tensor:
        """How much each token takes of each other one, for people to look at.

        What is gathered is linear in the values. So these are what the attention of
        :meth:`attend` gathers of values that are unit vectors.

        Args:
            prepared: Of all tokens, ``(R, S, C)``.
            mask: ``(R, S)`` bool, True on valid tokens.

        Returns:
            ``(R, h, S, S)``: tokens that look, and at which; rows sum to 1, and invalid
            tokens are not looked at.
        """
        rows, length, _ = prepared.key.shape
        each = torch.eye(length).to(prepared.value)
        return self._gather(prepared, each.expand(rows, self.num_heads, -1, -1), mask)

    def forward(self, tokens: Tensor, position: Tensor | None, mask: Tensor) -> Tensor:
        """Prepare and attend.

        Args:
            tokens: ``(R, S, C)``.
            position: ``(S, C)``, None for none.
            mask: ``(R, S)`` bool, True on valid tokens.

        Returns:
            ``(R, S, C)``.
        """
        return self.attend(self.prepare(tokens, position), mask)

    def _gather(self, prepared: Prepared, values: Tensor, mask: Tensor) -> Tensor:
        """``(R, h, S, C / h)`` of values of that shape."""
        return functional.scaled_dot_product_attention(
            self._heads(prepared.query),
            self._heads(prepared.key),
            values,
            attn_mask=mask[:, None, None],  # (R, 1, 1, S): the same for all queries
            dropout_p=self.dropout.p if self.training else 0.0,
        )

    def _heads(self, tokens: Tensor) -> Tensor:
        rows, length, _ = tokens.shape
        return tokens.view(rows, length, self.num_heads, -1).transpose(1, 2)
