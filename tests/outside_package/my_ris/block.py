"""The sentence scales and shifts the channels of a level (Perez et al., FiLM, 2018)."""

import torch
from torch import nn

from mmris.models import FusionBlock
from mmris.registry import MODELS


@MODELS.register_module()
class ModulationBlock(FusionBlock):
    def __init__(self, *, in_level, in_text, out_channels=None):
        super().__init__(in_level=in_level, in_text=in_text, out_channels=out_channels)
        self.visual = nn.Conv2d(in_level.channels, self.out_channels, kernel_size=1)
        self.sentence = nn.Linear(in_text.sentence_channels, 2 * self.out_channels)

    def project(self, level):  # once an image
        return self.visual(level)

    def fuse(self, projected, text, image_index):  # once an expression
        scale, shift = self.sentence(text.sentence)[..., None, None].chunk(2, dim=1)
        return torch.relu(projected[image_index] * (1 + scale) + shift)
