import pytest
import torch

from mmris.models.fusion_blocks._averaged_attention import word_by_word
from mmris.models.fusion_blocks._longest_first import longest_first


def mask_of(lengths, words):
    return torch.arange(words) < torch.tensor(lengths)[:, None]


def test_expressions_with_a_word_come_first():
    mask = mask_of([2, 5, 1, 3, 5], 6)
    plan = longest_first(mask)
    assert plan.order.tolist() == [1, 4, 3, 0, 2]
    assert plan.active == [5, 4, 3, 2, 2, 0]
    for word, rows in enumerate(plan.active):
        ordered = mask[plan.order][:, word]
        assert ordered[:rows].all()
        assert not ordered[rows:].any()


def test_the_inverse_undoes_the_order():
    plan = longest_first(mask_of([2, 5, 1, 3, 5], 5))
    values = torch.rand(5, 3)
    assert torch.equal(values[plan.order][plan.inverse], values)


@pytest.mark.parametrize("lengths", [[4], [3, 3, 3]])
def test_no_order_where_nothing_is_padded(lengths):
    assert longest_first(mask_of(lengths, max(lengths))) is None


def test_values_are_not_looked_at_while_a_graph_is_recorded():
    seen = []

    def record(mask):
        seen.append(longest_first(mask))
        return mask.sum()

    torch.jit.trace(record, mask_of([1, 3], 3), check_trace=False)
    assert seen == [None]


def test_leaving_padding_out_changes_neither_the_answer_nor_the_gradients():
    lengths, words, places = [5, 3, 3, 1], 5, 7
    generator = torch.Generator().manual_seed(0)

    def random(*shape):
        return torch.randn(*shape, dtype=torch.float64, generator=generator)

    mask = mask_of(lengths, words)
    weights = mask / mask.sum(dim=1, keepdim=True, dtype=torch.float64)
    scores, offsets = random(4, 6, places), random(4, words, places)
    towards = random(4, 6, places)
    results = []
    for active in (None, [4, 3, 3, 1, 1]):
        inputs = [value.clone().requires_grad_() for value in (scores, offsets)]
        averaged = word_by_word(*inputs, weights, active=active)
        gradients = torch.autograd.grad((averaged * towards).sum(), inputs)
        results.append((averaged.detach(), *gradients))
    for all_words, own_words in zip(*results, strict=True):
        torch.testing.assert_close(own_words, all_words, rtol=0, atol=1e-14)
    # Padded words get a gradient of exactly zero.
    assert results[1][2][~mask].abs().max() == 0


def test_one_word_after_another_has_the_gradients_of_its_formula():
    mask = mask_of([3, 2], 3)
    weights = mask / mask.sum(dim=1, keepdim=True, dtype=torch.float64)
    generator = torch.Generator().manual_seed(1)
    scores = torch.randn(2, 2, 4, dtype=torch.float64, generator=generator)
    offsets = torch.randn(2, 3, 4, dtype=torch.float64, generator=generator)
    assert torch.autograd.gradcheck(
        lambda *values: word_by_word(*values, weights, active=[2, 2, 1]),
        (scores.requires_grad_(), offsets.requires_grad_()),
    )
