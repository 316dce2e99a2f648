"""The map before a stage filters what the stage proposes.

Shapes: N expressions, C channels.
Paper: Huang and Satoh, "Referring Image Segmentation via Joint Mask Contextual
Embedding Learning and Progressive Alignment Network", EMNLP 2023,
https://aclanthology.org/2023.emnlp-main.481/ (PAN).
"""

from __future__ import annotations

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmris.models.layers import SwitchNorm2d, at_least_float32
from mmris.registry import MODELS


@MODELS.register_module()
class ProgressiveAlignmentNetwork(BaseModule):
    r"""JMCELN's PAN: three products with what the map before lets through.

    With the proposal :math:`F'` of a stage and the map G before it,

    .. math::
        [F_1; F_2; F_3] &= \mathrm{DWConv}_{7 \times 7}(\mathrm{Conv}_{1 \times 1}(F'))
            \quad (C/4,\ C/2,\ C\ \mathrm{channels}) \\
        g_0 &= \mathrm{Conv}_{1 \times 1}(G) \quad (C/4) \\
        g_1 &= \mathrm{Conv}_{3 \times 3}(g_0 \odot F_1), \quad
        g_2 = \mathrm{Conv}_{3 \times 3}(g_1 \odot F_2), \quad
        g_3 = g_2 \odot F_3 \\
        F_{next} &= \mathrm{SN}(g_3) + G

    with switchable normalisation SN. Products and normalisation are in float32 also
    under autocast: a product of four linear maps is small.

    Args:
        channels: ``C``, a multiple of 4; from the cascade.
        final_kernel_size: Of one more convolution of :math:`g_3`, as HorNet (Rao et
            al., NeurIPS 2022) has a 1x1 one; 0 for none.

    Raises:
        ValueError: ``channels`` is not a multiple of 4, or ``final_kernel_size`` is
            neither 0 nor odd.

    Deviations: the paper says that filtering is repeated three times and names no third
    convolution; there is none unless asked for, as nothing is left to filter. All
    convolutions have biases, and nothing stands between them.
    """

    def __init__(self, *, channels: int, final_kernel_size: int = 0) -> None:
        super().__init__()
        part = "ProgressiveAlignmentNetwork of model.decode_head"
        if channels % 4:
            raise ValueError(
                f"{part} gets {channels} channels from model.neck; make them a "
                "multiple of 4"
            )
        if final_kernel_size < 0 or (final_kernel_size and final_kernel_size % 2 == 0):
            raise ValueError(
                f"{part} has final_kernel_size {final_kernel_size}; give an odd "
                "number, or 0 for no convolution"
            )
        self.widths = [channels // 4, channels // 2, channels]
        total = sum(self.widths)
        self.expand = nn.Conv2d(channels, total, 1)
        self.spread = nn.Conv2d(total, total, 7, padding=3, groups=total)
        self.gate = nn.Conv2d(channels, self.widths[0], 1)
        self.filters = nn.ModuleList(
            nn.Conv2d(self.widths[order], self.widths[order + 1], 3, padding=1)
            for order in range(2)
        )
        self.final: nn.Module = nn.Identity()
        if final_kernel_size:
            self.final = nn.Conv2d(
                channels, channels, final_kernel_size, padding=final_kernel_size // 2
            )
        self.norm = SwitchNorm2d(channels)

    def forward(self, proposal: Tensor, before: Tensor) -> Tensor:
        """Align.

        Args:
            proposal: :math:`F'`, ``(N, C, H, W)``.
            before: G, ``(N, C, H, W)``.

        Returns:
            ``(N, C, H, W)``, in float32 or longer.
        """
        spread = at_least_float32(self.spread(self.expand(proposal)))
        first, second, third = torch.split(spread, self.widths, dim=1)
        passed = at_least_float32(self.gate(before)) * first
        for conv, features in zip(self.filters, (second, third), strict=True):
            passed = at_least_float32(conv(passed)) * features
        aligned: Tensor = self.norm(self.final(passed))
        return aligned + before
