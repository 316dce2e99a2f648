"""Learning rates by part, and weight decay of matrices only."""

from __future__ import annotations

from typing import Any

from mmris.registry import OPTIM_WRAPPER_CONSTRUCTORS

from .merged_groups_constructor import MergedGroupsOptimWrapperConstructor


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class FlatDecayOptimWrapperConstructor(MergedGroupsOptimWrapperConstructor):
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

    def adjust(self, params: list[dict[str, Any]]) -> None:
        """Multiply the decay of parameters of one dimension.

        Args:
            params: One group a parameter, changed in place.
        """
        factor = self.paramwise_cfg.get("flat_decay_mult")
        if factor is None or self.base_wd is None:
            return
        for group in params:
            (parameter,) = group["params"]
            if parameter.ndim == 1 and "decay_mult" not in group:
                group["weight_decay"] = self.base_wd * factor
