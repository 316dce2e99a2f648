"""Weights of other libraries give, in our backbones, the features they gave there."""

import pytest
import torch
from torchvision import models as torchvision_models
from torchvision.models.convnext import CNBlockConfig, ConvNeXt
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet
from torchvision.models.segmentation import DeepLabV3
from torchvision.models.segmentation.deeplabv3 import DeepLabHead
from torchvision.models.swin_transformer import SwinTransformer

from mmris.registry import MODELS
from mmris.utils.backbone_checkpoint import convert_backbone

IMAGES = torch.randn(2, 3, 64, 96, generator=torch.Generator().manual_seed(1))


def randomised(module):
    """All numbers different, so that none can take the place of another."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for value in module.state_dict().values():
            if value.is_floating_point():
                noise = torch.rand(value.shape, generator=generator)
                scale = 1.0 if value.ndim == 1 else value.abs().mean() * 2
                centred = noise - 0.5 if value.ndim > 1 else noise + 0.5
                value.copy_(centred * scale)
    module.eval()  # that of mmseg's ResNet returns None
    return module


def ours(config, weights):
    """A backbone with the weights, which takes all of them, and what became of them."""
    backbone = MODELS.build(config)
    converted = convert_backbone(weights, backbone)
    missing, unexpected = backbone.load_state_dict(converted.state, strict=False)
    assert not unexpected
    assert set(missing) == set(converted.new)
    backbone.eval()
    return backbone, converted


def resnet_config(depth, **settings):
    return {"type": "mmseg.ResNet", "depth": depth, "out_indices": (1, 3), **settings}


def features_of_resnet(model, images):
    maps = model.maxpool(model.relu(model.bn1(model.conv1(images))))
    first = model.layer2(model.layer1(maps))
    return first, model.layer4(model.layer3(first))


@pytest.mark.parametrize("wrapped", ["", "module.", "module.backbone."])
def test_resnet_of_torchvision(wrapped):
    model = randomised(ResNet(BasicBlock, [2, 2, 2, 2]))
    weights = {f"{wrapped}{k}": v for k, v in model.state_dict().items()}
    backbone, converted = ours(resnet_config(18), weights)
    with torch.no_grad():
        for found, expected in zip(
            backbone(IMAGES), features_of_resnet(model, IMAGES), strict=True
        ):
            torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    assert converted.left_out == {"fc": (2, "the classifier of the pretraining")}
    assert not converted.new


def test_deeplab_of_torchvision_gives_its_backbone():
    model = ResNet(
        Bottleneck, [1, 1, 1, 1], replace_stride_with_dilation=[False, True, True]
    )
    names = {"layer4": "out"}
    body = torchvision_models._utils.IntermediateLayerGetter(model, names)
    whole = randomised(DeepLabV3(body, DeepLabHead(2048, 3)))
    config = resnet_config(50)
    backbone = MODELS.build(config)
    weights = whole.state_dict()
    # One block a stage there, three to six in ours: what is missing is said.
    with pytest.raises(ValueError, match="not those of this backbone: .* missing"):
        convert_backbone(weights, backbone)


def test_convnext_of_torchvision():
    widths = [8, 16, 24, 32]
    blocks = [
        CNBlockConfig(width, following, 1)
        for width, following in zip(widths, [*widths[1:], None], strict=True)
    ]
    model = randomised(ConvNeXt(blocks))
    config = {
        "type": "mmpretrain.ConvNeXt",
        "arch": {"depths": [1, 1, 1, 1], "channels": widths},
        "out_indices": (0, 1, 2, 3),
        "gap_before_final_norm": False,
        "use_grn": False,
    }
    backbone, converted = ours(config, model.state_dict())
    for stage in range(4):
        setattr(backbone, f"norm{stage}", torch.nn.Identity())
    with torch.no_grad():
        maps, expected = IMAGES, []
        for number, feature in enumerate(model.features):
            maps = feature(maps)
            if number % 2:
                expected.append(maps)
        for found, wanted in zip(backbone(IMAGES), expected, strict=True):
            torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)
    assert set(converted.new) == {
        f"norm{stage}.{kind}" for stage in range(4) for kind in ("weight", "bias")
    }
    assert "gap_before_final_norm" in converted.note


def swin_config():
    return {
        "type": "mmseg.SwinTransformer",
        "embed_dims": 8,
        "depths": (2, 2),
        "num_heads": (2, 4),
        "window_size": 4,
        "strides": (4, 2),
        "out_indices": (0, 1),
    }


def test_swin_of_torchvision():
    model = randomised(
        SwinTransformer(
            patch_size=[4, 4],
            embed_dim=8,
            depths=[2, 2],
            num_heads=[2, 4],
            window_size=[4, 4],
        )
    )
    backbone, _ = ours(swin_config(), model.state_dict())
    for stage in range(2):
        setattr(backbone, f"norm{stage}", torch.nn.Identity())
    with torch.no_grad():
        first = model.features[1](model.features[0](IMAGES))
        second = model.features[3](model.features[2](first))
        for found, wanted in zip(backbone(IMAGES), (first, second), strict=True):
            torch.testing.assert_close(
                found, wanted.permute(0, 3, 1, 2), rtol=1e-4, atol=1e-4
            )


def in_names_of_the_original_swin(weights):
    """What Microsoft's release calls the same."""
    result = {}
    for name, value in weights.items():
        parts = name.split(".")
        if parts[0] != "features":
            result[name] = value
            continue
        number, rest = int(parts[1]), ".".join(parts[2:])
        if number == 0:
            part = {"0": "proj", "2": "norm"}[parts[2]]
            result[f"patch_embed.{part}.{parts[3]}"] = value
        elif number % 2:
            rest = ".".join(parts[3:]).replace("mlp.0", "mlp.fc1")
            rest = rest.replace("mlp.3", "mlp.fc2")
            result[f"layers.{number // 2}.blocks.{parts[2]}.{rest}"] = value
        else:
            result[f"layers.{number // 2 - 1}.downsample.{rest}"] = value
    return result


