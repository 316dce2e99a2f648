"""CLIP's ResNets against a transcription, published sizes and mmpretrain's."""

import importlib

import pytest
import torch
from torch import nn

from mmris.models.backbones import CLIPResNet, read_levels
from mmris.registry import MODELS
from mmris.structures import LevelSpec
from tests.references.clip_checkpoint import PUBLISHED, image_shapes
from tests.references.clip_resnet import attention_pool, openai_names, stages

# Of the visual part, attention pool included, as OpenAI's models have them.
PARAMETERS = {"RN50": 38_316_896, "RN101": 56_259_936}
SIZES = [(64, 96), (75, 41)]


def make_backbone(cls=CLIPResNet, **own):
    """A narrow one in evaluation mode, all of whose weights matter."""
    torch.manual_seed(0)
    backbone = cls(**{"arch": "RN50", "base_channels": 4, **own})
    for name, parameter in backbone.named_parameters():
        if parameter.ndim == 4:
            nn.init.normal_(parameter, std=parameter[0].numel() ** -0.5)
        elif name.endswith("weight") and parameter.ndim == 1:
            nn.init.uniform_(parameter, 0.5, 1.5)
        elif parameter.ndim == 1:
            nn.init.normal_(parameter, std=0.1)
    for module in backbone.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.5, 2)
    backbone.eval()
    return backbone


@pytest.mark.parametrize("arch", PUBLISHED)
def test_parameters_are_as_many_as_published(arch):
    *image, _ = PUBLISHED[arch]
    with torch.device("meta"):
        backbone = CLIPResNet(arch=arch)
    count = sum(parameter.numel() for parameter in backbone.parameters())
    channels, pooled = image[1] * 32, image[2]
    new = channels * pooled + 2 * pooled  # the branch beside the attention
    mean_position = channels
    published = sum(
        torch.Size(shape).numel()
        for name, shape in image_shapes(*image).items()
        if "running" not in name and "tracked" not in name
    )
    assert count == published + new - mean_position
    if arch in PARAMETERS:
        assert published == PARAMETERS[arch]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("arch", ["RN50", "RN101"])
def test_equals_the_transcription(arch, size):
    backbone = make_backbone(arch=arch).double()
    images = torch.randn(2, 3, *size, dtype=torch.float64)
    with torch.no_grad():
        found = backbone(images)
        expected = stages(openai_names(backbone.state_dict()), images)
    pool = backbone.attention_pool.state_dict()
    expected[3] = torch.stack([attention_pool(pool, maps, 2) for maps in expected[3]])
    for one, other in zip(found, expected, strict=True):
        assert other.std() > 0.1
        torch.testing.assert_close(one, other, rtol=0, atol=1e-9)


def test_equals_that_of_mmpretrain():
    try:
        theirs = importlib.import_module(
            "mmpretrain.models.multimodal.chinese_clip.chinese_clip"
        )
    except (ImportError, TypeError) as error:
        pytest.skip(f"mmpretrain cannot be imported: {error}")
    ours = make_backbone(use_attention_pool=False).double()
    other = theirs.ModifiedResNet(base_channels=4, num_attn_heads=2).double().eval()
    names = openai_names(ours.state_dict())
    report = other.load_state_dict(names, strict=False)
    assert not report.unexpected_keys
    assert all(name.startswith("attnpool.") for name in report.missing_keys)
    seen = []
    for stage in (1, 2, 3, 4):
        layer = getattr(other, f"layer{stage}")
        layer.register_forward_hook(lambda _module, _inputs, maps: seen.append(maps))
    images = torch.randn(1, 3, 224, 224, dtype=torch.float64)
    with torch.no_grad():
        other(images)
        for one, maps in zip(ours(images), seen, strict=True):
            torch.testing.assert_close(one, maps)


@pytest.mark.parametrize(
    ("own", "channels"),
    [
        ({}, (16, 32, 64, 1024)),
        ({"arch": "RN101"}, (16, 32, 64, 512)),
        ({"pooled_channels": 6}, (16, 32, 64, 6)),
        ({"use_attention_pool": False}, (16, 32, 64, 128)),
        ({"out_indices": (1, 3)}, (32, 1024)),
        ({"out_indices": [0, 2], "use_attention_pool": False}, (16, 64)),
    ],
)
def test_levels_are_read_without_running(own, channels):
    levels = read_levels(make_backbone(**own))
    indices = own.get("out_indices", (0, 1, 2, 3))
    strides = [4 * 2**index for index in indices]
    assert levels == tuple(LevelSpec(c, s) for c, s in zip(channels, strides))


