import pytest
import torch
from torch import nn

from mmris.models.layers import MaskedBatchNorm, MaskedLinearBlock
from mmris.models.layers import masked_batch_norm as norm_file
from mmris.models.layers import masked_linear_block as block_file
from tests.seeded_bugs import broken


def make_norm(cls=MaskedBatchNorm):
    torch.manual_seed(0)
    norm = cls(3).double()
    nn.init.uniform_(norm.weight, 0.5, 1.5)
    nn.init.normal_(norm.bias)
    norm.running_mean.normal_()
    norm.running_var.uniform_(0.5, 2)
    return norm


def plain_norm(norm):
    """PyTorch's, with the same state."""
    plain = nn.BatchNorm1d(norm.weight.numel()).double()
    plain.load_state_dict(norm.state_dict(), strict=False)
    return plain.train(norm.training)


def make_words(lengths=(4, 1, 3), longest=4):
    torch.manual_seed(1)
    mask = torch.arange(longest) < torch.tensor(lengths)[:, None]
    words = 3 * torch.randn(len(lengths), longest, 3, dtype=torch.float64) + 1
    return words, mask


def naive(words, mask, norm):
    """Word by word and channel by channel; also the new running statistics."""
    valid = [word for row, m in zip(words, mask) for word, ok in zip(row, m) if ok]
    count = len(valid)
    mean = sum(valid) / count
    variance = sum((word - mean) ** 2 for word in valid) / count
    new_mean = 0.9 * norm.running_mean + 0.1 * mean
    new_variance = 0.9 * norm.running_var + 0.1 * variance * count / (count - 1)
    out = torch.zeros_like(words)
    for n, row in enumerate(words):
        for t, word in enumerate(row):
            if mask[n, t]:
                value = (word - mean) / (variance + norm.eps).sqrt()
                out[n, t] = value * norm.weight + norm.bias
    return out, new_mean, new_variance


def agrees(cls, *, garbage=7.0):
    """With the loop over words: values, statistics, gradients."""
    norm = make_norm(cls)
    words, mask = make_words()
    words[~mask] = garbage
    words.requires_grad_()
    expected, mean, variance = naive(words, mask, norm)
    found = norm(words, mask)
    pairs = [(found, expected), (norm.running_mean, mean), (norm.running_var, variance)]
    if not all(torch.allclose(*pair, rtol=0, atol=1e-11) for pair in pairs):
        return False
    seed = torch.randn_like(expected)
    inputs = [words, norm.weight, norm.bias]
    ours = torch.autograd.grad((found * seed).sum(), inputs)
    theirs = torch.autograd.grad((expected * seed).sum(), inputs)
    return all(
        torch.allclose(one, other, rtol=0, atol=1e-10)
        for one, other in zip(ours, theirs)
    )


def test_equals_the_loop_over_words():
    assert agrees(MaskedBatchNorm)


@pytest.mark.parametrize("training", [True, False])
def test_equals_pytorchs_on_the_words_alone(training):
    norm = make_norm().train(training)
    plain = plain_norm(norm)
    words, mask = make_words()
    found = norm(words, mask)
    torch.testing.assert_close(found[mask], plain(words[mask]), rtol=0, atol=1e-11)
    assert (found[~mask] == 0).all()
    for name in ("running_mean", "running_var"):
        torch.testing.assert_close(getattr(norm, name), getattr(plain, name))


@pytest.mark.parametrize("training", [True, False])
def test_equals_pytorchs_on_sentences(training):
    norm = make_norm().train(training)
    plain = plain_norm(norm)
    words = make_words()[0][:, 0]
    found = norm(words, torch.ones(3, dtype=torch.bool))
    torch.testing.assert_close(found, plain(words), rtol=0, atol=1e-11)


