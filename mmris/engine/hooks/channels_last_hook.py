"""Lays weights out with the channels last."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from mmengine.hooks import Hook

from mmris.registry import HOOKS

if TYPE_CHECKING:
    from mmengine.runner import Runner


@HOOKS.register_module()
class ChannelsLastHook(Hook):
    """Keeps the kernels of convolutions channels last, which tensor cores want.

    Maps follow: a convolution gives the layout of its kernel. Worth it on a GPU in
    half precision; numbers are the same up to rounding. docs/en/performance.md says
    where it was faster.
    """

    def before_run(self, runner: Runner) -> None:
        """Change the layout, before any batch.

        Args:
            runner: The runner.
        """
        for parameter in runner.model.parameters():
            if parameter.ndim == 4:  # torch's own .to() refuses models with 3D kernels
                parameter.data = parameter.data.contiguous(
                    memory_format=torch.channels_last
                )
