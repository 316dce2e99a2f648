"""Every position of a level gathers the words that describe it."""

import torch
from torch import nn

from mmris.models import FusionNeck
from mmris.registry import MODELS
from mmris.structures import FusedFeatures, FusedSpec, LevelSpec


@MODELS.register_module()
class WordAttentionNeck(FusionNeck):
    def __init__(self, *, in_levels, in_text, channels):
        super().__init__(in_levels=in_levels, in_text=in_text)
        self.channels = channels
        self.visual = nn.ModuleList(
            nn.Conv2d(level.channels, channels, kernel_size=1) for level in in_levels
        )
        self.words = nn.Linear(in_text.token_channels, 2 * channels)

    @property
    def spec(self):
        levels = [LevelSpec(self.channels, level.stride) for level in self.in_levels]
        return FusedSpec(tuple(levels), (self.in_text,) * len(levels))

    def project(self, levels):  # once an image
        return [conv(level) for conv, level in zip(self.visual, levels)]

    def fuse(self, projected, text, image_index):  # once an expression
        keys, values = self.words(text.tokens).chunk(2, dim=2)  # (N, T, channels)
        maps = []
        for images in projected:
            level = images[image_index]  # (N, channels, H, W)
            scores = torch.einsum("nchw,ntc->nhwt", level, keys) * self.channels**-0.5
            scores = scores.masked_fill(~text.mask[:, None, None], -torch.inf)
            words = torch.einsum("nhwt,ntc->nchw", scores.softmax(dim=3), values)
            maps.append(torch.relu(level + level * words))
        return FusedFeatures(tuple(maps), (text,) * len(maps), image_index)
