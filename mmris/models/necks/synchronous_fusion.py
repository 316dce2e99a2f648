"""Cells of a grid and words attend to each other, all at once, at every level.

Shapes: B images, N expressions, T words, L levels, P = H * W cells of the grid, C
channels.
Paper: Jain and Gandhi, "Comprehensive Multi-Modal Interactions for Referring Image
Segmentation", Findings of ACL 2022, https://arxiv.org/abs/2104.10412, Sec. 3.2, Eq. (1)
("Synchronous Multi-Modal Fusion Module", SFM).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, cast

import torch
from torch import Tensor, nn

from mmris.models.layers import masked_mean
from mmris.registry import MODELS
from mmris.structures import FusedFeatures, FusedSpec, LevelSpec, TextFeatures, TextSpec

from ._grid_level import GridLevel
from ._joint_layer import JointLayer, Prepared, join
from ._sinusoids import cell_positions, word_positions
from .fusion_neck import FusionNeck

if TYPE_CHECKING:
    from collections.abc import Sequence


class _ImagePart(NamedTuple):
    """What needs no words, once an image.

    Attributes:
        position: Positions of the cells, ``(P, C)``; None without positions.
        cells: The cells of all levels as the first layer wants them, ``(L, B, P, C)``;
            None without layers.
        maps: Without layers the levels, ``(B, C, H, W)`` each; none otherwise.
    """

    position: Tensor | None
    cells: Prepared | None
    maps: tuple[Tensor, ...]


@MODELS.register_module()
class SynchronousFusion(FusionNeck):
    r"""SHNet's SFM: self-attention over the P + T tokens of an image and an expression.

    Each level is brought to one grid of fixed size (own weights a level). With V its
    cells, L the words, and fixed sinusoidal positions,

    .. math::
        X = \mathrm{LN}([V; L]) + [P_v; P_l], \qquad
        F = \mathrm{MultiHead}(X).  % Eq. (1)

    The attention's weights are shared by the levels, which are stacked in the batch. It
    changes the words, too: each level hands its own on, and their mean as its sentence.

    Queries, keys and values of the cells need no words in the first layer and are
    computed once an image; those of the words once an expression, not once a level.
    The attention is PyTorch's fused one with a mask on the padded words: in evaluation
    no matrix of all pairs of tokens is made, as measured by
    ``tools/analysis_tools/benchmark_synchronous_fusion.py``.

    The released code has another block: two layers with residuals and feed-forward
    parts, the positions in queries and keys only. That is ``num_layers=2,
    residual=True, ffn_channels=512, position_in_values=False``.

    Args:
        in_levels: What the backbone gives; from the segmentor.
        in_text: What the text encoder gives; from the segmentor.
        in_indices: Which levels of the backbone to use; None for all.
        channels: ``C``, 512 in the paper; a multiple of 4 and of ``num_heads``.
        grid_size: ``(H, W)`` of the grid, (18, 18) in the paper.
        num_heads: Heads of the attention.
        num_layers: Layers of attention. 0 leaves it out: levels of images and the
            words go on side by side, for a head that reads the words.
        residual: Whether each part of a layer is added to what it gets; a layer
            normalisation then follows the last layer.
        ffn_channels: Channels inside the feed-forward part of a layer, 0 for none.
        positions: Whether cells and words know their positions.
        position_in_values: Whether the attention's values do, too.
        dropout: Share dropped in training, of attention weights and after each part.

    Raises:
        ValueError: ``channels``, ``grid_size`` or ``num_layers`` is impossible.

    Deviations: none from the equation. Where the paper is silent, the released code's
    choices: 8 heads, dropout 0.2, and how a level is brought to the grid. Word features
    of another width than C, which the paper does not have, go through a linear map.
    """

    def __init__(
        self,
        *,
        in_levels: Sequence[LevelSpec],
        in_text: TextSpec,
        in_indices: Sequence[int] | None = None,
        channels: int,
        grid_size: Sequence[int],
        num_heads: int = 8,
        num_layers: int = 1,
        residual: bool = False,
        ffn_channels: int = 0,
        positions: bool = True,
        position_in_values: bool = True,
        dropout: float = 0.2,
    ) -> None:
        super().__init__(in_levels=in_levels, in_text=in_text, in_indices=in_indices)
        _check(channels, num_heads, grid_size, num_layers)
        self.channels = channels
        self.grid_size = (grid_size[0], grid_size[1])
        self.positions = positions
        self.levels = nn.ModuleList(
            GridLevel(
                in_channels=level.channels,
                channels=channels,
                grid_size=self.grid_size,
            )
            for level in self.in_levels
        )
        self.words: nn.Module = nn.Identity()
        if in_text.token_channels != channels:
            self.words = nn.Linear(in_text.token_channels, channels)
        self.layers = nn.ModuleList(
            JointLayer(
                channels=channels,
                num_heads=num_heads,
                residual=residual,
                ffn_channels=ffn_channels,
                position_in_values=position_in_values,
                dropout=dropout,
            )
            for _ in range(num_layers)
        )
        self.norm: nn.Module = nn.LayerNorm(channels) if residual else nn.Identity()

    @property
    def spec(self) -> FusedSpec:
        """As many levels as are used, all of one size, with words of their own."""
        levels = tuple(
            LevelSpec(self.channels, level.stride) for level in self.in_levels
        )
        text = TextSpec(self.channels, self.channels)
        return FusedSpec(levels, (text,) * len(levels))

    def project(self, levels: Sequence[Tensor]) -> _ImagePart:
        """The part that needs no words.

        Args:
            levels: ``(B, C_i, H_i, W_i)`` each.

        Returns:
            What :meth:`fuse` wants.
        """
        maps = [grid(level) for grid, level in zip(self.levels, levels, strict=True)]
        if not self.layers:
            return _ImagePart(None, None, tuple(maps))
        cells = torch.stack(maps).flatten(-2).transpose(-1, -2)  # (L, B, P, C)
        position = None
        if self.positions:
            position = cell_positions(*self.grid_size, self.channels, like=cells)
        return _ImagePart(position, self._layers()[0].prepare(cells, position), ())

    def fuse(
        self, projected: _ImagePart, text: TextFeatures, image_index: Tensor
    ) -> FusedFeatures:
        """The part that needs the words.

        Args:
            projected: Of B images.
            text: N expressions.
            image_index: ``(N,)`` int64, the image of each.

        Returns:
            ``(N, C, H, W)`` a level, and its words ``(N, T, C)``; without layers the
            levels have B rows.
        """
        # What stands in the padding must not reach the attention, not even times zero.
        words = self.words(text.tokens.masked_fill(~text.mask[..., None], 0.0))
        if projected.cells is None:
            words = words.masked_fill(~text.mask[..., None], 0.0)
            alone = TextFeatures(words, text.mask, masked_mean(words, text.mask))
            count = len(projected.maps)
            return FusedFeatures(
                projected.maps, (alone,) * count, image_index, frozenset(range(count))
            )
        position: Tensor | None = None
        joint_position: Tensor | None = None
        if projected.position is not None:
            position = word_positions(words.shape[1], self.channels, like=words)
            joint_position = torch.cat([projected.position, position])
        first, *others = self._layers()
        image = projected.cells.take(image_index)  # (L, N, P, C)
        joint = join(image, first.prepare(words, position))  # (L N, P + T, C)
        num_cells = self.grid_size[0] * self.grid_size[1]
        mask = nn.functional.pad(text.mask, (num_cells, 0), value=True)
        mask = mask.repeat(len(self.levels), 1)  # (L N, P + T)
        tokens = first.attend(joint, mask)
        for layer in others:
            tokens = layer(tokens, joint_position, mask)
        maps, texts = [], []
        tokens = self.norm(tokens).view(len(self.levels), -1, *tokens.shape[1:])
        for level in tokens.unbind():  # (N, P + T, C)
            cells = level[:, :num_cells].transpose(1, 2)
            maps.append(cells.reshape(-1, self.channels, *self.grid_size))
            words = level[:, num_cells:].masked_fill(~text.mask[..., None], 0.0)
            sentence = masked_mean(words, text.mask)
            texts.append(TextFeatures(words, text.mask, sentence))
        return FusedFeatures(tuple(maps), tuple(texts), image_index)

    def _layers(self) -> list[JointLayer]:
        return cast("list[JointLayer]", list(self.layers))


def _check(
    channels: int, num_heads: int, grid_size: Sequence[int], num_layers: int
) -> None:
    if num_heads < 1 or channels % num_heads or channels % 4:
        raise ValueError(
            f"model.neck.channels is {channels}; make it a multiple of 4, for the "
            f"positions, and of model.neck.num_heads, which is {num_heads}"
        )
    if len(grid_size) != 2 or min(grid_size) < 1:
        raise ValueError(
            f"model.neck.grid_size is {grid_size!r}; give (height, width), positive"
        )
    if num_layers < 0:
        raise ValueError(
            f"model.neck.num_layers is {num_layers}; set it to 1 or more, or to 0 to "
            "leave the attention out"
        )
