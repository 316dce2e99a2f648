"""Word by word, as in a graph, gives what PyTorch's layers give."""

import pytest
import torch
from torch import nn

from mmris.models.layers import exporting
from mmris.models.text_encoders._layer_states import layer_states


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
def test_word_by_word_is_the_layer(kind):
    layer = kind(5, 4, batch_first=True).double()
    words = torch.randn(3, 7, 5, dtype=torch.float64)
    with torch.no_grad():
        expected = layer_states(layer, words)
        assert torch.equal(expected, layer(words)[0])
        with exporting():
            found = layer_states(layer, words)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
def test_exported_for_any_number_of_words(kind):
    class Reader(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = kind(5, 4, batch_first=True)

        def forward(self, words):
            return layer_states(self.layer, words)

    reader = Reader().eval()
    shapes = ({0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC},)
    with exporting(), torch.no_grad():
        program = torch.export.export(
            reader, (torch.randn(2, 3, 5),), dynamic_shapes=shapes, strict=False
        )
    for rows, length in ((1, 1), (4, 9)):
        words = torch.randn(rows, length, 5)
        with torch.no_grad():
            torch.testing.assert_close(program.module()(words), reader(words))
