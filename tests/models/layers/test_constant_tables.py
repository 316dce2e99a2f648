import torch
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode

from mmris.models.layers import coordinate_map
from mmris.models.layers.constant_tables import kept_table


def test_equal_arguments_share_a_table():
    calls = []

    @kept_table
    def table(length, *, dtype):
        calls.append(length)
        return torch.arange(length, dtype=dtype)

    first = table(3, dtype=torch.float32)
    assert table(3, dtype=torch.float32) is first
    assert table(4, dtype=torch.float32).shape == (4,)
    assert table(3, dtype=torch.float64).dtype == torch.float64
    assert calls == [3, 4, 3]


def test_a_table_of_inference_serves_training():
    with torch.inference_mode():
        coordinate_map(7, 11)
    kept = coordinate_map(7, 11)
    assert not kept.is_inference()
    weight = torch.rand(8, requires_grad=True)
    torch.einsum("c,chw->hw", weight, kept).sum().backward()
    assert weight.grad is not None


def test_what_is_made_for_a_graph_is_not_kept():
    with FakeTensorMode():
        assert isinstance(coordinate_map(13, 17), FakeTensor)
    assert not isinstance(coordinate_map(13, 17), FakeTensor)
    compiled = torch.compile(
        lambda values: values + coordinate_map(5, 19), backend="eager", fullgraph=True
    )
    values = torch.rand(8, 5, 19)
    assert torch.equal(compiled(values), values + coordinate_map(5, 19))
