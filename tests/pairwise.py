"""Few rows in which every two values meet that can: a covering array of strength two.

Most mistakes of configurable software show when two settings meet (Kuhn, Wallace and
Gallo, "Software Fault Interactions and Implications for Software Testing", IEEE TSE
2004). Rows are made greedily, one after the other, always from the first pair that is
still missing: the same factors give the same rows.
"""

from __future__ import annotations

import itertools
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


class Setting(NamedTuple):
    """One value of one factor."""

    factor: str
    value: str


Row = dict[str, str]


def pairs_of(row: Row) -> set[frozenset[Setting]]:
    """All pairs of settings in a row."""
    settings = itertools.starmap(Setting, row.items())
    return set(map(frozenset, itertools.combinations(settings, 2)))


def covering_rows(
    factors: Mapping[str, Sequence[str]],
    conflict: Callable[[Setting, Setting], bool] = lambda one, other: False,
) -> list[Row]:
    """Rows without conflicts that have every pair of settings which is in any such row.

    Args:
        factors: Values by factor.
        conflict: Whether two settings of different factors must not meet; called with
            the factors in their order.

    Raises:
        ValueError: A setting is in no row without conflicts.
    """
    search = _Search(factors, conflict)
    rows: list[Row] = []
    # Large factors first: their pairs decide how many rows there are.
    by_size = sorted(factors, key=lambda name: -len(factors[name]))
    missing = [
        (Setting(one, a), Setting(other, b))
        for one, other in itertools.combinations(by_size, 2)
        for a, b in itertools.product(factors[one], factors[other])
    ]
    for pair in missing:
        if frozenset(pair) not in search.covered:
            row = search.complete(pair)
            if row is not None:
                rows.append(row)
    for setting in search.settings:
        if len(factors) > 1 and not search.used[setting]:
            raise ValueError(f"{setting} is in no row without conflicts")
    return rows


class _Search:
    def __init__(
        self,
        factors: Mapping[str, Sequence[str]],
        conflict: Callable[[Setting, Setting], bool],
    ) -> None:
        self.factors = factors
        self.settings = [
            Setting(name, value) for name in factors for value in factors[name]
        ]
        self.conflicts = {
            frozenset((one, other))
            for one, other in itertools.combinations(self.settings, 2)
            if one.factor != other.factor and conflict(one, other)
        }
        self.covered: set[frozenset[Setting]] = set()
        self.used: Counter[Setting] = Counter()

    def complete(self, settings: Sequence[Setting]) -> Row | None:
        """A row with these settings, or None if there is none."""
        if frozenset(settings) in self.conflicts:
            return None
        chosen = self._extend(list(settings))
        if chosen is None:
            return None
        values = dict(chosen)
        row = {name: values[name] for name in self.factors}
        self.covered |= pairs_of(row)
        self.used.update(chosen)
        return row

    def _extend(self, chosen: list[Setting]) -> list[Setting] | None:
        """Depth first, what covers most first."""
        taken = {setting.factor for setting in chosen}
        name = next((name for name in self.factors if name not in taken), None)
        if name is None:
            return chosen
        candidates = [
            setting
            for setting in (Setting(name, value) for value in self.factors[name])
            if not any(frozenset((setting, c)) in self.conflicts for c in chosen)
        ]
        # sorted() keeps the order of what is equal.
        for setting in sorted(candidates, key=lambda s: self._rank(s, chosen)):
            row = self._extend([*chosen, setting])
            if row is not None:
                return row
        return None

    def _rank(self, setting: Setting, chosen: Sequence[Setting]) -> tuple[int, int]:
        new = sum(frozenset((setting, c)) not in self.covered for c in chosen)
        return -new, self.used[setting]
