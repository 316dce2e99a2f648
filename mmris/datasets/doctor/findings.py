"""What can be wrong with a dataset, how bad it is, and where it was found."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Severity = Literal["error", "warning", "note"]

# Most places named for each kind of finding; all of them are counted.
MAX_EXAMPLES = 5
# Longest text of one place: annotation files may hold anything.
MAX_LENGTH = 300


@dataclass(frozen=True)
class Rule:
    """A kind of finding.

    Args:
        severity: ``error``: training or scores would be wrong or stop. ``warning``:
            data are lost, or may not be what they seem. ``note``: worth knowing.
        what: What was found, in the plural.
        advice: What to do, or what it means.
    """

    severity: Severity
    what: str
    advice: str


RULES: dict[str, Rule] = {
    "unreadable_file": Rule(
        "error", "annotation files that cannot be read", "Copy or download them again"
    ),
    "unreadable_split": Rule(
        "error",
        "splits that cannot be read",
        "The first mistake is named; examine again when it is mended",
    ),
    "malformed_entry": Rule(
        "error",
        "entries with a field that is missing or of another type",
        "The file is damaged, or in another format",
    ),
    "duplicate_id": Rule(
        "error", "ids that stand twice", "Take the file from its source again"
    ),
    "no_such_image": Rule(
        "error",
        "references to a picture that instances.json lacks",
        "Both files must be of the same release",
    ),
    "no_such_annotation": Rule(
        "error",
        "references to an annotation that instances.json lacks",
        "Both files must be of the same release",
    ),
    "other_image": Rule(
        "error",
        "references whose annotation is of another picture",
        "Both files must be of the same release",
    ),
    "other_count": Rule(
        "error",
        "counts that differ from the published ones",
        "The copy is not whole, or of another release",
    ),
    "other_size": Rule(
        "error",
        "pictures of another size than their annotations say",
        "Use the pictures that the annotations were made on, not resized or turned",
    ),
    "no_picture_folder": Rule(
        "error",
        "folders of pictures that are not there",
        "Unpack the pictures there, or give --image-dir; --no-pictures looks at the "
        "annotations alone",
    ),
    "missing_picture": Rule(
        "error",
        "pictures that are not there",
        "Copy them, or correct the folder with --image-dir",
    ),
    "broken_picture": Rule(
        "error", "pictures that cannot be read", "Copy or download them again"
    ),
    "malformed_mask": Rule(
        "error", "masks that cannot be decoded", "Take the file from its source again"
    ),
    "empty_mask": Rule(
        "error", "masks without a pixel", "Draw them, or remove their references"
    ),
    "mask_outside": Rule(
        "error",
        "masks that lie outside their picture",
        "The annotation belongs to another picture, or x and y are exchanged",
    ),
    "not_published": Rule(
        "warning",
        "partitions of another size than the published data of this name",
        "This is not the published set but a sample, or other data: scores on it "
        "cannot be compared",
    ),
    "doubtful_count": Rule(
        "warning",
        "counts that differ from those of a page about the data",
        "What exactly that page counts was not published",
    ),
    "mask_cut": Rule(
        "warning",
        "masks that leave their picture by more than a pixel",
        "What lies outside is cut off",
    ),
    "no_words": Rule(
        "warning",
        "sentences without a word",
        "Those without any text are left out when the data are read",
    ),
    "no_sentences": Rule(
        "warning", "references without sentences", "They are left out"
    ),
    "shared_pictures": Rule(
        "warning",
        "pairs of splits that share pictures",
        "A model is tested on pictures that it has seen",
    ),
    "shared_by_design": Rule(
        "note",
        "pairs of splits that share pictures, as published",
        "This partition divides objects and not pictures",
    ),
    "overlapping_parts": Rule(
        "note",
        "references whose mask the REFER API gives otherwise",
        "Parts of one object overlap, and REFER adds them up to values of 2 and more; "
        "mmris takes their union",
    ),
    "not_compared": Rule(
        "note",
        "partitions that no published counts are known of",
        "Counts are shown and not compared",
    ),
}
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")


@dataclass
class Finding:
    """All that was found of one kind.

    Args:
        kind: A key of :data:`RULES`.
        count: How often.
        examples: The first places.
    """

    kind: str
    count: int = 0
    examples: list[str] = field(default_factory=list)

    @property
    def rule(self) -> Rule:
        """What the kind means."""
        return RULES[self.kind]


class Findings:
    """Collects findings, those of a kind under one entry."""

    def __init__(self) -> None:
        self._by_kind: dict[str, Finding] = {}

    def add(self, kind: str, place: str, *, count: int = 1) -> None:
        """Note something.

        Args:
            kind: A key of :data:`RULES`.
            place: Where, and what stands there.
            count: How many things it stands for.
        """
        if kind not in RULES:
            raise KeyError(f"no rule {kind!r}; there are {', '.join(RULES)}")
        finding = self._by_kind.setdefault(kind, Finding(kind))
        finding.count += count
        if len(finding.examples) < MAX_EXAMPLES:
            finding.examples.append(" ".join(place.split())[:MAX_LENGTH])

    def sorted(self) -> list[Finding]:
        """All, errors first, otherwise in the order of :data:`RULES`."""
        order = list(RULES)
        return sorted(self._by_kind.values(), key=lambda entry: order.index(entry.kind))

    def number_of(self, severity: Severity) -> int:
        """How many kinds of this severity were found.

        Args:
            severity: Which.
        """
        return sum(entry.rule.severity == severity for entry in self.sorted())

    def to_json(self) -> list[dict[str, Any]]:
        """All, as plain data."""
        return [
            {"kind": entry.kind, "count": entry.count, **asdict(entry.rule)}
            | {"examples": list(entry.examples)}
            for entry in self.sorted()
        ]
