"""Which backbones can be run stage by stage, and how."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .clip_resnet_stages import CLIPResNetStages
from .convnext_stages import ConvNeXtStages
from .resnet_stages import ResNetStages
from .swin_stages import PretrainSwinStages, SwinStages

if TYPE_CHECKING:
    from torch import nn

    from .backbone_stages import BackboneStages

# By name, so that none of the two libraries is imported to be compared with.
_FAMILIES: dict[str, BackboneStages] = {
    "mmseg.models.backbones.resnet.ResNet": ResNetStages(),
    "mmseg.models.backbones.swin.SwinTransformer": SwinStages(),
    "mmpretrain.models.backbones.resnet.ResNet": ResNetStages(),
    "mmpretrain.models.backbones.swin_transformer.SwinTransformer": (
        PretrainSwinStages()
    ),
    "mmpretrain.models.backbones.convnext.ConvNeXt": ConvNeXtStages(),
    "mmris.models.backbones.clip_resnet.CLIPResNet": CLIPResNetStages(),
}


def _scoped(name: str) -> str:
    parts = name.split(".")
    return f"{parts[0]}.{parts[-1]}"


SUPPORTED_BACKBONES = tuple(_scoped(name) for name in _FAMILIES)


def find_stages(backbone: nn.Module) -> BackboneStages:
    """How to run a backbone stage by stage.

    Classes that derive from a supported one and keep its ``forward`` are supported too
    (ResNetV1c, ResNetV1d, ResNeXt and others): their stages are run in the same order.

    Args:
        backbone: Any backbone.

    Returns:
        What runs the stages of its family.

    Raises:
        ValueError: Another backbone, or a ConvNeXt that pools its outputs. The message
            lists the supported ones and names the config key.
    """
    own = type(backbone)
    for parent in own.__mro__:
        stages = _FAMILIES.get(f"{parent.__module__}.{parent.__qualname__}")
        if stages is not None and vars(parent).get("forward") is own.forward:
            if getattr(backbone, "gap_before_final_norm", False):
                raise ValueError(
                    f"model.backbone {own.__name__} pools its outputs; set "
                    "model.backbone.gap_before_final_norm=False"
                )
            return stages
    raise ValueError(
        f"model.backbone {_scoped(f'{own.__module__}.{own.__qualname__}')} cannot be "
        f"run stage by stage; {', '.join(SUPPORTED_BACKBONES)}, and what derives from "
        "them without a forward of its own, can. Choose one of them, or a model.neck "
        "that works after the backbone, such as DecoderFusion"
    )
