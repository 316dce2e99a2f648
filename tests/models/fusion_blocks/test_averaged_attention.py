import pytest
import torch

from mmris.models.fusion_blocks._averaged_attention import averaged_attention
from mmris.models.layers import exporting


def make_inputs(queries=4, keys=5, words=3, rows=2, size=1.0):
    torch.manual_seed(0)
    scores = size * torch.randn(rows, queries, keys, dtype=torch.float64)
    offsets = size * torch.randn(rows, words, keys, dtype=torch.float64)
    weights = torch.rand(rows, words, dtype=torch.float64)
    return scores, offsets, weights / weights.sum(dim=1, keepdim=True)


def all_at_once(scores, offsets, weights):
    maps = torch.softmax(scores[:, None] + offsets[:, :, None], dim=-1)
    return torch.einsum("nt,ntqk->nqk", weights, maps)


@pytest.mark.parametrize("size", [1.0, 300.0])
def test_equals_the_mean_of_all_maps(size):
    inputs = make_inputs(size=size)
    averaged = averaged_attention(*inputs)
    torch.testing.assert_close(averaged, all_at_once(*inputs), rtol=0, atol=1e-12)
    torch.testing.assert_close(averaged.sum(dim=-1), torch.ones(2, 4).double())


def test_gradients_also_with_a_hidden_key():
    scores, offsets, weights = make_inputs()
    offsets.requires_grad_()
    scores[0, :, 2] = -torch.inf
    hidden = torch.isinf(scores)

    def from_finite(finite, offsets):
        masked = finite.masked_fill(hidden, -torch.inf)
        return averaged_attention(masked, offsets, weights)

    finite = scores.masked_fill(hidden, 0).requires_grad_()
    assert torch.autograd.gradcheck(from_finite, (finite, offsets))
    from_finite(finite, offsets).square().sum().backward()
    assert (finite.grad[hidden] == 0).all()


def test_rows_whose_maxima_lie_apart_keep_their_weight():
    """Where factored exponentials, each shifted by its own maximum, leave nothing."""
    scores = torch.tensor([[[400.0, 0.0, 0.0, 390.0]]])
    offsets = torch.tensor([[[0.0, 410.0, 0.0, 0.0], [0.0, 0.0, 900.0, 0.0]]])
    weights = torch.tensor([[0.25, 0.75]])
    first = (scores - 400).exp() * (offsets[:, 1:] - 900).exp()
    assert first.sum() == 0  # what the factored form would divide by
    averaged = averaged_attention(scores, offsets, weights)
    expected = all_at_once(scores.double(), offsets.double(), weights.double())
    torch.testing.assert_close(averaged.double(), expected)
    assert averaged[0, 0, 2] == 0.75
    assert averaged[0, 0, 1] == pytest.approx(0.25, rel=1e-4)


def test_the_backward_pass_keeps_no_map_of_a_word():
    scores, offsets, weights = make_inputs(queries=9, keys=9, words=7, rows=1)
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(
        lambda tensor: kept.append(tensor.numel()) or tensor, lambda tensor: tensor
    ):
        averaged_attention(scores.requires_grad_(), offsets, weights)
    assert sum(kept) == scores.numel() + offsets.numel() + weights.numel()


def test_as_in_an_exported_graph():
    """One loop over the words for any number of them gives the same."""
    scores, offsets = torch.randn(2, 3, 5), torch.randn(2, 4, 5)
    scores[:, :, 3] = -torch.inf
    weights = torch.tensor([[0.25] * 4, [0.5, 0.5, 0.0, 0.0]])
    expected = averaged_attention(scores, offsets, weights)
    with exporting(), torch.no_grad():
        found = averaged_attention(scores, offsets, weights)
    torch.testing.assert_close(found, expected)
