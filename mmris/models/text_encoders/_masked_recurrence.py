"""Recurrent layers over right-padded rows, equal to packed sequences without packing.

Packed sequences need lengths on the host and stop ``torch.compile`` and
``torch.export``. Padding on the right never reaches a forward layer's valid steps; a
backward layer reads each row reversed by its own length, which leaves its padding on
the right, too.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mmris.models.layers import no_autocast

from ._layer_states import layer_states


class MaskedRecurrence(nn.Module):
    """LSTM or GRU layers, in one or two directions.

    Args:
        cell: The kind of layer.
        in_channels: ``C_e``, channels of a word.
        hidden_channels: ``C_h``, channels of a direction's state.
        num_layers: Layers, each reading all directions of the one below.
        bidirectional: Whether there are backward layers as well.
        dropout: Share of what goes from one layer to the next that is dropped in
            training.

    Raises:
        ValueError: No layer, or dropout with a single one.
    """

    def __init__(
        self,
        cell: type[nn.LSTM] | type[nn.GRU],
        *,
        in_channels: int,
        hidden_channels: int,
        num_layers: int,
        bidirectional: bool,
        dropout: float,
    ) -> None:
        super().__init__()
        if num_layers < 1:
            raise ValueError(
                f"num_layers is {num_layers}; set model.text_encoder.num_layers to at "
                "least 1"
            )
        if dropout > 0 and num_layers == 1:
            raise ValueError(
                f"dropout is {dropout}, but it acts between layers and there is one; "
                "set model.text_encoder.dropout to 0, or num_layers to 2 or more"
            )
        self.hidden_channels = hidden_channels
        self.out_channels = hidden_channels * (2 if bidirectional else 1)
        widths = [in_channels] + [self.out_channels] * (num_layers - 1)

        def layers() -> nn.ModuleList:
            return nn.ModuleList(
                cell(width, hidden_channels, batch_first=True) for width in widths
            )

        self.forward_layers = layers()
        self.backward_layers = layers() if bidirectional else None
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Read the words.

        Args:
            tokens: Words, ``(N, T, C_e)``, finite also in the padding.
            mask: ``(N, T)`` bool, ``True`` on words, which stand on the left.

        Returns:
            The last layer's states at each word, ``(N, T, D * C_h)``, forward before
            backward, zero on padding; and its final states, ``(N, D * C_h)``: forward
            after the last word, backward after the first.
        """
        # Few numbers, and not every processor has such a layer in bfloat16.
        with no_autocast(tokens):
            weight = next(self.forward_layers[0].parameters())
            return self._read(tokens.to(weight.dtype), mask)

    def _read(self, tokens: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        last = mask.sum(dim=1, keepdim=True) - 1  # (N, 1)
        steps = torch.arange(mask.shape[1], device=mask.device)
        reverse = torch.where(mask, last - steps, steps)  # (N, T), its own inverse
        for index, forward_layer in enumerate(self.forward_layers):
            if index > 0:
                tokens = self.dropout(tokens)
            states = layer_states(forward_layer, tokens)  # (N, T, C_h)
            if self.backward_layers is not None:
                backward_layer = self.backward_layers[index]
                backward = layer_states(backward_layer, _take(tokens, reverse))
                states = torch.cat([states, _take(backward, reverse)], dim=-1)
            tokens = states
        final = _take(tokens[..., : self.hidden_channels], last).squeeze(1)
        if self.backward_layers is not None:
            final = torch.cat([final, tokens[:, 0, self.hidden_channels :]], dim=-1)
        return tokens.masked_fill(~mask[..., None], 0.0), final


def _take(values: Tensor, index: Tensor) -> Tensor:
    """The positions ``index (N, S)`` of ``values (N, T, C)``: ``(N, S, C)``."""
    return values.gather(1, index[..., None].expand(-1, -1, values.shape[-1]))
