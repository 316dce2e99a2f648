"""Examines every dataset below a folder."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mmris.datasets.nearby_files import what_lies_at

from .count_checks import check_counts, check_shared_pictures, count_splits
from .findings import SEVERITIES, Findings
from .mask_checks import check_masks, note_overlaps
from .picture_checks import check_pictures
from .record_content import (
    is_phrasecut,
    is_referit,
    phrasecut_pictures,
    read_phrasecut,
    read_referit,
    referit_pictures,
)
from .refer_content import INSTANCES, partition_files, read_refer_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from .content import Content
    from .count_checks import SplitCount

IMAGE_FOLDER = "images/mscoco/images/train2014"
# Folders of the pictures below the data root, of datasets that are not on COCO's.
IMAGE_FOLDERS = {
    "refclef": "images/saiapr_tc-12",
    "rrsisd": "images/rrsisd/JPEGImages",
}


@dataclass(frozen=True)
class Options:
    """What is examined, and how thoroughly.

    Args:
        image_dir: Folder of the pictures below the data root, or an absolute path; None
            for that of each dataset.
        pictures: Whether to look at pictures at all.
        decode: Whether to decode every picture, not only read its header.
        strict: Whether the published data are expected, so that any other count is an
            error.
    """

    image_dir: str | None = None
    pictures: bool = True
    decode: bool = False
    strict: bool = False


@dataclass
class Partition:
    """One partition of a dataset and its counts.

    Args:
        content: The partition.
        counts: Its splits.
    """

    content: Content
    counts: list[SplitCount]


@dataclass
class Report:
    """What was found in the folder of one dataset.

    Args:
        folder: The folder.
        partitions: Those that were read.
        findings: What is wrong or worth knowing.
    """

    folder: Path
    partitions: list[Partition] = field(default_factory=list)
    findings: Findings = field(default_factory=Findings)

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "folder": str(self.folder),
            "partitions": [
                {
                    "dataset": entry.content.dataset,
                    "partition": entry.content.partition,
                    "file": entry.content.source,
                    "splits": [count.to_json() for count in entry.counts],
                }
                for entry in self.partitions
            ],
            "findings": self.findings.to_json(),
        }


def find_datasets(root: Path, names: Sequence[str] = ()) -> list[Path]:
    """Find the folders of datasets.

    Args:
        root: The data root, or the folder of one dataset.
        names: Only folders of these names; none takes all.

    Returns:
        Folders in the layout of REFER, gRefCOCO, ReferIt or PhraseCut, complete or
        not.

    Raises:
        FileNotFoundError: No such folder, or no dataset in it.
    """
    if not root.is_dir():
        raise FileNotFoundError(
            f"no folder {root}: {what_lies_at(root.parent)}. Give the folder that "
            "holds the datasets, such as data"
        )
    root = root.absolute()
    found = datasets_below(root)
    wanted = [folder for folder in found if not names or dataset_name(folder) in names]
    if wanted:
        return wanted
    if found:
        raise FileNotFoundError(
            f"no dataset {', '.join(names)} in {root}; there is "
            f"{', '.join(map(dataset_name, found))}"
        )
    raise FileNotFoundError(
        f"no dataset in {root}: {what_lies_at(root)}. A dataset is a folder with "
        "instances.json and refs(unc).p; docs/en/data_preparation.md shows the layout"
    )


def datasets_below(root: Path) -> list[Path]:
    """The folder itself and those in it that are datasets; none are no mistake.

    Args:
        root: The data root.
    """
    candidates = [root, *sorted(path for path in root.iterdir() if path.is_dir())]
    return [folder for folder in candidates if _is_dataset(folder)]


def _is_refer(folder: Path) -> bool:
    return (folder / INSTANCES).is_file() or bool(partition_files(folder))


def _is_dataset(folder: Path) -> bool:
    return _is_refer(folder) or is_referit(folder) or is_phrasecut(folder)


def dataset_name(folder: Path) -> str:
    """What a dataset is chosen by: its folder, but ReferIt's lies in the data root.

    Args:
        folder: The folder of the dataset.
    """
    return "referit" if is_referit(folder) else folder.name


def examine(root: Path, names: Sequence[str], options: Options) -> list[Report]:
    """Examine all datasets of a folder.

    Args:
        root: The data root, or the folder of one dataset.
        names: Only folders of these names; none takes all.
        options: How.

    Raises:
        FileNotFoundError: No such folder, or no dataset in it.
    """
    return [_examine(folder, options) for folder in find_datasets(root, names)]


def picture_folder(folder: Path, image_dir: str | None = None) -> Path:
    """The folder of a dataset's pictures.

    Args:
        folder: The folder of the dataset, in the data root.
        image_dir: Folder below the data root, or an absolute path; None for the
            dataset's own.
    """
    if is_referit(folder):
        return referit_pictures(folder, image_dir)
    if is_phrasecut(folder):
        return phrasecut_pictures(folder, image_dir)
    return folder.parent / (image_dir or IMAGE_FOLDERS.get(folder.name, IMAGE_FOLDER))


def _examine(folder: Path, options: Options) -> Report:
    report = Report(folder)
    if _is_refer(folder):
        contents = read_refer_folder(folder, report.findings)
        images = picture_folder(folder, options.image_dir)
        if not contents:
            report.findings.add(
                "unreadable_file",
                f"{folder} has no refs(unc).p or the like: {what_lies_at(folder)}",
            )
    else:
        read = read_referit if is_referit(folder) else read_phrasecut
        content, images = read(folder, options.image_dir, report.findings)
        contents = [content]
    for content in contents:
        counts = count_splits(content)
        check_counts(content, counts, report.findings, strict=options.strict)
        check_shared_pictures(content, report.findings)
        report.partitions.append(Partition(content, counts))
    # Partitions divide the same pictures and masks, which are looked at once.
    pictures = {k: v for content in contents for k, v in content.pictures.items()}
    masks = {k: v for content in contents for k, v in content.masks.items()}
    overlaps = check_masks(masks, pictures, report.findings)
    if _is_refer(folder):
        for content in contents:
            note_overlaps(content, overlaps, report.findings)
    if options.pictures and pictures:
        check_pictures(
            pictures.values(), images, report.findings, decode=options.decode
        )
    return report


def number_of_findings(reports: Iterable[Report]) -> dict[str, int]:
    """How many kinds of findings there are, by severity.

    Args:
        reports: All datasets.
    """
    reports = list(reports)
    return {
        severity: sum(report.findings.number_of(severity) for report in reports)
        for severity in SEVERITIES
    }
