"""A cascade of stages that remember, in a few embeddings, what they have seen.

Shapes: N expressions, P = H * W positions, Q embeddings, C channels.
Paper: Huang and Satoh, "Referring Image Segmentation via Joint Mask Contextual
Embedding Learning and Progressive Alignment Network", EMNLP 2023,
https://aclanthology.org/2023.emnlp-main.481/, Eqs. (3)-(4).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from mmris.models.layers import at_least_float32
from mmris.models.parts import CASCADE_PART, LEVEL_AGGREGATION, build_part
from mmris.registry import MODELS

from ._embedding_attention import EmbeddingsFromMap, MapFromEmbeddings
from .level_parts import LevelAggregation

if TYPE_CHECKING:
    from mmris.structures import FusedFeatures, FusedSpec

_KEY = "model.decode_head.aggregation"
_PART = f"{_KEY} ContextualEmbeddingCascade"


@MODELS.register_module()
class ContextualEmbeddingCascade(LevelAggregation):
    r"""JMCELN's cascade with learnable contextual embeddings.

    With the map F of the levels, a first map :math:`F^0` made of it, and the learned
    embeddings :math:`q^0`, the same for all expressions, the stages
    i = 0, ..., n - 1 compute

    .. math::
        q^{i+1} &= \mathrm{MHA}(q^i, F, F^i) + q^i  % Eq. (3)
        \\
        F' &= \mathrm{MHA}(F^i, q^{i+1}, q^{i+1}) + F^i  % Eq. (4)
        \\
        F^{i+1} &= \mathrm{PAN}(F', F^i)

    where MHA(query, key, value) is multi-head attention: over positions in Eq. (3),
    whose keys and values are two maps at the same positions, and over embeddings in
    Eq. (4). Each stage has weights of its own. All projections of maps are folded onto
    the embeddings, which gives the same numbers for a sixth of the multiplications at
    20 embeddings, 8 heads and 1024 channels.

    The rows of the paper's ablation are configs of this class:

    ====================  ==============  ==============  =============  ============
    row                   ``num_stages``  ``first_map``   ``alignment``  ``adaptive``
    ====================  ==============  ==============  =============  ============
    1, baseline           0               None
    2, LSRAN              0               LSRAN
    3, cascade            6               None            None           True
    4, without PAN        6               LSRAN           None           True
    5, full               6               LSRAN           PAN            True
    6, not adaptive       6               LSRAN           PAN            False
    ====================  ==============  ==============  =============  ============

    LSRAN is :class:`LongShortRangeAttention`, PAN
    :class:`ProgressiveAlignmentNetwork`.

    Args:
        in_features: What comes in; from the head.
        num_stages: n, 6 in the paper; 0 for no cascade.
        num_embeddings: Q, 20 in the paper.
        num_heads: Heads of both attentions, 8 in the paper.
        first_map: Config of what makes :math:`F^0` of F; None for F itself.
        alignment: Config of what makes :math:`F^{i+1}` of F' and :math:`F^i`; None for
            F'.
        adaptive: Whether Eq. (3) looks at the newest map; at :math:`F^0` otherwise.
            The embeddings add up in either case.
        pre_norm: Whether both attentions see embeddings and maps after a layer
            normalisation; what is added to is left as it is. The normalisation has no
            weights, as the projections after it have them.
        merge: Config of the :class:`LevelAggregation` that makes F of several levels;
            None for their sum, which a single level is, as JMCELN's neck gives it.

    Raises:
        ValueError: A number is too small, or ``num_heads`` does not divide the channels
            of F.

    Deviations: none from the equations, which have neither layer normalisation nor
    feed-forward part; ``pre_norm`` is for longer cascades. Where the paper is silent:
    :math:`q^0` starts from a normal distribution of variance 1, and the attentions have
    projections with biases, except for keys, where the softmax would lose them.
    """

    def __init__(
        self,
        *,
        in_features: FusedSpec,
        num_stages: int = 6,
        num_embeddings: int = 20,
        num_heads: int = 8,
        first_map: dict[str, Any] | None = None,
        alignment: dict[str, Any] | None = None,
        adaptive: bool = True,
        pre_norm: bool = False,
        merge: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(in_features=in_features)
        merge = merge or {"type": "SumAggregation"}
        self.merge: LevelAggregation = build_part(
            f"{_KEY}.merge", merge, LEVEL_AGGREGATION, {"in_features": in_features}
        )
        channels = self.merge.out_channels
        _check(channels, num_stages, num_embeddings, num_heads)
        self.adaptive = adaptive
        self.pre_norm = pre_norm
        self.first_map: nn.Module | None = None
        if first_map is not None:
            self.first_map = build_part(
                f"{_KEY}.first_map", first_map, CASCADE_PART, {"channels": channels}
            )
        self.stages = nn.ModuleList(
            _Stage(channels=channels, num_heads=num_heads, alignment=alignment)
            for _ in range(num_stages)
        )
        if num_stages > 0:
            self.embeddings = nn.Parameter(torch.randn(num_embeddings, channels))

    @property
    def out_channels(self) -> int:
        """Channels of the map: those of the merged levels."""
        return self.merge.out_channels

    def forward(self, fused: FusedFeatures) -> Tensor:
        """Merge the levels and run the stages.

        Args:
            fused: Levels of N expressions.

        Returns:
            The map after the last stage, ``(N, C, H, W)``.
        """
        merged: Tensor = self.merge(fused)
        newest = merged
        if self.first_map is not None:
            newest = self.first_map(merged)
        if not self.stages:
            return newest
        keys = self._prepare(merged.flatten(2), dim=1)
        values: Tensor | None = None
        embeddings = self.embeddings[None]  # (1, Q, C), and (N, Q, C) from Eq. (3) on
        for stage in cast("list[_Stage]", list(self.stages)):
            seen = self._prepare(newest.flatten(2), dim=1)
            if values is None or self.adaptive:
                values = seen
            query = self._prepare(embeddings, dim=2)
            embeddings = embeddings + stage.gather(query, keys, values)  # Eq. (3)
            written = stage.write(seen, self._prepare(embeddings, dim=2))
            newest = stage.align(newest + written.view_as(newest), newest)  # Eq. (4)
        return newest

    def _prepare(self, features: Tensor, *, dim: int) -> Tensor:
        """What an attention sees of features with channels along ``dim``."""
        if not self.pre_norm:
            return features
        features = at_least_float32(features).transpose(dim, -1)
        normalised = functional.layer_norm(features, features.shape[-1:])
        return normalised.transpose(dim, -1)


class _Stage(nn.Module):
    """The weights of one stage."""

    def __init__(
        self, *, channels: int, num_heads: int, alignment: dict[str, Any] | None
    ) -> None:
        super().__init__()
        self.gather = EmbeddingsFromMap(channels=channels, num_heads=num_heads)
        self.write = MapFromEmbeddings(channels=channels, num_heads=num_heads)
        self.alignment: nn.Module | None = None
        if alignment is not None:
            self.alignment = build_part(
                f"{_KEY}.alignment", alignment, CASCADE_PART, {"channels": channels}
            )

    def align(self, proposal: Tensor, before: Tensor) -> Tensor:
        """The map of the stage, of its proposal and the map before."""
        if self.alignment is None:
            return proposal
        aligned: Tensor = self.alignment(proposal, before)
        return aligned


def _check(channels: int, num_stages: int, num_embeddings: int, num_heads: int) -> None:
    if num_stages < 0 or num_embeddings < 1:
        raise ValueError(
            f"{_PART} has num_stages {num_stages} and num_embeddings {num_embeddings}; "
            "give at least 1 embedding, and 0 stages or more"
        )
    if num_heads < 1 or channels % num_heads:
        raise ValueError(
            f"{_PART} has num_heads {num_heads} for maps of {channels} channels; "
            "choose a divisor"
        )
