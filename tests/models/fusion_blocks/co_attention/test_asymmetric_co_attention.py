import pytest
import torch

from mmris.models import AsymmetricCoAttention
from mmris.models.fusion_blocks.co_attention import (
    asymmetric_co_attention as asymmetric_file,
)
from mmris.models.fusion_blocks.co_attention.asymmetric_co_attention import (
    pyramid_means,
)
from mmris.utils.peak_memory import LargestTensor
from tests.models.fusion_blocks.co_attention_cases import agrees, liven, make_maps
from tests.references import co_attention as reference
from tests.seeded_bugs import broken

SMALL = {"channels": 7, "attention_channels": 3, "pool_sizes": (1, 2, 3)}


def make_module(**changes):
    torch.manual_seed(0)
    return liven(AsymmetricCoAttention(**{**SMALL, **changes})).double().eval()


def literally(module, multimodal, language):
    rows = zip(multimodal, language, strict=True)
    return torch.stack(
        [reference.asymmetric_co_attention(module, *row) for row in rows]
    )


@pytest.mark.parametrize("size", [(5, 4), (2, 5), (1, 1)])
@pytest.mark.parametrize("affinity_norm", [True, False])
def test_equals_equations_6_to_8_cell_by_cell(size, affinity_norm):
    """Pooled after projection, the output projected at every place."""
    module, maps = make_module(affinity_norm=affinity_norm), make_maps(size)
    found = module(*maps)
    assert found.shape == (2, 14, *size)
    expected = literally(module, *maps)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-11)


def test_the_pyramid_of_the_paper_has_110_cells_that_overlap():
    level = make_maps((7, 5))[0]
    means = pyramid_means(level, (1, 3, 6, 8))
    assert means.shape == (2, 7, 110)
    for row, maps in zip(means, level, strict=True):
        expected = torch.stack(reference.cell_means(maps, (1, 3, 6, 8)), dim=1)
        torch.testing.assert_close(row, expected, rtol=0, atol=1e-12)
    assert AsymmetricCoAttention(channels=4).pool_sizes == (1, 3, 6, 8)


def test_nothing_is_larger_than_places_times_cells_or_channels():
    module = make_module(pool_sizes=(1, 3, 6, 8))
    maps = [value.requires_grad_() for value in make_maps((30, 28))]
    with LargestTensor() as seen:
        module(*maps).sum().backward()
    positions, rows = 30 * 28, 2
    assert seen.megabytes * 1e6 / 8 <= rows * positions * max(110, 14)


def test_values_and_outputs_are_projected_for_cells_only():
    module = make_module()
    for stream in (module.multimodal, module.language):
        for name in ("value", "output"):
            getattr(stream, name).register_forward_hook(
                lambda *_: pytest.fail("projected at every place")
            )
    module(*make_maps((30, 28)))


def test_messages():
    for wrong in ((), (1, 0)):
        with pytest.raises(ValueError, match="pool_sizes is .*; give at least one"):
            make_module(pool_sizes=wrong)


BUGS = {
    "softmax over the places": (
        "torch.softmax(scores, dim=1)",
        "torch.softmax(scores, dim=2)",
    ),
    "one map's scores": ("scores[0] + scores[1]", "scores[0]"),
    "scale left out": ("(self.scale * keys)", "keys"),
    "keys pooled before the ReLU": (
        "pyramid_means(torch.relu_(self.key_norm(self.key(maps))), pool_sizes)",
        "torch.relu_(pyramid_means(self.key_norm(self.key(maps)), pool_sizes))",
    ),
    "queries without ReLU": (
        "torch.relu_(self.query_norm(queries))",
        "self.query_norm(queries)",
    ),
    "values exchanged": (
        "torch.cat(values, dim=1)",
        "torch.cat(values[::-1], dim=1)",
    ),
    "bias left out": ("layer.weight.flatten(1), layer.bias", "layer.weight.flatten(1)"),
    "largest of a cell": ("adaptive_avg_pool2d", "adaptive_max_pool2d"),
    "branch detached": ("stream.values(pooled)", "stream.values(pooled.detach())"),
}


def test_the_module_as_it_is_agrees():
    module = make_module()
    maps = [value.requires_grad_() for value in make_maps()]
    assert agrees(module(*maps), literally(module, *maps), maps)


@pytest.mark.parametrize("bug", BUGS)
def test_a_seeded_bug_is_seen(bug):
    plain = make_module()
    cls = broken(asymmetric_file, "AsymmetricCoAttention", *BUGS[bug])
    module = cls(**SMALL).double().eval()
    module.load_state_dict(plain.state_dict())
    maps = [value.requires_grad_() for value in make_maps()]
    assert not agrees(module(*maps), literally(plain, *maps), maps)


@pytest.mark.parametrize("affinity_norm", [True, False])
def test_it_compiles_to_one_graph(affinity_norm):
    """Older versions of PyTorch gave up where the graph was split at every grid."""
    block = make_module(affinity_norm=affinity_norm)
    maps = torch.randn(2, 2, SMALL["channels"], 7, 5, dtype=torch.float64)
    torch.compiler.reset()
    compiled = torch.compile(block, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(*maps), block(*maps))
