"""A learned mixture of instance, layer and batch normalisation.

Paper: Luo et al., "Differentiable Learning-to-Normalize via Switchable Normalization",
ICLR 2019, https://arxiv.org/abs/1806.10779, Sec. 2.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .precision import at_least_float32

# Numbers that are learned for the mixture: one a kind of statistics.
_KINDS = 3


class SwitchNorm2d(nn.Module):
    r"""Normalises maps by a mixture of three means and a mixture of three variances.

    With the mean :math:`\mu` and the variance :math:`s` of a map and a channel over its
    positions, the statistics of instance normalisation, and :math:`t = s + \mu^2`,
    those of layer normalisation are :math:`\mathrm{mean}_c\,\mu` and
    :math:`\mathrm{mean}_c\,t - (\mathrm{mean}_c\,\mu)^2`, and those of batch
    normalisation the same with the mean over the maps of the batch. The mixtures are
    weighed by softmaxes of three parameters each, and

    .. math:: y = \gamma (x - \mu_{mix}) / \sqrt{s_{mix} + \epsilon} + \beta.

    The map is read once for all statistics and once to be scaled and shifted. In
    float32 also under autocast.

    In evaluation the batch's statistics are running averages, which start at 0, both,
    as in the reference implementation: before any training the third mean and the third
    variance count as 0, and the other two carry the variance. The averages need some 50
    batches until less than one hundredth of the start is left.

    Args:
        channels: ``C``.
        epsilon: Added to the variance.
        momentum: Share of a batch in the running averages.

    Attributes:
        mean_weight: ``(3,)``, of instance, layer and batch, before the softmax.
        var_weight: ``(3,)``, the same for the variances.

    Deviations: none. As in the reference implementation the variance of a map is the
    unbiased one, and the other variances are made of it; a map of a single position has
    variance 0. In distributed training a batch is that of one process. Layer and batch
    variance are computed as the mean of s plus the variance of the means, which is the
    same number without the difference of two large ones.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(
        self, channels: int, *, epsilon: float = 1e-5, momentum: float = 0.1
    ) -> None:
        super().__init__()
        self.epsilon = epsilon
        self.momentum = momentum
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.mean_weight = nn.Parameter(torch.ones(_KINDS))
        self.var_weight = nn.Parameter(torch.ones(_KINDS))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.zeros(channels))

    def forward(self, maps: Tensor) -> Tensor:
        """Normalise.

        Args:
            maps: ``(N, C, H, W)``.

        Returns:
            Of the same shape, in float32 or longer.
        """
        maps = at_least_float32(maps)
        positions = maps.shape[2] * maps.shape[3]
        var, mean = torch.var_mean(
            maps, dim=(2, 3), correction=1 if positions > 1 else 0
        )  # (N, C) each
        batch_mean, batch_var = self._batch_statistics(mean, var)
        means = (mean, mean.mean(dim=1, keepdim=True), batch_mean)
        variances = (var, _joint_variance(mean, var, dim=1), batch_var)
        mixed_mean = _mix(means, self.mean_weight)
        mixed_var = _mix(variances, self.var_weight)
        scale = self.weight * torch.rsqrt(mixed_var + self.epsilon)  # (N, C)
        shift = self.bias - mixed_mean * scale
        return torch.addcmul(shift[:, :, None, None], maps, scale[:, :, None, None])

    def _batch_statistics(self, mean: Tensor, var: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance over the batch or, in evaluation, over batches before."""
        if not self.training:
            return self.running_mean, self.running_var
        batch_mean = mean.mean(dim=0)
        batch_var = _joint_variance(mean, var, dim=0)[0]
        with torch.no_grad():
            self.running_mean.lerp_(batch_mean.to(self.running_mean), self.momentum)
            self.running_var.lerp_(batch_var.to(self.running_var), self.momentum)
        return batch_mean, batch_var


def _joint_variance(mean: Tensor, var: Tensor, *, dim: int) -> Tensor:
    """Variance of several maps as one, of their own means and variances."""
    among = mean.var(dim=dim, correction=0, keepdim=True)
    return var.mean(dim=dim, keepdim=True) + among


def _mix(statistics: tuple[Tensor, Tensor, Tensor], weight: Tensor) -> Tensor:
    """The sum of ``(N, C)``, ``(N, 1)`` and ``(C,)``, weighed by a softmax."""
    instance, layer, batch = torch.softmax(weight, dim=0).unbind()
    return instance * statistics[0] + layer * statistics[1] + batch * statistics[2]
