"""Learning rates by part, and weight decay of matrices only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mmengine.optim import DefaultOptimWrapperConstructor

from mmris.engine.merged_groups_constructor import merge_groups
from mmris.registry import OPTIM_WRAPPER_CONSTRUCTORS

if TYPE_CHECKING:
    from torch import nn


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class FlatDecayOptimWrapperConstructor(DefaultOptimWrapperConstructor):
    """MMEngine's, whose ``flat_decay_mult`` also holds for parts with own rates.

    ``paramwise_cfg.flat_decay_mult`` multiplies the weight decay of all parameters of
    one dimension, such as biases and the weights of normalisations. MMEngine forgets it
    for those that an entry of ``custom_keys`` matches: a part with a learning rate of
    its own would decay altogether. Here such an entry decides on the decay only if it
    has a ``decay_mult``. Parameters that are trained alike share a group.

    Args:
        optim_wrapper_cfg: Config of the optimizer wrapper.
        paramwise_cfg: As in MMEngine.

    No paper.
    """

    def __init__(
        self,
        optim_wrapper_cfg: dict[str, Any],
        paramwise_cfg: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(optim_wrapper_cfg, paramwise_cfg)

    def add_params(
        self,
        params: list[dict[str, Any]],
        module: nn.Module,
        prefix: str = "",
        is_dcn_module: float | None = None,
    ) -> None:
        """Add the parameters of a module and of those in it.

        Args:
            params: Groups to add to.
            module: The module.
            prefix: Its name; empty for the model.
            is_dcn_module: Whether it is in a deformable convolution, as in MMEngine.
        """
        super().add_params(params, module, prefix, is_dcn_module)
        factor = self.paramwise_cfg.get("flat_decay_mult")
        if prefix:
            return
        for group in params if factor is not None and self.base_wd is not None else ():
            (parameter,) = group["params"]
            if parameter.ndim == 1 and "decay_mult" not in group:
                group["weight_decay"] = self.base_wd * factor
        params[:] = merge_groups(params)