def test_original_swin_is_that_of_torchvision_by_other_names():
    model = randomised(
        SwinTransformer(
            patch_size=[4, 4],
            embed_dim=8,
            depths=[2, 2],
            num_heads=[2, 4],
            window_size=[4, 4],
        )
    )
    weights = model.state_dict()
    backbone = MODELS.build(swin_config())
    expected = convert_backbone(weights, backbone)
    converted = convert_backbone(in_names_of_the_original_swin(weights), backbone)
    assert converted.layout == "the original Swin transformer"
    assert set(converted.state) == set(expected.state)
    for name, value in converted.state.items():
        assert torch.equal(value, expected.state[name]), name


def in_names_of_deeplab(weights, shortcut, stem):
    """What DeepLab v2 for PyTorch calls the weights of mmseg's ResNet."""
    convs = {"conv1": "reduce", "conv2": "conv3x3", "conv3": "increase"}
    norms = {"bn1": "reduce", "bn2": "conv3x3", "bn3": "increase"}
    result = {}
    for name, value in weights.items():
        parts = name.split(".")
        if parts[0] == "conv1":
            result[f"base.{stem}conv.{parts[-1]}"] = value
        elif parts[0] == "bn1":
            result[f"base.{stem}bn.{parts[-1]}"] = value
        else:
            stage, block = int(parts[0][-1]) + 1, int(parts[1]) + 1
            if parts[2] == "downsample":
                part, kind = shortcut, ("conv", "bn")[int(parts[3])]
            elif parts[2] in convs:
                part, kind = convs[parts[2]], "conv"
            else:
                part, kind = norms[parts[2]], "bn"
            key = f"base.layer{stage}.block{block}.{part}.{kind}.{parts[-1]}"
            result[key] = value
    result["base.aspp.c0.weight"] = torch.zeros(21, 2048, 3, 3)
    return result


@pytest.mark.parametrize(
    ("shortcut", "stem"), [("shortcut", "layer1.conv1."), ("proj", "layer1.")]
)
def test_deeplab_v2(shortcut, stem):
    config = resnet_config(50, style="caffe", base_channels=8)
    expected = randomised(MODELS.build(config)).state_dict()
    backbone = MODELS.build(config)
    converted = convert_backbone(
        in_names_of_deeplab(expected, shortcut, stem), backbone
    )
    assert set(converted.state) == set(expected)
    for name, value in expected.items():
        assert torch.equal(converted.state[name], value), name
    assert converted.left_out == {"aspp": (1, "a segmentation head")}
    assert "caffe" in converted.note


@pytest.mark.parametrize("head", ["decode_head", "head"])
def test_whole_models_of_mmseg_and_mmpretrain(head):
    config = resnet_config(18, base_channels=8)
    expected = randomised(MODELS.build(config)).state_dict()
    weights = {f"backbone.{name}": value for name, value in expected.items()}
    weights[f"{head}.conv_seg.weight"] = torch.zeros(2, 8, 1, 1)
    converted = convert_backbone(weights, MODELS.build(config))
    assert set(converted.state) == set(expected)
    assert list(converted.left_out) == [head]


def test_another_width_is_refused():
    weights = ResNet(BasicBlock, [2, 2, 2, 2]).state_dict()
    with pytest.raises(ValueError, match="of another shape .*depth, width"):
        convert_backbone(weights, MODELS.build(resnet_config(18, base_channels=8)))


def test_a_deep_stem_is_missed():
    weights = ResNet(BasicBlock, [2, 2, 2, 2]).state_dict()
    config = {"type": "mmseg.ResNetV1c", "depth": 18}
    with pytest.raises(ValueError, match="missing from the checkpoint .stem"):
        convert_backbone(weights, MODELS.build(config))
