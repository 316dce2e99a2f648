"""Pairs of a pixel and a word, of which none is ever formed.

A pair has the feature [pixel; word; place]. Every map applied to it is linear, so it is
the sum of a part of the pixel and its place, once an image, and a part of the word.

Shapes: B images, N expressions, T words, P = H * W positions, d attention channels.
Paper: Ye et al., "Cross-Modal Self-Attention Network for Referring Image
Segmentation", CVPR 2019, https://arxiv.org/abs/1904.04745, section "Multimodal
Features".
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from mmengine.model import xavier_init
from torch import Tensor, nn
from torch.nn import functional

from mmris.models.layers import (
    NUM_COORDINATES,
    coordinate_map,
    is_exporting,
    unit_length,
)

from .fusion_block import FusionBlock

if TYPE_CHECKING:
    from mmris.structures import LevelSpec, TextFeatures, TextSpec


class Pixels(NamedTuple):
    """The pixels of a level and where they lie.

    Attributes:
        visual: Of unit length, at least in float32, ``(B, C_i, P)``.
        place: ``(8, P)``.
        size: ``(H, W)``.
        channels_last: Whether the channels of a pixel lie side by side in memory.
    """

    visual: Tensor
    place: Tensor
    size: tuple[int, int]
    channels_last: bool


class Words(NamedTuple):
    """The words of N expressions.

    Attributes:
        tokens: Of unit length, at least in float32, zero on padding, ``(N, T, C_t)``.
        mask: ``(N, T)`` bool, True on words.
        weights: ``(N, T)``, what a mean over the words gives each: one over their
            number, zero on padding.
    """

    tokens: Tensor
    mask: Tensor
    weights: Tensor


def unit_pixels(level: Tensor) -> Pixels:
    """The pixels of a level, ``(B, C_i, H, W)``, scaled to unit length."""
    height, width = level.shape[-2:]
    visual = unit_length(level.flatten(2), dim=1)
    place = coordinate_map(height, width, device=visual.device, dtype=visual.dtype)
    return Pixels(visual, place.flatten(1), (height, width), _channels_last(level))


def unit_words(text: TextFeatures) -> Words:
    """The words of N expressions, scaled to unit length."""
    # Whatever stands in padding, infinities included, must not reach a product.
    tokens = text.tokens.masked_fill(~text.mask[:, :, None], 0)
    tokens = unit_length(tokens, dim=2)
    weights = text.mask.to(tokens.dtype)
    return Words(tokens, text.mask, weights / weights.sum(dim=1, keepdim=True))


def _channels_last(maps: Tensor) -> bool:
    """Maps of another layout than those they meet are copied at every step."""
    return not is_exporting() and maps.shape[1] > 1 and maps.stride(1) == 1


class PairShares(NamedTuple):
    """What a pixel gathers, as weights of the values g of pixels and h of words.

    What is gathered is ``pixels @ g + words @ h``. One row stands for all pixels where
    they gather the same.

    Attributes:
        pixels: ``(N, P or 1, P)``; rows sum to 1.
        words: ``(N, P or 1, T)``, zero on padding; rows sum to 1.
    """

    pixels: Tensor
    words: Tensor


class PairBlock(FusionBlock):
    r"""Mixes the mean over the words of what each pair of a pixel became.

    .. math:: X_p = \mathrm{ReLU}(W_x \, \mathrm{mean}_n(\ldots + f_{pn}) + b_x)

    Classes below make ``reduce``, that is :math:`W_x` and :math:`b_x`.
    """

    reduce: nn.Linear

    @property
    def pixel_channels(self) -> int:
        """Channels of a pixel and its place."""
        return self.in_level.channels + NUM_COORDINATES

    @property
    def word_channels(self) -> int:
        """Channels of a word."""
        return self.in_text.token_channels

    @property
    def pair_channels(self) -> int:
        """Channels of f, the feature of a pair."""
        return self.pixel_channels + self.word_channels

    def of_pixels(self, linear: nn.Linear, pixels: Pixels) -> Tensor:
        """The part of pixels and places, ``(B, C_out, P)``; without the bias.

        Args:
            linear: A map of pairs, or of pixels and places alone.
            pixels: Those of B images.
        """
        visual = linear.weight[:, : self.in_level.channels]
        position = linear.weight[:, -NUM_COORDINATES:]
        return visual @ pixels.visual + position @ pixels.place

    def of_words(self, linear: nn.Linear, tokens: Tensor) -> Tensor:
        """The part of the words, ``(..., C_t)`` to ``(..., C_out)``.

        Args:
            linear: A map of pairs.
            tokens: Words.
        """
        columns = linear.weight[:, self.in_level.channels : -NUM_COORDINATES]
        return functional.linear(tokens, columns)

    def image_residual(self, pixels: Pixels) -> Tensor:
        """What the 1x1 convolution makes of pixels and places, with its bias.

        Args:
            pixels: Those of B images.

        Returns:
            ``(B, out_channels, H, W)``, laid out in memory as the level is.
        """
        residual = self.of_pixels(self.reduce, pixels) + self.reduce.bias[:, None]
        residual = residual.view(*residual.shape[:2], *pixels.size)
        if pixels.channels_last:
            residual = residual.contiguous(memory_format=torch.channels_last)
        return residual

    def residual(
        self, image_residual: Tensor, words: Words, image_index: Tensor
    ) -> Tensor:
        """What the 1x1 convolution makes of the mean over the words of f.

        Args:
            image_residual: Of B images.
            words: Of N expressions.
            image_index: ``(N,)`` int64, the image of each.

        Returns:
            ``(N, out_channels, H, W)``, laid out in memory as that of the images.
        """
        mean_word = (words.weights[:, :, None] * words.tokens).sum(dim=1)  # (N, C_t)
        said = self.of_words(self.reduce, mean_word)  # (N, out_channels)
        if _channels_last(image_residual):
            rows = image_residual.permute(0, 2, 3, 1).index_select(0, image_index)
            return (rows + said[:, None, None]).permute(0, 3, 1, 2)
        return image_residual[image_index] + said[:, :, None, None]


class PairAttentionBlock(PairBlock):
    """Pairs that gather the values of others before they are averaged and mixed.

    Args:
        in_level: The level; from the placement.
        in_text: What the text encoder gives; from the placement.
        attention_channels: d, channels of q, k and u; 512 in the paper.
        out_channels: Channels of X, 500 in the paper; None for as many as the level
            has.
    """

    def __init__(
        self,
        *,
        in_level: LevelSpec,
        in_text: TextSpec,
        attention_channels: int,
        out_channels: int | None = None,
    ) -> None:
        super().__init__(in_level=in_level, in_text=in_text, out_channels=out_channels)
        pair = self.pair_channels
        self.query = nn.Linear(self.query_channels, attention_channels, bias=False)
        self.key = nn.Linear(self.key_channels, attention_channels, bias=False)
        self.value = nn.Linear(pair, attention_channels, bias=False)
        self.output = nn.Linear(attention_channels, pair, bias=False)
        self.reduce = nn.Linear(pair, self.out_channels)
        for linear in (self.query, self.key, self.value, self.output, self.reduce):
            xavier_init(linear, distribution="uniform")

    @property
    def query_channels(self) -> int:
        """Channels of what a query is made of: a whole pair, unless overridden."""
        return self.pair_channels

    @property
    def key_channels(self) -> int:
        """Channels of what a key is made of: a whole pair, unless overridden."""
        return self.pair_channels

    @abstractmethod
    def image_part(self, pixels: Pixels, values: Tensor) -> Any:
        """What needs no words.

        Args:
            pixels: Those of B images.
            values: g, what is gathered of pixels, ``(B, d, P)``.

        Returns:
            What :meth:`gather` wants of the images; its ``residual`` is what
            :meth:`mix` wants.
        """

    @abstractmethod
    def gather(
        self, projected: Any, words: Words, image_index: Tensor, word_values: Tensor
    ) -> Tensor:
        """Gather values of pixels and words, averaged over the words of the query.

        Args:
            projected: What :meth:`image_part` gave for B images.
            words: Of N expressions.
            image_index: ``(N,)`` int64, the image of each.
            word_values: h, what is gathered of words, ``(N, T, d)``.

        Returns:
            ``(N, P, d)``, or ``(N, 1, d)`` if it is the same at all positions.
        """

    def project(self, level: Tensor) -> Any:
        """The part that needs no words.

        Args:
            level: ``(B, C_i, H, W)``.

        Returns:
            What :meth:`fuse` wants.
        """
        pixels = unit_pixels(level)
        return self.image_part(pixels, self.of_pixels(self.value, pixels))

    def fuse(self, projected: Any, text: TextFeatures, image_index: Tensor) -> Tensor:
        """Attend, average over the words, and mix.

        Args:
            projected: What :meth:`project` gave for B images.
            text: N expressions.
            image_index: ``(N,)`` int64, the image of each.

        Returns:
            ``(N, out_channels, H, W)``.
        """
        words = unit_words(text)
        values = self.of_words(self.value, words.tokens)  # (N, T, d)
        gathered = self.gather(projected, words, image_index, values)
        return self.mix(gathered, projected.residual, words, image_index)

    def shares(
        self,
        level: Tensor,
        text: TextFeatures,
        image_index: Tensor,
        query_weights: Tensor | None = None,
    ) -> PairShares:
        """The weights with which :meth:`fuse` gathers, for people to look at.

        What is gathered is linear in the values. So these are what :meth:`gather` makes
        of unit vectors: the computation of the forward pass, not another one.

        Args:
            level: ``(B, C_i, H, W)``.
            text: N expressions.
            image_index: ``(N,)`` int64, the image of each.
            query_weights: How much each word counts in the average over the words of
                the query, ``(N, T)``; None for the forward pass's own, all the same.

        Returns:
            The weights; ``P x P`` numbers an expression.
        """
        pixels, words = unit_pixels(level), unit_words(text)
        if query_weights is not None:
            words = words._replace(weights=query_weights.to(words.weights))
        tokens, places = words.tokens, pixels.visual
        each_word = torch.eye(tokens.shape[1]).to(tokens)  # (T, T)
        each_pixel = torch.eye(places.shape[2]).to(places)  # (P, P)
        no_words = tokens.new_zeros(*tokens.shape[:2], len(each_pixel))
        no_pixels = places.new_zeros(len(places), len(each_word), places.shape[2])
        of_pixels = self.image_part(pixels, each_pixel.expand(len(places), -1, -1))
        of_words = self.image_part(pixels, no_pixels)
        every_word = each_word.expand(len(tokens), -1, -1)
        return PairShares(
            self.gather(of_pixels, words, image_index, no_words),
            self.gather(of_words, words, image_index, every_word),
        )

    def mix(
        self,
        gathered: Tensor,
        image_residual: Tensor,
        words: Words,
        image_index: Tensor,
    ) -> Tensor:
        r"""Bring what was gathered back to f, add f, mix.

        Nothing non-linear stands between :math:`W_{\hat v}` and :math:`W_x`: they are
        merged.

        Args:
            gathered: Mean over the words, ``(N, P, d)``, or ``(N, 1, d)`` if it is the
                same at all positions.
            image_residual: Of B images, ``(B, out_channels, H, W)``.
            words: Of N expressions.
            image_index: ``(N,)`` int64, the image of each.

        Returns:
            X, ``(N, out_channels, H, W)``.
        """
        merged = self.reduce.weight @ self.output.weight  # (out_channels, d)
        residual = self.residual(image_residual, words, image_index)
        if _channels_last(residual):
            mixed = (gathered @ merged.t()).transpose(1, 2)
        else:
            mixed = merged @ gathered.transpose(1, 2)  # (N, out_channels, P or 1)
        return torch.relu(mixed + residual.flatten(2)).view_as(residual)
