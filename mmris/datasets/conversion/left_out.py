"""What a conversion leaves out is counted and told, never lost in silence."""

from __future__ import annotations

from dataclasses import dataclass, field

# Places shown of each reason.
MAX_PLACES = 3


@dataclass
class LeftOut:
    """Objects that became no entry, by reason.

    Args:
        places: Where they stand, by reason.
    """

    places: dict[str, list[str]] = field(default_factory=dict)

    def add(self, reason: str, place: str) -> None:
        """Note an object.

        Args:
            reason: Why it is left out.
            place: Where it stands.
        """
        self.places.setdefault(reason, []).append(place)

    def lines(self) -> list[str]:
        """One line for each reason, with the number of objects and the first places."""
        return [
            f"left out: {len(places)} {reason}: {', '.join(places[:MAX_PLACES])}"
            + (", ..." if len(places) > MAX_PLACES else "")
            for reason, places in self.places.items()
        ]
