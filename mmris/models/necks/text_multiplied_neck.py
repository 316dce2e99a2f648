"""The sentence multiplies the coarsest level, and finer ones are merged into it.

Shapes: B images, N expressions, C channels.
Paper: Huang and Satoh, "Referring Image Segmentation via Joint Mask Contextual
Embedding Learning and Progressive Alignment Network", EMNLP 2023,
https://aclanthology.org/2023.emnlp-main.481/, Eqs. (1)-(2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import nn
from torch.nn import functional

from mmris.models.layers import LEAKY_SLOPE, leaky_block, resize_to
from mmris.registry import MODELS
from mmris.structures import FusedFeatures, FusedSpec, LevelSpec

from .fusion_neck import FusionNeck

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from mmris.structures import TextFeatures, TextSpec


@MODELS.register_module()
class TextMultipliedNeck(FusionNeck):
    r"""JMCELN's multimodal feature: one map at the size of the finest level.

    With the sentence :math:`F_s`, the levels :math:`F_{v1}, ..., F_{vL}` from fine to
    coarse, and sigma for batch normalisation and a leaky ReLU,

    .. math::
        F_{mL} &= \sigma(W_s F_s) \odot \sigma(W_{vL} F_{vL})  % Eq. (1)
        \\
        F_{mk} &= \sigma(W_{mk} [\mathrm{up}\, F_{m,k+1};\; \sigma(W_{vk} F_{vk})])
            % Eq. (2)

    down to :math:`F_{m1}`. All W are linear maps at each position. So
    :math:`W_{mk} [\mathrm{up}\,a; b]` is :math:`\mathrm{up}(W^a_{mk} a) + W^b_{mk} b`,
    exactly: the weights of bilinear interpolation sum to 1. The first term is computed
    at the coarse size, a quarter of the work, and the second needs no words and is
    computed once an image. The sentence is never tiled.

    Args:
        in_levels: What the backbone gives; from the segmentor.
        in_text: What the text encoder gives, of which only the sentence is read; from
            the segmentor.
        channels: ``C``, 1024 in the paper.
        in_indices: Which levels of the backbone to use, three in the paper; None for
            all.

    Deviations: none from the equations. Where the paper is silent: 1x1 kernels without
    bias, bilinear upsampling, the slope 0.1 of MCN's fusion (Luo et al., CVPR 2020),
    which this one repeats. Levels are enlarged to the size of the next finer one,
    whatever the ratio. In training the statistics of the normalisations of image
    features count each image once, however many expressions it has.

    Example:
        >>> import torch
        >>> from mmris.models import TextMultipliedNeck
        >>> from mmris.structures import LevelSpec, TextFeatures, TextSpec
        >>> neck = TextMultipliedNeck(
        ...     in_levels=[LevelSpec(6, 8), LevelSpec(8, 16)],
        ...     in_text=TextSpec(token_channels=4, sentence_channels=5),
        ...     channels=16,
        ... )
        >>> mask = torch.tensor([[True, True, True], [True, False, False]])
        >>> text = TextFeatures(torch.rand(2, 3, 4), mask, torch.rand(2, 5))
        >>> levels = [torch.rand(1, 6, 5, 7), torch.rand(1, 8, 3, 4)]
        >>> neck(levels, text, torch.tensor([0, 0]))[0].shape
        torch.Size([2, 16, 5, 7])
    """

    def __init__(
        self,
        *,
        in_levels: Sequence[LevelSpec],
        in_text: TextSpec,
        channels: int,
        in_indices: Sequence[int] | None = None,
    ) -> None:
        super().__init__(in_levels=in_levels, in_text=in_text, in_indices=in_indices)
        self.channels = channels
        self.sentence = nn.Sequential(  # W_s
            nn.Linear(in_text.sentence_channels, channels, bias=False),
            nn.BatchNorm1d(channels),
            nn.LeakyReLU(LEAKY_SLOPE),
        )
        self.laterals = nn.ModuleList(  # W_v
            leaky_block(level.channels, channels) for level in self.in_levels
        )
        self.merges = nn.ModuleList(  # W_m: first what comes from above, then laterals
            leaky_block(2 * channels, channels) for _ in self.in_levels[1:]
        )

    def _merges(self) -> list[Any]:
        return list(self.merges)  # of mmcv, which ships no types

    @property
    def spec(self) -> FusedSpec:
        """One map at the size of the finest level, with the text as it came."""
        level = LevelSpec(self.channels, self.in_levels[0].stride)
        return FusedSpec((level,), (self.in_text,))

    def project(self, levels: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """The part that needs no words.

        Args:
            levels: ``(B, C_i, H_i, W_i)`` each.

        Returns:
            ``(B, C, H_i, W_i)`` each: what the level adds to its merge or, of the
            coarsest, what the sentence multiplies.
        """
        laterals = [
            lateral(level) for lateral, level in zip(self.laterals, levels, strict=True)
        ]
        added = [
            functional.conv2d(lateral, merge.conv.weight[:, self.channels :])
            for lateral, merge in zip(laterals[:-1], self._merges(), strict=True)
        ]
        return (*added, laterals[-1])

    def fuse(
        self, projected: tuple[Tensor, ...], text: TextFeatures, image_index: Tensor
    ) -> FusedFeatures:
        """The part that needs the words.

        Args:
            projected: What :meth:`project` gave for B images.
            text: N expressions.
            image_index: ``(N,)`` int64, the image of each.

        Returns:
            One map, ``(N, C, H_0, W_0)``.

        Raises:
            ValueError: One expression alone in training: its sentence is a single value
                a channel, which batch normalisation would turn into 0.
        """
        norm = self.sentence[1]
        if (
            self.training
            and isinstance(norm, nn.BatchNorm1d)
            and text.sentence.shape[0] == 1
        ):
            raise ValueError(
                "model.neck TextMultipliedNeck normalises sentences over the batch, "
                "and a training batch of one expression has no statistics. Raise "
                "train_dataloader.batch_size, or set sync_bn='torch', which shares "
                "statistics among processes"
            )
        said = self.sentence(text.sentence)[:, :, None, None]
        *added, coarsest = projected
        fused = said * coarsest[image_index]  # Eq. (1)
        for merge, lateral in zip(
            reversed(self._merges()), reversed(added), strict=True
        ):
            above = functional.conv2d(fused, merge.conv.weight[:, : self.channels])
            above = resize_to(above, lateral.shape[-2:])
            fused = merge.activate(merge.norm(above + lateral[image_index]))  # Eq. (2)
        return FusedFeatures((fused,), (text,), image_index)
