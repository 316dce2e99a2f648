"""Batch normalisation of words whose statistics leave the padding out.

Ioffe and Szegedy, "Batch Normalization: Accelerating Deep Network Training by Reducing
Internal Covariate Shift", ICML 2015, https://arxiv.org/abs/1502.03167, Algorithm 1,
over the words of a batch instead of all N T places.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .precision import at_least_float32


class MaskedBatchNorm(nn.Module):
    """Batch normalisation over the valid places of a batch.

    Equal to ``torch.nn.BatchNorm1d`` on a batch of the valid places alone, without
    making one: its size would depend on the words, which stops ``torch.compile`` and
    ``torch.export``. How far a batch is padded therefore changes nothing, in training
    either.

    A single valid place has no spread. In training it is normalised by the running
    statistics, which it leaves as they are, instead of being refused or erased.

    Statistics are those of a process's own batch; converting a model to synchronised
    batch normalisation leaves them so.

    Args:
        channels: ``C``.
        eps: Added to the variance.
        momentum: Share of a batch in the running statistics.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(
        self, channels: int, *, eps: float = 1e-5, momentum: float = 0.1
    ) -> None:
        super().__init__()
        self.eps = eps
        self.momentum = momentum
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, features: Tensor, mask: Tensor) -> Tensor:
        """Normalise.

        Args:
            features: ``(..., C)``; what stands in the padding has no effect.
            mask: ``(...)`` bool, True on valid places.

        Returns:
            Of the same shape, in float32 or longer, zero on padding.
        """
        padding = ~mask[..., None]
        features = at_least_float32(features).masked_fill(padding, 0.0)
        mean, variance = self.running_mean, self.running_var
        if self.training:
            mean, variance = self._batch_statistics(features, mask)
        scale = self.weight * torch.rsqrt(variance + self.eps)
        normalised = (features - mean) * scale + self.bias
        return normalised.masked_fill(padding, 0.0)

    def _batch_statistics(
        self, features: Tensor, mask: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Mean and variance, ``(C,)`` each, also taken into the running ones."""
        count = mask.sum().to(features.dtype)
        features = features.flatten(0, -2)  # (places, C)
        valid = mask.flatten()[:, None]
        mean = features.sum(dim=0) / count
        centred = (features - mean).masked_fill(~valid, 0.0)
        variance = centred.square().sum(dim=0) / count
        # No branch: the number of words is a value, not a shape.
        several = count > 1
        with torch.no_grad():
            share = self.momentum * several.to(mean.dtype)
            unbiased = variance * (count / (count - 1).clamp(min=1))
            for running, batch in (
                (self.running_mean, mean),
                (self.running_var, unbiased),
            ):
                running.add_(share * (batch - running))
        return (
            torch.where(several, mean, self.running_mean),
            torch.where(several, variance, self.running_var),
        )
