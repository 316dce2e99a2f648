"""The sentence in the place of the words.

Paper: Ye et al., "Cross-Modal Self-Attention Network for Referring Image
Segmentation", CVPR 2019, https://arxiv.org/abs/1904.04745, Table 3, "CMSA-S".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mmris.models.parts import FUSION_BLOCK, build_part
from mmris.registry import MODELS
from mmris.structures import TextFeatures, TextSpec

from .fusion_block import FusionBlock

if TYPE_CHECKING:
    from torch import Tensor

    from mmris.structures import LevelSpec


@MODELS.register_module()
class SentenceAsWordBlock(FusionBlock):
    """Gives its block the sentence as an expression's only word.

    With a recurrent text encoder and CMSA's attention this is the paper's variant that
    knows an expression as one vector: the last state of an LSTM.

    Args:
        in_level: The level; from the placement.
        in_text: What the text encoder gives; from the placement.
        block: Config of the :class:`FusionBlock` that fuses, its ``out_channels``
            included.

    Deviations: none; the paper does not say how the vector is made or scaled. A block
    of CMSA scales it to unit length, as it does with words.

    Example:
        >>> import torch
        >>> from mmris.models import SentenceAsWordBlock
        >>> from mmris.structures import LevelSpec, TextFeatures, TextSpec
        >>> block = SentenceAsWordBlock(
        ...     in_level=LevelSpec(channels=6, stride=8),
        ...     in_text=TextSpec(token_channels=4, sentence_channels=9),
        ...     block=dict(type="CrossModalAttentionBlock", attention_channels=16),
        ... )
        >>> mask = torch.tensor([[True, True, True], [True, False, False]])
        >>> text = TextFeatures(torch.rand(2, 3, 4), mask, torch.rand(2, 9))
        >>> block(torch.rand(1, 6, 5, 7), text, torch.tensor([0, 0])).shape
        torch.Size([2, 6, 5, 7])
    """

    def __init__(
        self, *, in_level: LevelSpec, in_text: TextSpec, block: dict[str, Any]
    ) -> None:
        channels = in_text.sentence_channels
        inner: FusionBlock = build_part(
            "model.neck.block.block",
            block,
            FUSION_BLOCK,
            {"in_level": in_level, "in_text": TextSpec(channels, channels)},
        )
        super().__init__(
            in_level=in_level, in_text=in_text, out_channels=inner.out_channels
        )
        self.block = inner

    def project(self, level: Tensor) -> Any:
        """The block's part that needs no words.

        Args:
            level: ``(B, C_i, H, W)``.

        Returns:
            What the block wants of the images.
        """
        return self.block.project(level)

    def fuse(self, projected: Any, text: TextFeatures, image_index: Tensor) -> Tensor:
        """Fuse with the sentence alone.

        Args:
            projected: What :meth:`project` gave for B images.
            text: N expressions, of which the words are not looked at.
            image_index: ``(N,)`` int64, the image of each.

        Returns:
            ``(N, out_channels, H, W)``.
        """
        sentence = text.sentence[:, None]  # (N, 1, C_s)
        mask = text.mask.new_ones(sentence.shape[:2])
        alone = TextFeatures(sentence, mask, text.sentence)
        fused: Tensor = self.block.fuse(projected, alone, image_index)
        return fused
