"""Regions pass messages to each other along the words that speak of relations.

Shapes: N expressions, T words, C channels, C_t word channels, P = H * W positions.
Paper: Huang et al., "Referring Image Segmentation via Cross-Modal Progressive
Comprehension", CVPR 2020, https://arxiv.org/abs/2010.00514, module CMPC.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from mmengine.model import xavier_init
from torch import Tensor, nn

from mmris.models.layers import at_least_float32, no_autocast, pointwise

if TYPE_CHECKING:
    from .word_types import Phrase


class RelationReasoning(nn.Module):
    r"""Graph convolutions over all positions; the graph is made of relation words.

    With the vertices :math:`M_g = M W_g + b_g` and the relation words
    :math:`r_t = p_t^{rel} l_t`, the rows of R,

    .. math::
        B &= (M_g W_5)(R W_6)^\top, \qquad
        A = \mathrm{softmax}_{words}(B)\; \mathrm{softmax}_{positions}(B^\top) \\
        \bar M &= (A + I) M_g W_7

    Further layers repeat the last line with the same A and a :math:`W_7` of their own.
    All P x P numbers of A come from the two P x T factors :math:`B_1 B_2`, and A is
    never built: :math:`A F = B_1 (B_2 F)`. A acts on positions and the weights on
    channels, so n layers are :math:`(A + I)^n M_g W_7^{(1)} \dots W_7^{(n)}`, and

    .. math::
        (A + I)^n F = F + B_1 G_n, \qquad
        G_1 = B_2 F, \quad G_{k+1} = G_k + G_1 + (B_2 B_1)\, G_k

    costs T x T products for every layer after the first. The weights, those of the
    linear map that follows included, are multiplied with each other before they meet
    the P positions. All of this is exact, gradients too.

    B and the softmaxes are in float32 also under autocast: without a scale B grows
    beyond what bfloat16 resolves. Padded words have weight zero.

    Args:
        channels: ``C``, channels of M.
        word_channels: ``C_t``, channels of a word.
        num_layers: n; 1 in the paper, 2 on RefCOCOg.
    """

    def __init__(self, *, channels: int, word_channels: int, num_layers: int) -> None:
        super().__init__()
        self.vertex = nn.Linear(channels, channels)  # W_g, b_g
        self.region = nn.Linear(channels, channels, bias=False)  # W_5
        self.word = nn.Linear(word_channels, channels, bias=False)  # W_6
        self.layers = nn.Parameter(torch.empty(num_layers, channels, channels))  # W_7
        for linear in (self.vertex, self.region, self.word):
            xavier_init(linear, distribution="uniform")
        for weight in self.layers:
            nn.init.xavier_uniform_(weight)

    def forward(self, joint: Tensor, phrase: Phrase, output: Tensor) -> Tensor:
        """Reason, and apply a linear map to the result.

        Args:
            joint: M, ``(N, C, P)``.
            phrase: N expressions.
            output: Weight of the linear map, ``(C_out, C)``.

        Returns:
            What the map makes of the last layer's positions, ``(N, C_out, P)``.
        """
        word_shares, region_shares = self.shares(joint, phrase)
        weight = output
        for layer in reversed(self.layers.unbind()):
            weight = weight @ layer  # (C_out, C)
        # The rows of A + I sum to 2, whatever A is: a constant doubles in every layer.
        num_layers = len(self.layers)
        constant = 2**num_layers * (weight @ self.vertex.bias)  # (C_out,)
        features = pointwise(joint, weight @ self.vertex.weight)  # (N, C_out, P)
        gathered = features @ region_shares.transpose(1, 2)  # G_1, (N, C_out, T)
        total = gathered
        if num_layers > 1:
            between = word_shares @ region_shares.transpose(1, 2)  # (B_2 B_1)^T
            for _ in range(num_layers - 1):
                total = total + gathered + total @ between
        reached: Tensor = features + total @ word_shares + constant[:, None]
        return reached

    def shares(self, joint: Tensor, phrase: Phrase) -> tuple[Tensor, Tensor]:
        """The two factors of A.

        Args:
            joint: M, ``(N, C, P)``.
            phrase: N expressions.

        Returns:
            How much each position takes of each word, which sums to 1 over the words,
            and how much each word takes of each position, which sums to 1 over the
            positions; both ``(N, T, P)``.
        """
        joint = at_least_float32(joint)
        with no_autocast(joint):
            # From the words to the positions: P C T products instead of P C C.
            relation = phrase.relation[:, :, None] * phrase.words  # R
            keys = self.word(relation) @ self.region.weight  # (N, T, C)
            offsets = keys @ self.vertex.bias  # (N, T)
            affinity = (keys @ self.vertex.weight) @ joint + offsets[:, :, None]  # B^T
        padding = ~phrase.mask[:, :, None]
        # Only here: a row without any finite value would have no softmax.
        word_shares = torch.softmax(affinity.masked_fill(padding, -torch.inf), dim=1)
        return word_shares, torch.softmax(affinity, dim=2)
