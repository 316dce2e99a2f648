"""States of an LSTM or GRU layer, also in a graph for any number of words."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from mmris.models.layers import is_exporting, scan_steps

if TYPE_CHECKING:
    State = tuple[Tensor, ...]


def layer_states(layer: nn.Module, words: Tensor) -> Tensor:
    """Run a recurrent layer from a state of zeros.

    Args:
        layer: LSTM or GRU of one layer and one direction, ``batch_first``, with biases.
        words: ``(N, T, C_e)``.

    Returns:
        The states after each word, ``(N, T, C_h)``.
    """
    if is_exporting():
        return _word_by_word(layer, words)
    states: Tensor = layer(words)[0]
    return states


def _word_by_word(layer: nn.Module, words: Tensor) -> Tensor:
    of_word, of_state, word_bias, state_bias = (
        cast("Tensor", getattr(layer, f"{name}_l0"))
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    )
    read = functional.linear(words, of_word, word_bias)
    start = words.new_zeros(words.shape[0], of_state.shape[1])
    has_cell = isinstance(layer, nn.LSTM)
    # Hidden and cell state start equal, but are two tensors: a scan refuses one twice.
    state = (start, torch.zeros_like(start)) if has_cell else (start,)
    gated = _lstm_step if has_cell else _gru_step

    def one_word(state: State, gates: tuple[Tensor, ...]) -> tuple[State, Tensor]:
        said = functional.linear(state[0], of_state, state_bias)
        following = gated(gates[0], said, state)
        return following, following[0].clone()

    _, states = scan_steps(one_word, state, (read.transpose(0, 1),))
    return states.transpose(0, 1)


def _lstm_step(read: Tensor, said: Tensor, state: State) -> State:
    """Hidden and cell state, from what word and state say to the gates i, f, g, o."""
    keep, forget, new, out = (read + said).chunk(4, dim=1)
    cell = torch.sigmoid(forget) * state[1] + torch.sigmoid(keep) * torch.tanh(new)
    return torch.sigmoid(out) * torch.tanh(cell), cell


def _gru_step(read: Tensor, said: Tensor, state: State) -> State:
    """Hidden state, from what word and state say to the gates r, z, n."""
    reset, update, new = read.chunk(3, dim=1)
    reset_said, update_said, new_said = said.chunk(3, dim=1)
    update = torch.sigmoid(update + update_said)
    new = torch.tanh(new + torch.sigmoid(reset + reset_said) * new_said)
    return ((1 - update) * new + update * state[0],)
