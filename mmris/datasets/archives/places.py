"""Where the files of the published archives belong below the data root."""

from __future__ import annotations

import re

COCO_FOLDER = "images/mscoco/images/train2014"
SAIAPR_FOLDER = "images/saiapr_tc-12"
RRSISD_FOLDER = "images/rrsisd/JPEGImages"

_REFER = r"refcoco|refcoco\+|refcocog|refclef|grefcoco|rrsisd"
_ANNOTATIONS = r"instances\.json|g?refs\(\w+\)\.(?:p|json)"
_PHRASECUT = (
    r"refer_(?:train|val|test|miniv)\.json|image_data_split3000\.json|"
    r"name_att_rel_count\.json|images/\d+\.jpg"
)
# Form of a path in an archive, whatever folders come first, and where it belongs.
_RULES = [
    (re.compile(rf"(?:.*/)?{pattern}"), place)
    for pattern, place in (
        (rf"({_REFER})/({_ANNOTATIONS})", r"\1/\2"),
        (r"(COCO_train2014_\d{12}\.jpg)", rf"{COCO_FOLDER}/\1"),
        (r"saiapr_tc-12/(?:.*/)?(\w+\.jpg)", rf"{SAIAPR_FOLDER}/\1"),
        (r"rrsisd/(?:.*/)?JPEGImages/(\w+\.jpg)", rf"{RRSISD_FOLDER}/\1"),
        (r"(referit_query_(?:train|val|trainval|test)\.json)", r"\1"),
        (r"referit/(images/\d+\.jpg|mask/\d+_\d+\.mat)", r"referit/\1"),
        (rf"VGPhraseCut_v0/({_PHRASECUT})", r"VGPhraseCut_v0/\1"),
    )
]
_ENDINGS = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
# "refcoco (1).zip" is what browsers make of the second download.
_AGAIN = re.compile(r"\s*\(\d+\)$")


def place_of(path: str, archive: str) -> str | None:
    """Say where a file of an archive belongs.

    Args:
        path: Path in the archive, with slashes.
        archive: Name of the archive. An archive without folders counts as one folder
            of its name.

    Returns:
        The path below the data root, None for a file that nothing reads.
    """
    for candidate in (path, f"{stem_of(archive)}/{path}"):
        for pattern, place in _RULES:
            match = pattern.fullmatch(candidate)
            if match:
                return match.expand(place)
    return None


def stem_of(archive: str) -> str:
    """Name of an archive without its ending.

    Args:
        archive: File name.

    Example:
        >>> stem_of("refcoco+ (1).tar.gz")
        'refcoco+'
    """
    for ending in sorted(_ENDINGS, key=len, reverse=True):
        if archive.lower().endswith(ending):
            archive = archive[: -len(ending)]
            break
    return _AGAIN.sub("", archive)
