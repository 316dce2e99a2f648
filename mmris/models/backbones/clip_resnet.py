"""CLIP's modified ResNets as backbones of dense prediction.

Paper: Radford et al., "Learning Transferable Visual Models From Natural Language
Supervision" (CLIP), ICML 2021, https://arxiv.org/abs/2103.00020, Sec. 2.4.
Official code: https://github.com/openai/CLIP, clip/model.py (names of weights).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from mmengine.model import Sequential
from mmseg.models.backbones.resnet import ResNet
from torch import Tensor, nn

from mmris.registry import MODELS

from .clip_attention_pool import CLIPAttentionPool
from .clip_bottleneck import EXPANSION, CLIPBottleneck

if TYPE_CHECKING:
    from collections.abc import Sequence

LAST_STAGE = 3
# In all of CLIP's models; the number of heads follows from the width.
_HEAD_CHANNELS = 64


class CLIPArchitecture(NamedTuple):
    """Sizes of one of CLIP's ResNets.

    Attributes:
        blocks: Blocks of each stage.
        base_channels: Channels inside the blocks of the first stage.
        pooled_channels: Channels that the attention pool gives.
        grid_size: Side of the last stage's map in CLIP's training.
    """

    blocks: tuple[int, int, int, int]
    base_channels: int
    pooled_channels: int
    grid_size: int


ARCHITECTURES = {
    "RN50": CLIPArchitecture((3, 4, 6, 3), 64, 1024, 7),
    "RN101": CLIPArchitecture((3, 4, 23, 3), 64, 512, 7),
    "RN50x4": CLIPArchitecture((4, 6, 10, 6), 80, 640, 9),
    "RN50x16": CLIPArchitecture((6, 8, 18, 8), 96, 768, 12),
    "RN50x64": CLIPArchitecture((3, 15, 36, 10), 128, 1024, 14),
}


@MODELS.register_module()
class CLIPResNet(ResNet):
    """CLIP's ResNet: three convolutions as stem, average pooling wherever it shrinks.

    The last level is the attention pool's unless told otherwise: each position asks all
    others, and the result lies in the space that CLIP's images and sentences share.
    Training works as for any ResNet of mmseg. For pretrained weights convert a
    checkpoint of CLIP by ``tools/model_converters/clip_to_mmris.py`` and name it::

        init_cfg=dict(type="Pretrained", checkpoint="rn101.pth", prefix="backbone.")

    Pictures are RGB with CLIP's own mean (122.7709383, 116.7460125, 104.09373615) and
    deviation (68.5005327, 66.6321579, 70.32316305).

    Args:
        arch: ``RN50``, ``RN101``, ``RN50x4``, ``RN50x16`` or ``RN50x64``.
        base_channels: Channels inside the blocks of the first stage, an even number;
            None for those of the architecture.
        out_indices: Stages whose outputs are returned, from 0.
        use_attention_pool: Whether the last stage's output goes through the attention
            pool; without it, it is returned as it is, and the pool does not exist.
        pooled_channels: Channels that the pool gives; None for those of the
            architecture.
        frozen_stages: The stem and so many stages are not trained; -1 for none.
        norm_eval: Whether normalisations keep their statistics in training.
        norm_cfg: Config of the normalisations.
        init_cfg: As in every MMEngine module.

    Raises:
        ValueError: No such architecture, ``base_channels`` is odd, or ``out_indices``
            are not stages or leave out the one that is pooled.

    Deviations: none in stem and stages. The pool gives a map instead of a vector, see
    :class:`~.clip_attention_pool.CLIPAttentionPool`.
    """

    arch_settings: ClassVar[dict[str, Any]] = {
        name: (CLIPBottleneck, architecture.blocks)
        for name, architecture in ARCHITECTURES.items()
    }

    def __init__(
        self,
        *,
        arch: str = "RN50",
        base_channels: int | None = None,
        out_indices: Sequence[int] = (0, 1, 2, 3),
        use_attention_pool: bool = True,
        pooled_channels: int | None = None,
        frozen_stages: int = -1,
        norm_eval: bool = False,
        norm_cfg: dict[str, Any] | None = None,
        init_cfg: dict[str, Any] | None = None,
    ) -> None:
        sizes = _look_up(arch)
        width = sizes.base_channels if base_channels is None else base_channels
        norm_cfg = norm_cfg or {"type": "BN", "requires_grad": True}
        _check(width, out_indices, use_attention_pool)
        super().__init__(
            arch,
            stem_channels=width,
            base_channels=width,
            out_indices=tuple(out_indices),
            deep_stem=True,
            frozen_stages=frozen_stages,
            norm_eval=norm_eval,
            norm_cfg=norm_cfg,
            init_cfg=init_cfg,
        )
        self.maxpool = nn.AvgPool2d(2)  # the name is that of mmseg
        self.attention_pool: CLIPAttentionPool | None = None
        if use_attention_pool:
            channels = width * 2**LAST_STAGE * EXPANSION
            self.attention_pool = CLIPAttentionPool(
                in_channels=channels,
                out_channels=pooled_channels or sizes.pooled_channels,
                num_heads=channels // _HEAD_CHANNELS,
                grid_size=sizes.grid_size,
                norm_cfg=norm_cfg,
            )

    def make_res_layer(self, **settings: Any) -> nn.Module:
        """Make a stage.

        Args:
            settings: What mmseg's ResNet says of it.

        Returns:
            Its blocks, the first of which changes channels and size.
        """
        blocks = []
        in_channels, stride = settings["inplanes"], settings["stride"]
        for _ in range(settings["num_blocks"]):
            block = CLIPBottleneck(
                in_channels=in_channels,
                channels=settings["planes"],
                stride=stride,
                norm_cfg=settings["norm_cfg"],
            )
            blocks.append(block)
            in_channels, stride = settings["planes"] * EXPANSION, 1
        layer: nn.Module = Sequential(*blocks)
        return layer

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Compute the levels.

        Args:
            images: ``(B, 3, H, W)``.

        Returns:
            The outputs of ``out_indices``, finest first, ``(B, C_i, H_i, W_i)``.
        """
        levels: tuple[Tensor, ...] = super().forward(images)
        if self.attention_pool is not None:
            levels = (*levels[:-1], self.attention_pool(levels[-1]))
        return levels


def _look_up(arch: str) -> CLIPArchitecture:
    if arch not in ARCHITECTURES:
        raise ValueError(
            f"model.backbone.arch is {arch!r}; choose one of {', '.join(ARCHITECTURES)}"
        )
    return ARCHITECTURES[arch]


def _check(width: int, out_indices: Sequence[int], use_attention_pool: bool) -> None:
    if width < 2 or width % 2 != 0:
        raise ValueError(
            f"model.backbone.base_channels is {width}; the stem and the heads of the "
            "attention pool take halves of it: give an even number"
        )
    if not out_indices or not set(out_indices) <= set(range(LAST_STAGE + 1)):
        raise ValueError(
            f"model.backbone.out_indices is {list(out_indices)}; name stages from 0 to "
            f"{LAST_STAGE}"
        )
    if use_attention_pool and LAST_STAGE not in out_indices:
        raise ValueError(
            f"model.backbone.out_indices is {list(out_indices)}, without stage "
            f"{LAST_STAGE}, which the attention pool works on; add it, or set "
            "model.backbone.use_attention_pool to False"
        )
