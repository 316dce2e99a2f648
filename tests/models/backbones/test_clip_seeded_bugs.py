"""The comparisons with the transcription see the bugs that are easy to make."""

import pytest
import torch

from mmris.models.backbones import (
    clip_attention_pool,
    clip_bottleneck,
    clip_resnet,
)
from tests.models.backbones.test_clip_attention_pool import make_pool
from tests.models.backbones.test_clip_resnet import make_backbone
from tests.references.clip_resnet import attention_pool, openai_names, stages
from tests.seeded_bugs import broken

POOL_BUGS = {
    "height and width exchanged in the output": (
        "pooled.transpose(1, 2).reshape(batch, -1, height, width)",
        "pooled.transpose(1, 2).reshape(batch, -1, width, height).transpose(2, 3)",
    ),
    "height and width exchanged in the positions": (
        "            (height, width),\n            mode",
        "            (width, height),\n            mode",
    ),
    "table of positions transposed": (
        "table.reshape(1, -1, self.grid_size, self.grid_size)",
        "table.reshape(1, -1, self.grid_size, self.grid_size).transpose(2, 3)",
    ),
    "positions left out": ("maps + self.positions(height, width)", "maps"),
    "positions resized bilinearly": ('mode="bicubic"', 'mode="bilinear"'),
    "corners aligned": ("align_corners=False", "align_corners=True"),
    "keys and values exchanged": (
        "attention(query, key, value)",
        "attention(query, value, key)",
    ),
    "heads cut the wrong way": (
        "self.num_heads, -1)\n            .transpose(1, 2)",
        "-1, self.num_heads)\n            .permute(0, 3, 1, 2)",
    ),
    "new branch left out": ("pooled + self.residual(maps)", "pooled"),
    "new branch sees the positions": (
        "self.residual(maps)",
        "self.residual(maps + self.positions(height, width))",
    ),
    "ReLU left out": ("return functional.relu(", "return ("),
}
BACKBONE_BUGS = {
    "maximum behind the stem": ("nn.AvgPool2d(2)  # the", "nn.MaxPool2d(2)  # the"),
    "no stage shrinks": (
        'settings["inplanes"], settings["stride"]',
        'settings["inplanes"], 1',
    ),
    "pool left out": ("if self.attention_pool is not None:", "if not levels:"),
    "heads of another width": ("_HEAD_CHANNELS = 64", "_HEAD_CHANNELS = 32"),
    "rows of the pooled level reversed": (
        "(*levels[:-1], self.attention_pool(levels[-1]))",
        "(*levels[:-1], self.attention_pool(levels[-1].flip(2)))",
    ),
}
BLOCK_BUGS = {
    "pooled before the convolution": (
        "self.pool(self.relu(self.bn2(self.conv2(inner))))",
        "self.relu(self.bn2(self.conv2(self.pool(inner))))",
    ),
    "pooled before the ReLU": (
        "self.pool(self.relu(self.bn2(self.conv2(inner))))",
        "self.relu(self.pool(self.bn2(self.conv2(inner))))",
    ),
    "maximum in the shortcut": (
        '"pool": nn.AvgPool2d(stride)',
        '"pool": nn.MaxPool2d(stride)',
    ),
    "odd sizes rounded up in the shortcut": (
        '"pool": nn.AvgPool2d(stride)',
        '"pool": nn.AvgPool2d(stride, ceil_mode=True)',
    ),
    "shortcut left out": (" + self.downsample(maps)", ""),
}


def pool_agrees(cls):
    torch.manual_seed(0)
    pool = cls(
        in_channels=12,
        out_channels=7,
        num_heads=3,
        grid_size=7,
        norm_cfg={"type": "BN"},
    )
    pool.load_state_dict(make_pool().state_dict())
    pool.double().eval()
    maps = torch.randn(1, 12, 3, 5, dtype=torch.float64)
    expected = attention_pool(pool.state_dict(), maps[0], 3)[None]
    try:
        found = pool(maps)
    except RuntimeError:  # shapes that do not fit
        return False
    return torch.allclose(found, expected, rtol=0, atol=1e-9)


def backbone_agrees(cls):
    backbone = cls(arch="RN50", base_channels=4)
    backbone.load_state_dict(make_backbone().state_dict())
    backbone.double()
    backbone.eval()
    images = torch.randn(1, 3, 75, 41, dtype=torch.float64)
    with torch.no_grad():
        expected = stages(openai_names(backbone.state_dict()), images)
        pool = backbone.attention_pool.state_dict()
        expected[3] = attention_pool(pool, expected[3][0], 2)[None]
        try:
            found = backbone(images)
        except RuntimeError:
            return False
    return all(
        one.shape == other.shape and torch.allclose(one, other, rtol=0, atol=1e-9)
        for one, other in zip(found, expected, strict=True)
    )


def test_both_agree_as_they_are():
    assert pool_agrees(clip_attention_pool.CLIPAttentionPool)
    assert backbone_agrees(clip_resnet.CLIPResNet)


@pytest.mark.parametrize("bug", POOL_BUGS)
def test_a_seeded_bug_of_the_pool_is_seen(bug):
    cls = broken(clip_attention_pool, "CLIPAttentionPool", *POOL_BUGS[bug])
    assert not pool_agrees(cls)


@pytest.mark.parametrize("bug", BACKBONE_BUGS)
def test_a_seeded_bug_of_the_backbone_is_seen(bug):
    assert not backbone_agrees(broken(clip_resnet, "CLIPResNet", *BACKBONE_BUGS[bug]))


@pytest.mark.parametrize("bug", BLOCK_BUGS)
def test_a_seeded_bug_of_a_block_is_seen(bug, monkeypatch):
    block = broken(clip_bottleneck, "CLIPBottleneck", *BLOCK_BUGS[bug])
    monkeypatch.setattr(clip_resnet, "CLIPBottleneck", block)
    assert not backbone_agrees(clip_resnet.CLIPResNet)