def test_at_416_the_levels_are_those_of_the_paper():
    with torch.device("meta"):
        backbone = CLIPResNet(arch="RN101", out_indices=(1, 2, 3))
        levels = backbone(torch.empty(1, 3, 416, 416))
    shapes = [tuple(level.shape[1:]) for level in levels]
    assert shapes == [(512, 52, 52), (1024, 26, 26), (512, 13, 13)]
    assert backbone.attention_pool.num_heads == 32


def test_without_the_pool_there_are_no_weights_of_it():
    names = make_backbone(use_attention_pool=False).state_dict()
    assert not any("attention_pool" in name for name in names)


@pytest.mark.parametrize("size", SIZES)
def test_batched_equals_single(size):
    backbone = make_backbone()
    images = torch.randn(3, 3, *size)
    together = backbone(images)
    for row, image in enumerate(images):
        for level, single in zip(together, backbone(image[None]), strict=True):
            torch.testing.assert_close(level[row], single[0], rtol=1e-4, atol=1e-4)


def test_every_parameter_has_a_gradient():
    backbone = make_backbone().double()
    backbone.train()
    levels = backbone(torch.randn(2, 3, 64, 96, dtype=torch.float64))
    sum((level * torch.randn_like(level)).sum() for level in levels).backward()
    for name, parameter in backbone.named_parameters():
        assert parameter.grad.isfinite().all(), name
        if not name.endswith("k_proj.bias"):  # softmax does not see it
            assert parameter.grad.abs().max() > 1e-9, name


def test_random_weights_start_with_blocks_that_are_their_shortcuts():
    backbone = CLIPResNet(base_channels=4)
    backbone.init_weights()
    for layer in (backbone.layer1, backbone.layer4):
        for block in layer:
            assert (block.bn3.weight == 0).all()
            assert (block.bn2.weight == 1).all()
    deviation = backbone.attention_pool.q_proj.weight.std().item()
    assert deviation == pytest.approx(128**-0.5, rel=0.05)


@pytest.mark.parametrize("pool", [True, False])
def test_frozen_stages_and_norms_stay_frozen(pool):
    backbone = make_backbone(frozen_stages=2, norm_eval=True, use_attention_pool=pool)
    backbone.train()
    before = {name: value.clone() for name, value in backbone.named_buffers()}
    backbone(torch.randn(2, 3, 64, 96))[-1].sum().backward()
    for name, parameter in backbone.named_parameters():
        is_frozen = name.startswith(("stem.", "layer1.", "layer2."))
        assert parameter.requires_grad != is_frozen, name
    for name, value in backbone.named_buffers():
        assert torch.equal(value, before[name]), name


@pytest.mark.slow
def test_it_compiles():
    backbone = make_backbone(arch="RN50", base_channels=2)
    images = torch.randn(1, 3, 64, 96)
    torch.compiler.reset()
    compiled = torch.compile(backbone, backend="aot_eager", fullgraph=True)
    for one, other in zip(compiled(images), backbone(images), strict=True):
        torch.testing.assert_close(one, other)


def test_it_exports():
    backbone = make_backbone(base_channels=2)
    images = torch.randn(1, 3, 64, 96)
    program = torch.export.export(backbone, (images,))
    for one, other in zip(program.module()(images), backbone(images), strict=True):
        torch.testing.assert_close(one, other)


def test_bfloat16():
    backbone, images = make_backbone(), torch.randn(2, 3, 64, 96)
    with torch.autocast("cpu", torch.bfloat16):
        levels = backbone(images)
    for one, other in zip(levels, backbone(images), strict=True):
        assert one.isfinite().all()
        assert (one - other).norm() < 0.05 * other.norm()


def test_messages():
    def build(**own):
        return MODELS.build({"type": "CLIPResNet", **own})

    with pytest.raises(ValueError, match="arch is 'RN18'; choose one of RN50, RN101, "):
        build(arch="RN18")
    with pytest.raises(ValueError, match="base_channels is 5; the stem and the heads"):
        build(base_channels=5)
    with pytest.raises(
        ValueError, match=r"out_indices is \[1, 4\]; name stages from 0"
    ):
        build(out_indices=[1, 4])
    with pytest.raises(ValueError, match=r"out_indices is \[\]; name stages"):
        build(out_indices=[])
    with pytest.raises(ValueError, match=r"without stage 3, .*use_attention_pool to F"):
        build(out_indices=(0, 1, 2))
