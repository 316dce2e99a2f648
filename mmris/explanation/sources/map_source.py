"""How a kind of module gives its maps."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from mmris.explanation.explanation import ExplanationMap

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor, nn

    from mmris.explanation.call_recorder import CallRecord
    from mmris.models import RefSegmentor


@dataclass(frozen=True)
class Site:
    """A module that has maps, in a model that has just decoded one expression.

    Attributes:
        model: The model.
        name: Of the module, in the model.
        place: What maps call it.
        words: What the words of the expression are called, one for each valid word.
        record: The calls of the methods that the source asked for.
        kinds: Which maps are wanted.
        heads: Whether the heads of an attention are wanted one by one as well.
    """

    model: RefSegmentor
    name: str
    place: str
    words: tuple[str, ...]
    record: CallRecord
    kinds: frozenset[str]
    heads: bool = False

    def of_heads(self, shares: Tensor) -> Iterator[tuple[str, str, Tensor]]:
        """The mean over the heads, then each head if that is wanted.

        Args:
            shares: Weights of h heads, ``(h, ...)``.

        Yields:
            What to add to the name of the place, a note, and weights ``(...)``.
        """
        yield "", "averaged over the heads", shares.mean(dim=0)
        if self.heads and len(shares) > 1:
            for number, own in enumerate(shares, start=1):
                yield f"_head_{number}", f"of head {number} alone", own

    def make(
        self,
        kind: str,
        values: Tensor,
        axes: Sequence[str],
        *,
        place: str | None = None,
        words: tuple[str, ...] | None = None,
        items: Sequence[str] = (),
        sums_over: Sequence[str] = (),
        note: str = "",
    ) -> ExplanationMap:
        """A map of this module.

        Args:
            kind: Key of ``KINDS``.
            values: The numbers.
            axes: What their axes are.
            place: Where; None for the module's place.
            words: Labels of the words; None for those of the expression, for maps
                that have any.
            items: Labels of the items.
            sums_over: Axes over which they add up to 1.
            note: What else should be said.
        """
        has_words = any(axis in ("word", "query_word") for axis in axes)
        labels = self.words if words is None else words
        return ExplanationMap(
            kind=kind,
            place=place or self.place,
            values=np.asarray(values.detach().float().cpu().numpy()),
            axes=tuple(axes),
            words=labels if has_words else (),
            items=tuple(items),
            sums_over=tuple(sums_over),
            module=self.name,
            note=note,
        )


class MapSource(ABC):
    """Reads maps off the modules of a class.

    The numbers are those of the forward pass: tensors that methods of the module were
    given or gave, or what the module's own methods make of such tensors.

    Attributes:
        module_class: Modules of this class and of those derived from it.
    """

    module_class: ClassVar[type[nn.Module]]

    @abstractmethod
    def kinds(self, model: RefSegmentor, module: nn.Module) -> tuple[str, ...]:
        """Which kinds of maps a module has.

        Args:
            model: The model that it is in.
            module: The module.
        """

    @abstractmethod
    def methods(
        self, model: RefSegmentor, module: nn.Module
    ) -> list[tuple[nn.Module, str]]:
        """Which methods of which modules to record.

        Args:
            model: The model that it is in.
            module: The module.
        """

    @abstractmethod
    def maps(self, module: nn.Module, site: Site) -> Iterator[ExplanationMap]:
        """The maps that are wanted.

        Args:
            module: The module.
            site: Where it is, and what was recorded, of one expression.
        """


def as_places(shares: Tensor, size: tuple[int, int]) -> Tensor:
    """``(..., P)`` as ``(..., H, W)``."""
    return shares.view(*shares.shape[:-1], *size)


def as_pairs_of_places(shares: Tensor, size: tuple[int, int]) -> Tensor:
    """``(P, P)`` as ``(H, W, H, W)``."""
    return shares.reshape(*size, *size)
