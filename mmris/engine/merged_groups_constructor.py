"""Few groups of parameters: optimizers work through them one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mmengine.optim import DefaultOptimWrapperConstructor

from mmris.registry import OPTIM_WRAPPER_CONSTRUCTORS

if TYPE_CHECKING:
    from torch import nn


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class MergedGroupsOptimWrapperConstructor(DefaultOptimWrapperConstructor):
    """MMEngine's, with one group for all parameters that are trained alike.

    With a ``paramwise_cfg`` MMEngine makes a group of every parameter. On a GPU an
    optimizer takes all parameters of a group at once, so that hundreds of groups cost
    hundreds of times the launches; JMCELN's step took 100 ms of them. The numbers are
    the same.

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
            prefix: Its name; empty for the model, whose groups are merged.
            is_dcn_module: Whether it is in a deformable convolution, as in MMEngine.
        """
        super().add_params(params, module, prefix, is_dcn_module)
        if not prefix:
            self.adjust(params)
            params[:] = merge_groups(params)

    def adjust(self, params: list[dict[str, Any]]) -> None:
        """Change settings before groups are merged; here nothing.

        Args:
            params: One group a parameter, changed in place.
        """


def merge_groups(groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Join groups that have the same settings.

    Args:
        groups: Of one parameter each or more, as optimizers take them.

    Returns:
        As few as there are different settings, in the order of their first parameters.
    """
    merged: dict[str, dict[str, Any]] = {}
    for group in groups:
        settings = {key: value for key, value in group.items() if key != "params"}
        name = repr(sorted(settings.items()))
        merged.setdefault(name, {"params": [], **settings})["params"] += group["params"]
    return list(merged.values())
