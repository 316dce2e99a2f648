"""How many images, references and sentences each published split has, and who says so.

A copy of a dataset is whole if it has these numbers. Numbers that nobody published are
None: nothing is to be compared with them.
"""

from __future__ import annotations

from dataclasses import dataclass

# The split of a row that counts a whole partition.
WHOLE = "all"

_TFDS = "TensorFlow Datasets, page of ref_coco"
_FLAGEVAL = "FlagEval, page of RefCOCO"
_FILES = "counted in the published files"
_PAPER = "paper"
_MCN = "95,010 sentences in all (luogen1996/MCN, issue 7)"
_REFER = "README of lichengunc/refer"
_RELEASE = "counted in the query files of the TF-phrasecut and CMPC releases"
_GREF_CARD = "dataset card FudanCVL/gRefCOCO"
_PHRASECUT = "README of ChenyunWu/PhraseCutDataset"
_RMSIN = "paper of RMSIN, CVPR 2024"
_REFCOCO_M = "dataset card moondream/refcoco-m"


@dataclass(frozen=True)
class PublishedNumber:
    """A number and its source.

    Args:
        value: The number.
        source: Who published it, or what it was counted in.
    """

    value: int
    source: str


@dataclass(frozen=True)
class PublishedCount:
    """Size of one split as it was published.

    Args:
        dataset: Name of the dataset's folder, such as ``refcoco+``.
        partition: Who split the data, ``""`` where there is only one way.
        split: Name of the split, :data:`WHOLE` for the whole partition.
        images: Number of images that a sentence is about.
        references: Number of references: objects, or sets of objects, with sentences.
        sentences: Number of sentences.
    """

    dataset: str
    partition: str
    split: str
    images: PublishedNumber | None = None
    references: PublishedNumber | None = None
    sentences: PublishedNumber | None = None


def _number(entry: tuple[int, str] | None) -> PublishedNumber | None:
    return None if entry is None else PublishedNumber(*entry)


def _row(
    names: tuple[str, str, str],
    images: tuple[int, str] | None = None,
    references: tuple[int, str] | None = None,
    sentences: tuple[int, str] | None = None,
) -> PublishedCount:
    numbers = (_number(images), _number(references), _number(sentences))
    return PublishedCount(*names, *numbers)


def _split(
    names: tuple[str, str, str],
    images: int,
    references: int,
    sentences: tuple[int, str] | None = None,
) -> PublishedCount:
    """A split of RefCOCO, RefCOCO+ or RefCOCOg."""
    return _row(names, (images, _TFDS), (references, _TFDS), sentences)


# Numbers of evaluation splits "counted in the published files" come from a public copy
# with every sentence; those of images and references agree with the other source.
PUBLISHED_COUNTS: tuple[PublishedCount, ...] = (
    _split(("refcoco", "unc", "train"), 16_994, 42_404, (120_624, _FLAGEVAL)),
    _split(("refcoco", "unc", "val"), 1_500, 3_811, (10_834, _FILES)),
    _split(("refcoco", "unc", "testA"), 750, 1_975, (5_657, _FILES)),
    _split(("refcoco", "unc", "testB"), 750, 1_810, (5_095, _FILES)),
    _split(("refcoco", "google", "train"), 19_213, 40_000),
    _split(("refcoco", "google", "val"), 4_559, 5_000),
    _split(("refcoco", "google", "test"), 4_527, 5_000),
    _split(("refcoco+", "unc", "train"), 16_992, 42_278, (120_191, _PAPER)),
    _split(("refcoco+", "unc", "val"), 1_500, 3_805, (10_758, _FILES)),
    _split(("refcoco+", "unc", "testA"), 750, 1_975, (5_726, _FILES)),
    _split(("refcoco+", "unc", "testB"), 750, 1_798, (4_889, _FILES)),
    _split(("refcocog", "umd", "train"), 21_899, 42_226, (80_512, _PAPER)),
    _split(("refcocog", "umd", "val"), 1_300, 2_573, (4_896, _FILES)),
    _split(("refcocog", "umd", "test"), 2_600, 5_023, (9_602, _FILES)),
    # Both partitions divide the same references: what val has not, train has.
    _split(
        ("refcocog", "google", "train"), 24_698, 44_822, (85_474, f"{_MCN} less val")
    ),
    _split(("refcocog", "google", "val"), 4_650, 5_000, (9_536, _FILES)),
    # Its pictures, 19,997 files; how many each split uses was not published.
    _row(("refclef", "unc", WHOLE), (19_997, _REFER)),
    # Three pictures less, REFER's page says: two of training, one of testing.
    _row(("refclef", "berkeley", WHOLE), (19_997, _REFER)),
    _row(
        ("referit", "", "trainval"),
        (9_995, _RELEASE),
        (49_515, _RELEASE),
        (59_976, _RELEASE),
    ),
    _row(
        ("referit", "", "test"),
        (9_994, _RELEASE),
        (49_730, _RELEASE),
        (60_105, _RELEASE),
    ),
    _row(("grefcoco", "unc", WHOLE), (19_994, _GREF_CARD), None, (278_232, _GREF_CARD)),
    # One phrase is one reference.
    _row(
        ("phrasecut", "", "train"),
        (71_746, _PHRASECUT),
        (310_816, _PHRASECUT),
        (310_816, _PHRASECUT),
    ),
    _row(
        ("phrasecut", "", "val"),
        (2_971, _PHRASECUT),
        (20_316, _PHRASECUT),
        (20_316, _PHRASECUT),
    ),
    _row(
        ("phrasecut", "", "test"),
        (2_545, _PHRASECUT),
        (14_354, _PHRASECUT),
        (14_354, _PHRASECUT),
    ),
    _row(
        ("phrasecut", "", "miniv"),
        (100, _PHRASECUT),
        (821, _PHRASECUT),
        (821, _PHRASECUT),
    ),
    _row(("rrsisd", "unc", WHOLE), None, None, (17_402, _RMSIN)),
    # RefCOCO's val with masks drawn anew, without those that could not be.
    _row(
        ("refcoco-m", "", "validation"),
        (1_190, _REFCOCO_M),
        (2_080, _REFCOCO_M),
        (5_598, _REFCOCO_M),
    ),
)


def published_count(dataset: str, partition: str, split: str) -> PublishedCount | None:
    """The published size of a split.

    Args:
        dataset: Name of the dataset's folder.
        partition: Who split the data, ``""`` where there is only one way.
        split: Name of the split, :data:`WHOLE` for the whole partition.

    Returns:
        The row, or None if nothing was published.
    """
    wanted = (dataset, partition, split)
    for row in PUBLISHED_COUNTS:
        if (row.dataset, row.partition, row.split) == wanted:
            return row
    return None
