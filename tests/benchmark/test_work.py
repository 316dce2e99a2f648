import torch
from torch import nn

from mmris.benchmark import count_flops, count_parameters, count_work


def test_a_convolution_and_a_matrix_product():
    layer = nn.Conv2d(3, 5, 3, padding=1)
    pictures = torch.rand(2, 3, 4, 6)
    assert count_flops(lambda: layer(pictures)) == 2 * 2 * 24 * 5 * 3 * 9 / 1e9
    one, other = torch.rand(4, 7), torch.rand(7, 9)
    assert count_flops(lambda: one @ other) == 2 * 4 * 7 * 9 / 1e9


def test_a_backward_pass_costs_twice_the_forward_pass():
    layer = nn.Linear(8, 8, bias=False)
    rows = torch.rand(4, 8, requires_grad=True)
    assert count_flops(lambda: layer(rows).sum().backward()) == 3 * 2 * 4 * 64 / 1e9


def test_fused_attention_counts_as_two_products():
    query, key = torch.rand(2, 3, 10, 8), torch.rand(2, 3, 7, 8)
    value = torch.rand(2, 3, 7, 8)
    attend = nn.functional.scaled_dot_product_attention
    with torch.no_grad():
        counted = count_flops(lambda: attend(query, key, value))
    assert counted == 2 * 2 * 3 * 10 * 7 * (8 + 8) / 1e9


def test_recurrent_layers_count_as_their_products():
    words = torch.rand(2, 5, 6)
    for cell, gates in ((nn.LSTM, 4), (nn.GRU, 3)):
        layer = cell(6, 8, batch_first=True)
        expected = 2 * 2 * 5 * gates * 8 * (6 + 8) / 1e9
        with torch.no_grad():
            assert count_flops(lambda layer=layer: layer(words)) == expected


def test_parameters_and_the_trained_ones():
    module = nn.Sequential(nn.Linear(10, 10, bias=False), nn.Linear(10, 1, bias=False))
    module[1].requires_grad_(requires_grad=False)
    assert count_parameters(module) == (110 / 1e6, 100 / 1e6)


def test_a_parameter_as_input_while_gradients_are_off():
    layer, value = nn.Linear(4, 4, bias=False), nn.Parameter(torch.rand(2, 4))
    with torch.no_grad():
        assert count_flops(lambda: layer(value)) == 2 * 2 * 16 / 1e9


def test_bytes_are_those_of_what_goes_in_and_out():
    layer = nn.Conv2d(3, 5, 3, padding=1)
    pictures = torch.rand(2, 3, 4, 6)
    with torch.no_grad():
        work = count_work(lambda: layer(pictures).relu())
    numbers = pictures.numel() + layer.weight.numel() + 5 + 2 * 5 * 4 * 6
    assert work.gigabytes == 4 * numbers / 1e9
    assert work.gflop == 2 * 2 * 24 * 5 * 3 * 9 / 1e9
    half = torch.rand(4, 8, dtype=torch.bfloat16)
    assert count_work(lambda: half @ half.T).gigabytes == 2 * (32 + 32 + 16) / 1e9
