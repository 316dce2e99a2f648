"""Maps of the gates of heads: what levels keep, and what they take from each other.

Papers: Ye et al., "Cross-Modal Self-Attention Network for Referring Image
Segmentation", CVPR 2019, https://arxiv.org/abs/1904.04745 (gated fusion of levels);
Jain and Gandhi, "Comprehensive Multi-Modal Interactions for Referring Image
Segmentation", Findings of ACL 2022, https://arxiv.org/abs/2104.10412 (HCAM, MGATE).
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar, cast

import torch

from mmris.models.decode_heads import (
    ChannelGatedExchange,
    ConvLSTMAggregation,
    GatedExchange,
    HierarchicalCrossModalExchange,
    PeepholeConvLSTMAggregation,
    SelfGatedAggregation,
)

from .map_source import MapSource, Site, as_places

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor, nn

    from mmris.explanation.explanation import ExplanationMap
    from mmris.models import RefSegmentor

_MEMORY_AND_RESET = ("memory", "reset")
_CHANNELS = "averaged over the channels"


class _GateMaps(MapSource):
    """Gates that a method of the module opens.

    Attributes:
        method: Its name; what it gives are numbers from 0 to 1.
    """

    method: ClassVar[str] = "openings"

    def kinds(self, model: RefSegmentor, module: nn.Module) -> tuple[str, ...]:
        """One."""
        del model, module
        return ("gates",)

    def methods(
        self, model: RefSegmentor, module: nn.Module
    ) -> list[tuple[nn.Module, str]]:
        """The one that opens them, and the whole, for the size."""
        del model
        return [(module, self.method), (module, "forward")]

    def maps(self, module: nn.Module, site: Site) -> Iterator[ExplanationMap]:
        """A map for each level or step, with its gates as items."""
        for place, gates in self.gates(module, site):
            values = torch.stack([gate[0].mean(dim=0) for gate in gates.values()])
            widest = max(gate.shape[1] for gate in gates.values())
            yield site.make(
                "gates",
                values,
                ["item", "row", "column"],
                place=place,
                items=list(gates),
                note=_CHANNELS if widest > 1 else "",
            )

    @abstractmethod
    def gates(
        self, module: nn.Module, site: Site
    ) -> Iterator[tuple[str, dict[str, Tensor]]]:
        """Places and their gates by name, ``(1, C, H, W)``.

        Args:
            module: The module.
            site: Where it is, and what was recorded.
        """


class LevelGateMaps(_GateMaps):
    """CMSA's gates: one number for each place of each level."""

    module_class = GatedExchange

    def gates(
        self, module: nn.Module, site: Site
    ) -> Iterator[tuple[str, dict[str, Tensor]]]:
        """Memory and reset gate of each level."""
        both = site.record.last(module, self.method).result
        for level, gates in enumerate(zip(*both, strict=True)):
            yield f"level_{level}", dict(zip(_MEMORY_AND_RESET, gates, strict=True))


class ChannelGateMaps(_GateMaps):
    """MGATE: the same two gates, with a number for each channel."""

    module_class = ChannelGatedExchange

    def gates(
        self, module: nn.Module, site: Site
    ) -> Iterator[tuple[str, dict[str, Tensor]]]:
        """Memory and reset gate of each level."""
        for level, call in enumerate(site.record.calls(module, self.method)):
            gates = zip(_MEMORY_AND_RESET, call.result, strict=True)
            yield f"level_{level}", dict(gates)


class ForeignGateMaps(_GateMaps):
    """HCAM: how much of each channel a level takes from each other one."""

    module_class = HierarchicalCrossModalExchange
    method = "opening"

    def kinds(self, model: RefSegmentor, module: nn.Module) -> tuple[str, ...]:
        """One, where there are levels to take from."""
        del model
        exchange = cast("HierarchicalCrossModalExchange", module)
        return ("gates",) if len(exchange.convs) else ()

    def gates(
        self, module: nn.Module, site: Site
    ) -> Iterator[tuple[str, dict[str, Tensor]]]:
        """The gates of each level that takes, by the level that gives."""
        taken: dict[int, dict[str, Tensor]] = {}
        for call in site.record.calls(module, self.method):
            _, target, source = call.arguments
            taken.setdefault(target, {})[f"from level {source}"] = call.result
        for target, gates in taken.items():
            yield f"level_{target}", gates


class OwnGateMaps(_GateMaps):
    """The gate that weighs each level before the levels are added."""

    module_class = SelfGatedAggregation
    method = "opening"

    def gates(
        self, module: nn.Module, site: Site
    ) -> Iterator[tuple[str, dict[str, Tensor]]]:
        """The gate of each level."""
        for call in site.record.calls(module, self.method):
            yield f"level_{call.arguments[1]}", {"gate": call.result}


class StepGateMaps(_GateMaps):
    """The gates of a convolutional LSTM, whose steps are the levels."""

    module_class = ConvLSTMAggregation

    def gates(
        self, module: nn.Module, site: Site
    ) -> Iterator[tuple[str, dict[str, Tensor]]]:
        """The gates of each step; the first has nothing to forget."""
        calls = [call.result for call in site.record.calls(module, self.method)]
        coarsest_first = cast("ConvLSTMAggregation", module).coarsest_first
        for step, gates in enumerate(calls):
            level = len(calls) - 1 - step if coarsest_first else step
            names = ("input", "forget", "output") if step else ("input", "output")
            yield f"level_{level}", dict(zip(names, gates, strict=True))


class PeepholeGateMaps(_GateMaps):
    """The gates of CMPC's convolutional LSTM, which reads the finest level first."""

    module_class = PeepholeConvLSTMAggregation

    def gates(
        self, module: nn.Module, site: Site
    ) -> Iterator[tuple[str, dict[str, Tensor]]]:
        """The gates of each step; the first has nothing to forget."""
        state = site.record.last(module, "forward").result
        calls = [
            [as_places(gate, state.shape[-2:]) for gate in call.result]
            for call in site.record.calls(module, self.method)
        ]
        # A step opens the gates before the cell, and then that behind it.
        steps = zip(calls[::2], calls[1::2], strict=True)
        for level, (before, (output,)) in enumerate(steps):
            names = ("input", "forget")[: len(before)]
            gates = dict(zip(names, before, strict=True))
            yield f"level_{level}", {**gates, "output": output}
