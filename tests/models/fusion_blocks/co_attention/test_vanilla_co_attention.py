import pytest
import torch

from mmris.models import VanillaCoAttention
from mmris.models.fusion_blocks.co_attention import memory_free_attention as memory_file
from mmris.models.fusion_blocks.co_attention import vanilla_co_attention as vanilla_file
from mmris.models.fusion_blocks.co_attention.memory_free_attention import (
    memory_free_attention,
)
from mmris.utils.peak_memory import LargestTensor
from tests.models.fusion_blocks.co_attention_cases import agrees, liven, make_maps
from tests.references import co_attention as reference
from tests.seeded_bugs import broken


def make_module(**changes):
    torch.manual_seed(0)
    module = VanillaCoAttention(**{"channels": 7, "attention_channels": 3, **changes})
    return liven(module).double().eval()


def literally(module, multimodal, language):
    rows = zip(multimodal, language, strict=True)
    return torch.stack([reference.vanilla_co_attention(module, *row) for row in rows])


VARIANTS = {
    "explicit": {},
    "without a matrix": {"explicit_positions": 0},
    "normalised": {"affinity_norm": True},
    "normalised without a matrix": {"affinity_norm": True, "explicit_positions": 0},
    "without convolutions": {"pre_conv": False},
    "as wide as the maps": {"attention_channels": 7, "explicit_positions": 0},
    "wider than the maps": {"attention_channels": 9, "explicit_positions": 0},
}


@pytest.mark.parametrize("size", [(4, 3), (2, 5), (1, 1)])
@pytest.mark.parametrize("variant", VARIANTS)
def test_equals_equations_3_to_5_pair_by_pair(variant, size):
    module, maps = make_module(**VARIANTS[variant]), make_maps(size)
    found = module(*maps)
    assert found.shape == (2, 14, *size)
    expected = literally(module, *maps)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-11)


@pytest.mark.parametrize("affinity_norm", [False, True])
def test_two_attentions_equal_one_matrix_used_twice(affinity_norm):
    """Also in training, also their gradients, at a map of an odd size."""
    maps = [value.requires_grad_() for value in make_maps((9, 7), channels=8)]
    changes = {"channels": 8, "affinity_norm": affinity_norm}
    one = make_module(**changes).train()
    other = make_module(**changes, explicit_positions=0).train()
    found, expected = other(*maps), one(*maps)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)
    seed = torch.randn_like(expected)
    ours = torch.autograd.grad((found * seed).sum(), [*maps, *other.parameters()])
    theirs = torch.autograd.grad((expected * seed).sum(), [*maps, *one.parameters()])
    for first, second in zip(ours, theirs, strict=True):
        torch.testing.assert_close(first, second, rtol=1e-8, atol=1e-9)


def test_the_number_of_positions_decides():
    maps = make_maps((4, 3), channels=7)

    def largest(**changes):
        module = make_module(pre_conv=False, **changes)
        wide = [value.repeat(1, 1, 5, 5) for value in maps]  # 300 positions
        with torch.no_grad(), LargestTensor() as seen:
            module(*wide)
        return seen.shape

    assert largest(explicit_positions=300)[-2:] == (300, 300)
    assert largest(explicit_positions=299)[-2:] != (300, 300)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    "memory_format", [torch.contiguous_format, torch.channels_last]
)
def test_no_matrix_of_pairs_is_made_forward_or_backward(dtype, memory_format):
    module = make_module(explicit_positions=0).to(dtype)
    maps = [
        value.to(dtype, memory_format=memory_format).requires_grad_()
        for value in make_maps((20, 18))
    ]
    with LargestTensor() as seen:
        module(*maps).sum().backward()
    positions = 20 * 18
    itemsize = torch.finfo(dtype).bits // 8
    # Well below the one matrix of a single row.
    assert seen.megabytes * 1e6 / itemsize < 0.3 * 2 * positions**2


def test_the_values_are_cut_into_heads_of_the_width_of_the_queries():
    """Else PyTorch falls back in silence to the kernel with the matrix."""
    torch.manual_seed(0)
    shapes = []
    original = torch.nn.functional.scaled_dot_product_attention

    def watched(query, key, values, **options):
        shapes.append((query.shape, key.shape, values.shape))
        assert query.stride(-1) == key.stride(-1) == values.stride(-1) == 1
        return original(query, key, values, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.nn.functional, "scaled_dot_product_attention", watched)
        query, key = torch.randn(2, 2, 4, 30, dtype=torch.float64)
        values = torch.randn(2, 10, 30, dtype=torch.float64)
        found = memory_free_attention(query, key, values, scale=0.7)
    assert shapes == [((2, 3, 30, 4),) * 3]
    shares = torch.softmax(0.7 * query.transpose(1, 2) @ key, dim=2)
    expected = values @ shares.transpose(1, 2)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


