import pytest
import torch

from mmris.models.fusion_blocks._averaged_attention import (
    averaged_attention,
    word_by_word,
)
from mmris.models.fusion_blocks._factored_attention import factor, factored_attention
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


def by_factors(scores, offsets, weights):
    return factored_attention(scores, offsets, weights, factor(scores, offsets))


WAYS = {"by factors": by_factors, "word by word": word_by_word}


def test_factors_are_taken_where_they_are_exact():
    scores, offsets, _ = make_inputs()
    assert factor(scores, offsets) is not None
    assert factor(scores.float(), offsets.float()) is not None
    scores, offsets, _ = make_inputs(size=300.0)
    assert factor(scores, offsets) is None


@pytest.mark.parametrize("size", [1.0, 300.0])
def test_equals_the_mean_of_all_maps(size):
    inputs = make_inputs(size=size)
    averaged = averaged_attention(*inputs)
    torch.testing.assert_close(averaged, all_at_once(*inputs), rtol=0, atol=1e-12)
    torch.testing.assert_close(averaged.sum(dim=-1), torch.ones(2, 4).double())


@pytest.mark.parametrize("apart", [0, 20, 40, 57, 60, 100, 1000])
def test_single_precision_however_far_the_maxima_lie_apart(apart):
    """Also close to where factors are given up, in gradients as well."""
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(1, 3, 6, generator=generator)
    offsets = torch.randn(1, 2, 6, generator=generator)
    scores[..., 0] += apart
    offsets[..., 1] += apart
    scores.requires_grad_(), offsets.requires_grad_()
    weights = torch.tensor([[0.25, 0.75]])
    towards = torch.rand(1, 3, 6, generator=generator)
    exact = [value.detach().double().requires_grad_() for value in (scores, offsets)]
    expected = all_at_once(*exact, weights.double())
    averaged = averaged_attention(scores, offsets, weights)
    torch.testing.assert_close(averaged.double(), expected, rtol=1e-4, atol=1e-9)
    (averaged * towards).sum().backward()
    (expected * towards.double()).sum().backward()
    for one, other in zip((scores, offsets), exact, strict=True):
        torch.testing.assert_close(one.grad.double(), other.grad, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_gradients_also_with_a_hidden_key(way):
    scores, offsets, weights = make_inputs()
    offsets.requires_grad_()
    scores[0, :, 2] = -torch.inf
    hidden = torch.isinf(scores)

    def from_finite(finite, offsets):
        masked = finite.masked_fill(hidden, -torch.inf)
        return way(masked, offsets, weights)

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
    assert factor(scores, offsets) is None
    averaged = averaged_attention(scores, offsets, weights)
    expected = all_at_once(scores.double(), offsets.double(), weights.double())
    torch.testing.assert_close(averaged.double(), expected)
    assert averaged[0, 0, 2] == 0.75
    assert averaged[0, 0, 1] == pytest.approx(0.25, rel=1e-4)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_the_backward_pass_keeps_no_map_of_a_word(way):
    scores, offsets, weights = make_inputs(queries=9, keys=9, words=7, rows=1)
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(
        lambda tensor: kept.append(tensor.numel()) or tensor, lambda tensor: tensor
    ):
        way(scores.requires_grad_(), offsets, weights)
    given = scores.numel() + offsets.numel() + weights.numel()
    sums = 9 * 7  # of a query and a word
    assert sum(kept) == given + (sums if way is by_factors else 0)


def test_as_in_an_exported_graph():
    """One loop over the words for any number of them gives the same."""
    scores, offsets = torch.randn(2, 3, 5), torch.randn(2, 4, 5)
    scores[:, :, 3] = -torch.inf
    weights = torch.tensor([[0.25] * 4, [0.5, 0.5, 0.0, 0.0]])
    expected = averaged_attention(scores, offsets, weights)
    with exporting(), torch.no_grad():
        found = averaged_attention(scores, offsets, weights)
    torch.testing.assert_close(found, expected)
