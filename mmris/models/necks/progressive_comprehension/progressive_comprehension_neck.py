"""CMPC: words of four types, entities first, then the relations between them.

Shapes: B images, N expressions, T words, C channels, P = H * W positions.
Paper: Huang et al., "Referring Image Segmentation via Cross-Modal Progressive
Comprehension", CVPR 2020, https://arxiv.org/abs/2010.00514, module CMPC.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from torch import nn

from mmris.models.layers import unit_length
from mmris.models.necks.fusion_neck import FusionNeck
from mmris.registry import MODELS
from mmris.structures import FusedFeatures, FusedSpec, LevelSpec, TextFeatures, TextSpec

from .comprehension_level import ComprehensionLevel, LevelImagePart
from .word_types import Phrase, WordTypeClassifier

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


@MODELS.register_module()
class ProgressiveComprehensionNeck(FusionNeck):
    r"""Perceives entities on every level, then reasons along the relation words.

    A classifier that all levels share gives each word :math:`l_t` the probabilities of
    being an entity, an attribute, a relation or unnecessary; q sums up the first two,
    s the first three, R holds the words times the third. Each level V then has weights
    of its own for

    .. math::
        X &= \mathrm{norm}(W_v [V; O] + b_v), \qquad
        M = \sum_{i=1}^{r} (q W_{3i}) \odot (X W_{4i}), \qquad
        M_g = M W_g + b_g \\
        B &= (M_g W_5)(R W_6)^\top, \qquad
        A = \mathrm{softmax}_{words}(B)\; \mathrm{softmax}_{positions}(B^\top) \\
        \bar M &= (A + I) M_g W_7, \qquad
        Y = \mathrm{ReLU}(W_y [X; \bar M; \mathrm{tile}(s)] + b_y)

    with O the eight coordinates and norm the scaling to unit length. X and what Y
    takes from it run once an image. The P x P matrix A is never built, see
    :class:`RelationReasoning`, the r products neither, see :class:`EntityPerception`.

    What is left of the text is s as the sentence and the encoder's words.

    Args:
        in_levels: What the backbone gives; from the segmentor.
        in_text: What the text encoder gives; from the segmentor.
        channels: ``C``, channels of X, M and the graph; 1000 in the paper.
        out_channels: Channels of Y; 1000 in the paper.
        classifier_channels: Channels inside the word-type classifier; 500 in the paper.
        rank: r; 5 in the paper. 0 switches entity perception off: M is made of X and
            the text encoder's sentence, norm(tanh(W [X; tile(sentence)] + b)).
        num_graph_layers: How often the line of :math:`\bar M` is applied, with the same
            A and a :math:`W_7` for each; 1 in the paper, 2 on RefCOCOg. 0 switches the
            reasoning off, M taking the place of :math:`\bar M`. With both off no
            classifier is left, and Y is made of X and the text encoder's sentence.
        in_indices: Which levels of the backbone to use; None for all.

    Raises:
        ValueError: ``rank`` or ``num_graph_layers`` is negative.

    Deviations: none from the equations. Where the paper is silent: :math:`l_t`, q, s, X
    and the text encoder's sentence have unit length, and Y a ReLU, both as in the
    released code; without unit length the sums grow with the number of words, and the
    exchange between levels that follows does not train. Whether A is made anew in each
    layer is not said: it is not. What takes the places of q and of the reasoning in the
    ablation is not said either; the choices are above. The released code differs from
    the equations, which decide: it has ReLU in the classifier, tanh in the bilinear
    fusion, a scale and biases in B, normalised non-linear graph convolutions with a
    residual before :math:`W_7`, M instead of X and q instead of s in Y, and 500
    channels in Y.

    Example:
        >>> import torch
        >>> from mmris.models import ProgressiveComprehensionNeck
        >>> from mmris.structures import LevelSpec, TextFeatures, TextSpec
        >>> neck = ProgressiveComprehensionNeck(
        ...     in_levels=[LevelSpec(channels=6, stride=8)],
        ...     in_text=TextSpec(token_channels=4, sentence_channels=4),
        ...     channels=16,
        ...     out_channels=10,
        ...     classifier_channels=8,
        ... )
        >>> mask = torch.tensor([[True, True, True], [True, False, False]])
        >>> text = TextFeatures(torch.rand(2, 3, 4), mask, torch.rand(2, 4))
        >>> neck([torch.rand(1, 6, 5, 7)], text, torch.tensor([0, 0]))[0].shape
        torch.Size([2, 10, 5, 7])
    """

    def __init__(
        self,
        *,
        in_levels: Sequence[LevelSpec],
        in_text: TextSpec,
        channels: int,
        out_channels: int,
        classifier_channels: int = 500,
        rank: int = 5,
        num_graph_layers: int = 1,
        in_indices: Sequence[int] | None = None,
    ) -> None:
        super().__init__(in_levels=in_levels, in_text=in_text, in_indices=in_indices)
        counts = {"rank": rank, "num_graph_layers": num_graph_layers}
        for name, count in counts.items():
            if count < 0:
                raise ValueError(
                    f"model.neck.{name} is {count}; set it to 1 or more, or to 0 to "
                    "leave that part out"
                )
        self.out_channels = out_channels
        self.classifier: WordTypeClassifier | None = None
        if rank > 0 or num_graph_layers > 0:
            self.classifier = WordTypeClassifier(
                in_channels=in_text.token_channels, channels=classifier_channels
            )
        self.levels = nn.ModuleList(
            ComprehensionLevel(
                in_channels=level.channels,
                in_text=in_text,
                channels=channels,
                out_channels=out_channels,
                rank=rank,
                num_graph_layers=num_graph_layers,
            )
            for level in self.in_levels
        )

    def _levels(self) -> list[ComprehensionLevel]:
        return cast("list[ComprehensionLevel]", list(self.levels))

    @property
    def spec(self) -> FusedSpec:
        """As many levels as are used, and s as the sentence."""
        text = self.in_text
        if self.classifier is not None:
            text = TextSpec(text.token_channels, text.token_channels)
        levels = tuple(
            LevelSpec(self.out_channels, level.stride) for level in self.in_levels
        )
        return FusedSpec(levels, (text,) * len(levels))

    def project(self, levels: Sequence[Tensor]) -> tuple[LevelImagePart, ...]:
        """The part that needs no words.

        Args:
            levels: ``(B, C_i, H_i, W_i)`` each.

        Returns:
            What :meth:`fuse` wants of the images.
        """
        return tuple(
            own.project(level)
            for own, level in zip(self._levels(), levels, strict=True)
        )

    def fuse(
        self,
        projected: tuple[LevelImagePart, ...],
        text: TextFeatures,
        image_index: Tensor,
    ) -> FusedFeatures:
        """The part that needs the words.

        Args:
            projected: What :meth:`project` gave for B images.
            text: N expressions; padded words receive exactly zero weight.
            image_index: ``(N,)`` int64, the image of each.

        Returns:
            ``(N, out_channels, H_i, W_i)`` each.
        """
        phrase = self.read(text)
        maps = tuple(
            own(image, phrase, image_index)
            for own, image in zip(self._levels(), projected, strict=True)
        )
        left = TextFeatures(text.tokens, text.mask, phrase.sentence)
        return FusedFeatures(maps, (left,) * len(maps), image_index)

    def read(self, text: TextFeatures) -> Phrase:
        """What the levels want of the words.

        Args:
            text: N expressions.

        Returns:
            The phrase; without a classifier the whole sentence stands for every sum of
            words, and no word for a relation.
        """
        if self.classifier is not None:
            phrase: Phrase = self.classifier(text)
            return phrase
        whole = unit_length(text.sentence, dim=1)
        nothing = whole.new_zeros(text.mask.shape)
        return Phrase(text.tokens, text.mask, nothing, whole, whole, whole)