def test_it_starts_as_the_released_code_does():
    """Flat: what the class says about schedules rests on it."""
    torch.manual_seed(0)
    module = VanillaCoAttention(channels=512)
    for name, parameter in module.named_parameters():
        assert parameter.std().item() == pytest.approx(0.01, rel=0.02), name
    maps = make_maps((6, 6), rows=1, channels=512)
    maps = [value.float() for value in maps]
    with torch.no_grad():
        affinity = torch.einsum(
            "ncp,ncq->npq",
            module.multimodal_comparison(maps[0]).flatten(2),
            module.language_comparison(maps[1]).flatten(2),
        )
    assert affinity.std() < 0.005


def test_scores_keep_their_precision_under_autocast():
    module = make_module(pre_conv=False).float()
    maps = [value.float() for value in make_maps()]
    exact = module(*maps)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(module(*maps), exact)


BUGS = {
    "softmax over the wrong axis": (
        "torch.softmax(affinity, dim=2)",
        "torch.softmax(affinity, dim=1)",
    ),
    "sum transposed": ("dim=2).transpose(1, 2)", "dim=2)"),
    "affinity not transposed": ("affinity = affinity.transpose(1, 2)", "pass"),
    "scaled": ("affinity_norm else 1.0", "affinity_norm else 0.5"),
    "values exchanged": (
        "self._gather(query, key, affinity, multimodal)",
        "self._gather(query, key, affinity, language)",
    ),
    "order of the result": ("torch.cat([seen, said]", "torch.cat([said, seen]"),
    "branch detached": (
        "torch.softmax(affinity, dim=2)",
        "torch.softmax(affinity.detach(), dim=2)",
    ),
}
LARGE_BUGS = {
    "queries and keys not exchanged": (
        "self._gather(key, query, affinity",
        "self._gather(query, key, affinity",
    ),
    "values exchanged": (
        "affinity, language)",
        "affinity, multimodal)",
    ),
}
MEMORY_BUGS = {
    "PyTorch's own scale": (", scale=scale", ""),
    "padding in front": ("(0, 0, 0, missing)", "(0, 0, missing, 0)"),
    "heads interleaved": (
        "num_heads, width)\n",
        "width, num_heads).transpose(2, 3)\n",
    ),
    "heads not put together": (
        "gathered.transpose(1, 2).flatten(2)",
        "gathered.permute(0, 2, 3, 1).flatten(2)",
    ),
    "query and key exchanged": (
        "for tokens in (query, key)",
        "for tokens in (key, query)",
    ),
}


def module_agrees(module):
    maps = [value.requires_grad_() for value in make_maps()]
    return agrees(module(*maps), literally(module, *maps), maps)


def wrong_agrees(bug, **changes):
    """With the bug in its constructor, too."""
    cls = broken(vanilla_file, "VanillaCoAttention", *bug)
    plain = make_module(**changes)
    module = cls(**{"channels": 7, "attention_channels": 3, **changes}).double().eval()
    module.load_state_dict(plain.state_dict())
    maps = [value.requires_grad_() for value in make_maps()]
    return agrees(module(*maps), literally(plain, *maps), maps)


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_module_as_it_is_agrees(variant):
    assert module_agrees(make_module(**VARIANTS[variant]))


@pytest.mark.parametrize("bug", BUGS)
def test_a_seeded_bug_is_seen(bug):
    assert not wrong_agrees(BUGS[bug])


@pytest.mark.parametrize("bug", LARGE_BUGS)
def test_a_seeded_bug_on_large_maps_is_seen(bug):
    assert not wrong_agrees(LARGE_BUGS[bug], explicit_positions=0)


@pytest.mark.parametrize("bug", MEMORY_BUGS)
def test_a_seeded_bug_in_the_attention_is_seen(bug, monkeypatch):
    wrong = broken(memory_file, "memory_free_attention", *MEMORY_BUGS[bug])
    monkeypatch.setattr(vanilla_file, "memory_free_attention", wrong)
    assert not module_agrees(make_module(explicit_positions=0))
