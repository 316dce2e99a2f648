import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from mmris.models.text_encoders._masked_recurrence import MaskedRecurrence
from tests.references.recurrent import gru_row, lstm_row

LENGTHS = [3, 1, 6, 4]
CELLS = {"lstm": (nn.LSTM, lstm_row), "gru": (nn.GRU, gru_row)}


@pytest.fixture(params=["lstm", "gru"])
def cell(request):
    return CELLS[request.param]


def inputs(padding=0):
    length = max(LENGTHS) + padding
    mask = torch.arange(length) < torch.tensor(LENGTHS)[:, None]
    return torch.randn(len(LENGTHS), length, 5, dtype=torch.float64), mask


def build(cell, num_layers=1, bidirectional=False, dropout=0.0):
    return MaskedRecurrence(
        cell,
        in_channels=5,
        hidden_channels=4,
        num_layers=num_layers,
        bidirectional=bidirectional,
        dropout=dropout,
    ).double()


def torch_twin(cell, layer, num_layers, bidirectional):
    """PyTorch's own stack with the same weights."""
    twin = cell(
        5, 4, num_layers=num_layers, bidirectional=bidirectional, batch_first=True
    ).double()
    state = {}
    for suffix, layers in (
        ("", layer.forward_layers),
        ("_reverse", layer.backward_layers),
    ):
        for index, part in enumerate(layers or []):
            for name, value in part.state_dict().items():
                state[name.replace("_l0", f"_l{index}") + suffix] = value
    twin.load_state_dict(state)
    return twin


@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_equals_packed_sequences(cell, num_layers, bidirectional):
    layer = build(cell[0], num_layers, bidirectional)
    tokens, mask = inputs(padding=2)
    twin = torch_twin(cell[0], layer, num_layers, bidirectional)
    packed = pack_padded_sequence(
        tokens, torch.tensor(LENGTHS), batch_first=True, enforce_sorted=False
    )
    outputs, last = twin(packed)
    expected, _ = pad_packed_sequence(
        outputs, batch_first=True, total_length=mask.shape[1]
    )
    state = last[0] if isinstance(last, tuple) else last  # (layers * D, N, C_h)
    directions = 2 if bidirectional else 1
    states, final = layer(tokens, mask)
    close = {"rtol": 0, "atol": 1e-12}
    torch.testing.assert_close(states, expected, **close)
    torch.testing.assert_close(final, torch.cat([*state[-directions:]], -1), **close)


def test_equals_naive(cell):
    layer = build(cell[0], bidirectional=True)
    tokens, mask = inputs()
    states, final = layer(tokens, mask)
    for row, length in enumerate(LENGTHS):
        words = tokens[row, :length].tolist()
        forward = cell[1](layer.forward_layers[0], words)
        backward = cell[1](layer.backward_layers[0], words[::-1])[::-1]
        expected = torch.tensor(
            [f + b for f, b in zip(forward, backward, strict=True)],
            dtype=torch.float64,
        )
        torch.testing.assert_close(states[row, :length], expected, rtol=0, atol=1e-12)
        ends = torch.tensor(forward[-1] + backward[0], dtype=torch.float64)
        torch.testing.assert_close(final[row], ends, rtol=0, atol=1e-12)


@pytest.mark.parametrize("num_layers", [1, 2])
def test_padding_is_invisible_and_zero(cell, num_layers):
    layer = build(cell[0], num_layers, bidirectional=True)
    tokens, mask = inputs()
    states, final = layer(tokens, mask)
    longer = torch.cat([tokens, tokens[:, :3]], dim=1)
    longer_mask = nn.functional.pad(mask, (0, 3))
    longer[~longer_mask] = 1e4
    noisy_states, noisy_final = layer(longer, longer_mask)
    torch.testing.assert_close(noisy_states[:, : mask.shape[1]], states)
    torch.testing.assert_close(noisy_final, final)
    assert (noisy_states[~longer_mask] == 0).all()


def test_dropout_acts_between_layers_in_training_only(cell):
    layer = build(cell[0], num_layers=2, bidirectional=True, dropout=0.5)
    tokens, mask = inputs()
    first, _ = layer(tokens, mask)
    second, _ = layer(tokens, mask)
    assert not torch.equal(first, second)
    assert ((first == 0).all(-1) == ~mask).all()  # none after the last layer
    layer.eval()
    torch.testing.assert_close(layer(tokens, mask)[0], layer(tokens, mask)[0])


def test_dropout_leaves_the_words_themselves(cell):
    layer = build(cell[0], num_layers=2, dropout=0.5)
    tokens, mask = inputs()
    read = []
    for part in layer.forward_layers:
        part.register_forward_pre_hook(lambda _, args: read.append(args[0]))
    layer(tokens, mask)
    assert torch.equal(read[0], tokens)
    assert 0.2 < (read[1] == 0).double().mean() < 0.8


def test_bad_arguments():
    with pytest.raises(
        ValueError, match=r"num_layers is 0; set model.text_encoder.num_l"
    ):
        build(nn.LSTM, num_layers=0)
    with pytest.raises(
        ValueError, match=r"dropout is 0\.1, but it acts between layers"
    ):
        build(nn.LSTM, dropout=0.1)
