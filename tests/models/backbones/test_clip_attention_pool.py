"""Attention pooling against loops and against CLIP's own function."""

import pytest
import torch
from torch.nn import functional

from mmris.models.backbones.clip_attention_pool import CLIPAttentionPool
from tests.references.clip_resnet import attention_pool, bicubic

SIZES = [(3, 5), (7, 7), (5, 1), (8, 14)]


def make_pool(grid_size=7, cls=CLIPAttentionPool):
    torch.manual_seed(0)
    pool = cls(
        in_channels=12,
        out_channels=7,
        num_heads=3,
        grid_size=grid_size,
        norm_cfg={"type": "BN"},
    )
    for parameter in pool.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    pool.residual[1].running_mean.normal_(std=0.1)
    pool.residual[1].running_var.uniform_(0.5, 2)
    return pool.double().eval()


@pytest.mark.parametrize("size", SIZES)
def test_equals_a_position_and_a_head_at_a_time(size):
    pool = make_pool()
    maps = torch.randn(2, 12, *size, dtype=torch.float64)
    expected = torch.stack([attention_pool(pool.state_dict(), m, 3) for m in maps])
    assert (expected > 0).any()
    torch.testing.assert_close(pool(maps), expected, rtol=0, atol=1e-12)


def test_equals_clips_own_without_the_mean():
    """torch's multi-head attention, called as OpenAI calls it, on CLIP's own size."""
    pool = make_pool()
    maps = torch.randn(2, 12, 7, 7, dtype=torch.float64)
    tokens = maps.flatten(2).permute(2, 0, 1)  # (P, B, C)
    tokens = tokens + pool.positional_embedding[:, None]
    own = (pool.q_proj, pool.k_proj, pool.v_proj)
    pooled, _ = functional.multi_head_attention_forward(
        query=tokens,
        key=tokens,
        value=tokens,
        embed_dim_to_check=12,
        num_heads=3,
        in_proj_weight=None,
        in_proj_bias=torch.cat([projection.bias for projection in own]),
        bias_k=None,
        bias_v=None,
        add_zero_attn=False,
        dropout_p=0.0,
        out_proj_weight=pool.c_proj.weight,
        out_proj_bias=pool.c_proj.bias,
        use_separate_proj_weight=True,
        training=False,
        need_weights=False,
        q_proj_weight=pool.q_proj.weight,
        k_proj_weight=pool.k_proj.weight,
        v_proj_weight=pool.v_proj.weight,
    )
    pooled = pooled.permute(1, 2, 0).reshape(2, 7, 7, 7)
    expected = functional.relu(pooled + pool.residual(maps))
    torch.testing.assert_close(pool(maps), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("size", SIZES)
def test_the_table_is_resized_by_cubic_convolution(size):
    pool = make_pool()
    table = pool.positional_embedding.detach().reshape(7, 7, 12)
    expected = bicubic(table, *size).permute(2, 0, 1)[None]
    torch.testing.assert_close(pool.positions(*size), expected, rtol=0, atol=1e-12)
    if size == (7, 7):
        assert torch.equal(pool.positions(7, 7)[0], table.permute(2, 0, 1))


def test_batched_equals_single():
    pool, maps = make_pool(), torch.randn(3, 12, 4, 5, dtype=torch.float64)
    singles = torch.cat([pool(single[None]) for single in maps])
    torch.testing.assert_close(pool(maps), singles)


def test_every_parameter_has_a_gradient():
    pool = make_pool(grid_size=3).train()
    result = pool(torch.randn(2, 12, 4, 5, dtype=torch.float64))
    (result * torch.randn_like(result)).sum().backward()
    for name, parameter in pool.named_parameters():
        assert parameter.grad.isfinite().all(), name
        # Softmax does not see a constant added to all keys.
        assert (parameter.grad.abs().max() > 1e-6) == (name != "k_proj.bias"), name


@pytest.mark.slow
def test_it_compiles_for_any_size():
    pool = make_pool().float()
    torch.compiler.reset()
    compiled = torch.compile(pool, backend="aot_eager", fullgraph=True, dynamic=True)
    for size in ((7, 7), (4, 5), (9, 6)):
        maps = torch.randn(2, 12, *size)
        torch.testing.assert_close(compiled(maps), pool(maps))


def test_it_exports_for_any_size():
    pool = make_pool().float()
    sizes = {2: torch.export.Dim("h", min=2, max=64)}
    sizes[3] = torch.export.Dim("w", min=2, max=64)
    program = torch.export.export(
        pool, (torch.randn(2, 12, 4, 5),), dynamic_shapes=(sizes,)
    )
    for size in ((4, 5), (7, 7), (9, 6)):
        maps = torch.randn(2, 12, *size)
        torch.testing.assert_close(program.module()(maps), pool(maps))


def test_bfloat16():
    pool, maps = make_pool().float(), torch.randn(2, 12, 4, 5)
    with torch.autocast("cpu", torch.bfloat16):
        result = pool(maps)
    scale = pool(maps).abs().max()
    assert ((result - pool(maps)).abs().max() < 0.03 * scale).item()