@pytest.mark.parametrize("garbage", [1e6, torch.inf, torch.nan])
def test_padding_changes_nothing_in_training(garbage):
    block = MaskedLinearBlock(3, 5).double()
    words, mask = make_words()
    expected = block(words.masked_fill(~mask[..., None], 0.0), mask)
    noisy = nn.functional.pad(words, (0, 0, 0, 3))
    longer = nn.functional.pad(mask, (0, 3))
    noisy[~longer] = garbage
    noisy.requires_grad_()
    found = block(noisy, longer)
    torch.testing.assert_close(found[:, :4], expected, rtol=0, atol=1e-11)
    assert (found[:, 4:] == 0).all()
    found.square().sum().backward()
    assert (noisy.grad[~longer] == 0).all()
    for name, parameter in block.named_parameters():
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize("longest", [1, 4])
def test_a_single_word_is_normalised_by_what_is_known(longest):
    norm = make_norm()
    plain = plain_norm(norm).eval()
    words, mask = make_words((1,), longest)
    words.requires_grad_()
    before = {name: value.clone() for name, value in norm.named_buffers()}
    found = norm(words, mask)
    torch.testing.assert_close(found[mask], plain(words[mask]))
    found.square().sum().backward()
    assert torch.isfinite(words.grad).all()
    assert words.grad[mask].abs().min() > 0
    for name, value in norm.named_buffers():
        assert torch.equal(value, before[name]), name


def test_words_that_are_all_alike_are_finite():
    norm = make_norm()
    words = torch.ones(2, 3, 3, dtype=torch.float64, requires_grad=True)
    found = norm(words, torch.ones(2, 3, dtype=torch.bool))
    torch.testing.assert_close(found, norm.bias.expand(2, 3, 3))
    found.square().sum().backward()
    assert torch.isfinite(words.grad).all()


def test_compiles_whole_in_training():
    one, other = make_norm(), make_norm()
    words, mask = make_words()
    torch._dynamo.reset()
    compiled = torch.compile(one, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(words, mask), other(words, mask))
    torch.testing.assert_close(one.running_var, other.running_var)


def test_half_precision_is_normalised_in_single():
    norm = make_norm().float()
    words, mask = make_words()
    found = norm((words * 1e4).bfloat16(), mask)
    assert found.dtype == torch.float32
    expected = norm((words * 1e4).bfloat16().float(), mask)
    torch.testing.assert_close(found, expected)


BUGS = {
    "mask flipped": ("padding = ~mask", "padding = mask"),
    "padding counted": (
        "count = mask.sum()",
        "count = torch.tensor(mask.numel())",
    ),
    "padding in the variance": (
        "(features - mean).masked_fill(~valid, 0.0)",
        "(features - mean)",
    ),
    "padding in the mean": (
        "at_least_float32(features).masked_fill(padding, 0.0)",
        "at_least_float32(features)",
    ),
    "padding not zero": ("normalised.masked_fill(padding, 0.0)", "normalised"),
    "biased running variance": ("* (count / (count - 1).clamp(min=1))", ""),
    "momentum of the other kind": (
        "share = self.momentum",
        "share = (1 - self.momentum)",
    ),
    "statistics detached": (
        "torch.where(several, mean,",
        "torch.where(several, mean.detach(),",
    ),
}


@pytest.mark.parametrize("bug", BUGS)
def test_a_seeded_bug_is_seen(bug):
    assert not agrees(broken(norm_file, "MaskedBatchNorm", *BUGS[bug]))


BLOCK_BUGS = {
    "no ReLU": (
        "torch.relu(self.norm(self.linear(features), mask))",
        "self.norm(self.linear(features), mask)",
    ),
    "ReLU first": (
        "torch.relu(self.norm(self.linear(features), mask))",
        "self.norm(torch.relu(self.linear(features)), mask)",
    ),
    "not normalised": (
        "self.norm(self.linear(features), mask)",
        "self.linear(features)",
    ),
    "mask flipped": ("features.masked_fill(~mask", "features.masked_fill(mask"),
    "padding in the product": (
        "features = features.masked_fill",
        "_ = features.masked_fill",
    ),
}


def block_agrees(cls):
    torch.manual_seed(0)
    block = cls(3, 5).double()
    words, mask = make_words()
    normalised, _, _ = naive(words @ block.linear.weight.t(), mask, block.norm)
    noisy = words.masked_fill(~mask[..., None], torch.inf)
    found = block(noisy, mask)
    if not torch.allclose(found, normalised.clamp(min=0), rtol=0, atol=1e-11):
        return False
    found.square().sum().backward()
    return bool(torch.isfinite(block.linear.weight.grad).all())


def test_the_block_as_it_is_agrees():
    assert block_agrees(MaskedLinearBlock)


@pytest.mark.parametrize("bug", BLOCK_BUGS)
def test_a_seeded_bug_of_the_block_is_seen(bug):
    assert not block_agrees(broken(block_file, "MaskedLinearBlock", *BLOCK_BUGS[bug]))
