"""What maps there are, in words for people."""

from __future__ import annotations

from typing import NamedTuple


class Kind(NamedTuple):
    """A kind of map.

    Attributes:
        title: A few words, for headings.
        meaning: What a number of it says, a sentence without a full stop.
        unit: What the numbers are, a word for the colour bar.
        of_places: Whether it has numbers of places, that can be laid over a picture.
    """

    title: str
    meaning: str
    unit: str = "share"
    of_places: bool = True

    @property
    def ends_at_one(self) -> bool:
        """Whether colours go from 0 to 1, whatever the largest number is."""
        return self.unit in ("probability", "opening")

    @property
    def in_percent(self) -> bool:
        """Whether a hundred times a number is a percentage."""
        return self.unit in ("share", "probability", "opening")


_ATTENTION = "share of its attention"
KINDS = {
    "word_attention": Kind(
        "Attention to words",
        "how much is taken of each word, averaged over the places that look and the "
        "words that they look with",
        of_places=False,
    ),
    "word_types": Kind(
        "Types of words",
        "how probable it is that a word names an entity, an attribute or a relation, "
        "or is not needed",
        of_places=False,
    ),
    "word_words": Kind(
        "Words that a word looks at",
        f"how much a word (row) takes of each other one (column), as a {_ATTENTION}",
        of_places=False,
    ),
    "word_places": Kind(
        "Where each word looks",
        f"how much a word takes of each place, as a {_ATTENTION}",
    ),
    "place_words": Kind(
        "Words at each place",
        f"how much each place takes of a word, as a {_ATTENTION}",
    ),
    "place_places": Kind(
        "Where a place looks",
        f"how much one place takes of each other one, as a {_ATTENTION}",
    ),
    "language_places": Kind(
        "Where a place looks for language",
        "how much one place takes of the language of each other one, as a "
        f"{_ATTENTION}",
    ),
    "multimodal_places": Kind(
        "Where a place looks for what is seen",
        "how much one place takes of the multimodal feature of each other one, as a "
        f"{_ATTENTION}",
    ),
    "window_places": Kind(
        "Where a place looks within its window",
        f"how much one place takes of each other one of its window, as a {_ATTENTION}",
    ),
    "embedding_places": Kind(
        "Where each contextual embedding looks",
        f"how much an embedding takes of each place, as a {_ATTENTION}",
    ),
    "place_embeddings": Kind(
        "Contextual embeddings at each place",
        f"how much each place takes of an embedding, as a {_ATTENTION}",
    ),
    "gates": Kind(
        "Gates of the levels",
        "how far a gate is open at a place, from 0, which lets nothing through, to 1",
        "opening",
    ),
    "stage_masks": Kind(
        "Masks stage by stage",
        "the probability that the mask decoder gives each place when it is shown the "
        "map after a stage instead of the last one",
        "probability",
    ),
    "stage_changes": Kind(
        "What each stage changes",
        "length of the difference that a stage makes to the feature of a place",
        "length",
    ),
    "boundary_maps": Kind(
        "Boundaries",
        "the probability that a place is on the boundary, at each step of the decoder",
        "probability",
    ),
    "body_maps": Kind(
        "Bodies",
        "the probability that a place is inside, of the feature without its boundary, "
        "at each step of the decoder",
        "probability",
    ),
    "coarse_masks": Kind(
        "Masks of the levels",
        "the probability that the head's training outputs give each place",
        "probability",
    ),
    "grad_cam": Kind(
        "Grad-CAM",
        "how much the features of a place speak for the mask: the channels weighted "
        "by the mean gradient of the mask's logits, cut off below zero",
        "relevance",
    ),
}
