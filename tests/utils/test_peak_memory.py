import torch

from mmris.utils.peak_memory import LargestTensor, peak_growth, resident


def test_the_peak_of_what_is_freed_again_is_seen():
    grown = peak_growth(lambda: torch.ones(50_000_000, dtype=torch.uint8).max())
    assert 45 < grown < 80
    assert resident("VmHWM") >= resident("VmRSS") > 50


def test_the_largest_tensor_is_found_forward_and_backward():
    weight = torch.ones(3, 2, requires_grad=True)
    with LargestTensor() as seen:
        (weight @ torch.ones(2, 40)).sum()
    assert seen.shape == (3, 40)
    assert seen.megabytes == 4 * 120 / 1e6
    with torch.no_grad(), LargestTensor() as seen:
        torch.ones(5, dtype=torch.float64)
    assert seen.megabytes == 8 * 5 / 1e6
    total = (weight.double() * 2).sum()
    with LargestTensor() as seen:
        total.backward()
    assert seen.shape == (3, 2)
