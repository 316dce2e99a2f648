"""CEFNet's fusion of one level: multimodal feature, its words, and their co-attention.

Paper: Feng et al., "Encoder Fusion Network with Co-Attention Embedding for Referring
Image Segmentation", CVPR 2021, https://arxiv.org/abs/2105.01839, Eqs. (1)-(8).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from mmris.models.layers import conv_block, unit_length
from mmris.models.parts import CO_ATTENTION, build_part
from mmris.registry import MODELS

from .co_attention.multimodal_feature import MultimodalFeature
from .co_attention.position_specific_language import PositionSpecificLanguage
from .fusion_block import FusionBlock

if TYPE_CHECKING:
    from mmris.structures import LevelSpec, TextFeatures, TextSpec

    from .co_attention import CoAttention


@MODELS.register_module()
class CoAttentionBlock(FusionBlock):
    r"""Multimodal feature and language of each place attend to each other.

    .. math::
        M = \text{multimodal feature}(E, h), \qquad
        L = \text{language of each place}(M, e), \\
        G = \mathrm{l2}(\text{co-attention}(M, L)), \qquad F = \sigma(W_f * G)

    with a 3x3 kernel :math:`W_f` and :math:`\sigma` batch normalisation and PReLU of
    one slope. See :class:`MultimodalFeature`, :class:`PositionSpecificLanguage`,
    :class:`VanillaCoAttention` and :class:`AsymmetricCoAttention`. What becomes of F is
    the placement's: CEFNet puts it into the encoder with
    :class:`mmris.models.UnitReinjection`.

    Args:
        in_level: The level; from the placement.
        in_text: What the text encoder gives; from the placement. The paper's is
            :class:`mmris.models.ProjectedGRUTextEncoder`.
        channels: Channels of M and L; 512 in the paper.
        co_attention: Config of a :class:`CoAttention`, its ``channels`` left out; None
            for none, as in the ablation: then F is made of M, and only the sentence is
            read.
        query_conv: Whether the language of a place is looked up through a 1x1
            convolution of M, see :class:`PositionSpecificLanguage`; of no effect
            without a co-attention.
        out_channels: Channels of F; None for as many as the level has.

    Deviations: kernels, norms and activations of Eq. (1) and of :math:`W_f`, and the
    1x1 convolution of Eq. (2), are the released code's: the paper prints none, and
    without the last its words stay averages. Coordinates span -1 to 1 along both axes,
    as in the work that the paper cites; in its code they are exchanged, and wrong on
    maps that are not square.
    """

    def __init__(
        self,
        *,
        in_level: LevelSpec,
        in_text: TextSpec,
        channels: int,
        co_attention: dict[str, Any] | None,
        query_conv: bool = True,
        out_channels: int | None = None,
    ) -> None:
        super().__init__(in_level=in_level, in_text=in_text, out_channels=out_channels)
        self.multimodal = MultimodalFeature(
            in_channels=in_level.channels,
            sentence_channels=in_text.sentence_channels,
            channels=channels,
        )
        self.language: PositionSpecificLanguage | None = None
        self.co_attention: CoAttention | None = None
        mixed = channels
        if co_attention is not None:
            self.language = PositionSpecificLanguage(
                token_channels=in_text.token_channels,
                channels=channels,
                query_conv=query_conv,
            )
            self.co_attention = build_part(
                "model.neck.block.co_attention",
                co_attention,
                CO_ATTENTION,
                {"channels": channels},
            )
            mixed = self.co_attention.out_channels
        self.mix = conv_block(
            mixed, self.out_channels, kernel_size=3, activation=nn.PReLU()
        )

    def project(self, level: Tensor) -> Tensor:
        """The part of the multimodal feature that needs no words.

        Args:
            level: E, ``(B, C_i, H, W)``.

        Returns:
            ``(B, channels, H, W)``.
        """
        return self.multimodal.project(level)

    def fuse(
        self, projected: Tensor, text: TextFeatures, image_index: Tensor
    ) -> Tensor:
        """Everything that needs the words.

        Args:
            projected: What :meth:`project` gave for B images.
            text: N expressions; padded words have no effect, in training either.
            image_index: ``(N,)`` int64, the image of each.

        Returns:
            F, ``(N, out_channels, H, W)``.
        """
        joint = self.multimodal.fuse(projected, text.sentence, image_index)
        if self.language is not None and self.co_attention is not None:
            language = self.language(joint, text)
            joint = unit_length(self.co_attention(joint, language), dim=1)
        fused: Tensor = self.mix(joint)
        return fused
