"""Position-specific language: each place gathers the words that matter there.

Paper: Feng et al., "Encoder Fusion Network with Co-Attention Embedding for Referring
Image Segmentation", CVPR 2021, https://arxiv.org/abs/2105.01839, Eq. (2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from mmris.models.layers import MaskedLinearBlock, no_autocast, unit_length

if TYPE_CHECKING:
    from torch import Tensor

    from mmris.structures import TextFeatures


class PositionSpecificLanguage(nn.Module):
    r"""The words, weighted at each place by how well they fit the feature there.

    .. math::
        e_t = \mathrm{l2}(\mathrm{ReLU}(\mathrm{BN}(W_e w_t))), \qquad
        \alpha_p = \mathrm{softmax}_t((W_q m_p + b_q) \cdot e_t), \qquad
        l_p = \sum_t \alpha_{pt} e_t

    over the words, padding left out, also of BN's statistics. The 1x1 convolution
    :math:`W_q` moves to the few words: :math:`(W_q m_p + b_q) \cdot e_t =
    m_p \cdot W_q^\top e_t + b_q \cdot e_t`. Scores and softmax are in float32 also
    under autocast.

    Args:
        token_channels: Channels of the words w.
        channels: Channels of the words e and of m.
        query_conv: Whether there is :math:`W_q`. The paper prints none, but without it
            the scores of these vectors of length 1 lie within about 0 and 1, and l
            stays close to the mean of the words.
    """

    def __init__(self, *, token_channels: int, channels: int, query_conv: bool) -> None:
        super().__init__()
        self.words = MaskedLinearBlock(token_channels, channels)
        self.query = (
            nn.Conv2d(channels, channels, kernel_size=1) if query_conv else None
        )

    def forward(self, multimodal: Tensor, text: TextFeatures) -> Tensor:
        """Gather the words.

        Args:
            multimodal: m, ``(N, channels, H, W)``.
            text: N expressions.

        Returns:
            l, ``(N, channels, H, W)``, in float32 or longer.
        """
        words = unit_length(self.words(text.tokens, text.mask), dim=2)  # (N, T, C)
        with no_autocast(words):
            shares = self.shares(words, text.mask, multimodal)
            language = words.transpose(1, 2) @ shares  # (N, C, P), Eq. (2)
        return language.reshape(multimodal.shape)

    def shares(self, words: Tensor, mask: Tensor, multimodal: Tensor) -> Tensor:
        """How much each place takes of each word.

        Args:
            words: e, ``(N, T, channels)``.
            mask: ``(N, T)`` bool, True on words.
            multimodal: m, ``(N, channels, H, W)``.

        Returns:
            ``(N, T, P)``, which sums to 1 over the words; zero on padding.
        """
        with no_autocast(words):
            if self.query is None or self.query.bias is None:
                scores = words @ multimodal.flatten(2)  # (N, T, P)
            else:
                keys = words @ self.query.weight.flatten(1)
                offsets = words @ self.query.bias[:, None]  # (N, T, 1)
                scores = keys @ multimodal.flatten(2) + offsets
            scores = scores.masked_fill(~mask[:, :, None], -torch.inf)
            return torch.softmax(scores, dim=1)
