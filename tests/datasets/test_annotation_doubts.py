"""Annotations that contradict themselves are used and told, once for each kind."""

from __future__ import annotations

import math
import re

import pytest

from mmris.datasets import annotation_doubts
from mmris.datasets.refer_files import read_refer_records
from tests.datasets.refer_folder import instances_of, reference, write_refer

# Of the square in refer_folder.
BOX = [3, 2, 5, 4]


@pytest.fixture
def warnings(tmp_path, monkeypatch):
    """Change the annotation of reference 2 and return what is said."""
    said = []
    monkeypatch.setattr(
        annotation_doubts, "print_log", lambda line, **_: said.append(line)
    )

    def _warnings(**changes):
        references = [reference(number, 101, "train") for number in (1, 2, 3)]
        instances = instances_of(references)
        instances["annotations"][1].update(changes)
        folder = write_refer(tmp_path, references, instances, pictures=False)
        records = read_refer_records(folder, partition="unc", split="train")
        assert len(records[0]["references"]) == 3
        return said

    return _warnings


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"bbox": BOX},
        {"bbox": [2.5, 2, 6, 4]},
        {"segmentation": [[-2, -2, 22, -2, 22, 14]]},
        {"iscrowd": 1, "segmentation": {"size": [12, 20], "counts": [0, 9, 231]}},
        {"bbox": None, "segmentation": {"size": [12, 20], "counts": [0, 9, 231]}},
        {"area": -1},
    ],
)
def test_sound_annotations_are_not_doubted(warnings, changes):
    assert warnings(**changes) == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"category_id": 4}, "of another category than a reference"),
        ({"category_id": "3"}, "of another category than a reference"),
        ({"category_id": {"a": 3}}, "of another category than a reference"),
        ({"segmentation": [[3, 2, 23, 2, 8, 6]]}, "leave their picture by more than 2"),
        ({"segmentation": [[-3, 2, 8, 2, 8, 6]]}, "leave their picture by more than 2"),
        ({"segmentation": [[3, 2, 8, 2, 8, 15]]}, "leave their picture by more than 2"),
        ({"segmentation": [[3, -3, 8, 2, 8, 6]]}, "leave their picture by more than 2"),
        ({"bbox": [3, 2, 8, 4]}, "not that of their polygons"),
        ({"bbox": [6, 2, 5, 4]}, "not that of their polygons"),
        ({"bbox": [3, math.nan, 5, 4]}, "not that of their polygons"),
        ({"bbox": [3, 10**400, 5, 4]}, "not that of their polygons"),
        ({"bbox": [3, 2, 5]}, "not that of their polygons"),
        ({"bbox": "3254"}, "not that of their polygons"),
        ({"bbox": [3, 2, 5, "4"]}, "not that of their polygons"),
        ({"iscrowd": 1}, "crowds .* drawn as the outline of one object"),
    ],
)
def test_doubts_are_told(warnings, changes, message):
    (line,) = warnings(**changes)
    assert "instances.json: 1 annotations" in line
    assert "the first of them 2." in line
    assert re.search(message, line)
    assert "\n" not in line


def test_real_annotations_are_not_doubted(test_data, monkeypatch):
    def refuse(line, **_):
        raise AssertionError(line)

    monkeypatch.setattr(annotation_doubts, "print_log", refuse)
    for name, partition in (
        ("refcoco", "unc"),
        ("refcocog", "umd"),
        ("grefcoco", "unc"),
    ):
        folder = test_data / "mini_refcoco" / name
        assert read_refer_records(folder, partition=partition, split="train")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"iscrowd": 2}, "annotation 2: 'iscrowd' is 2; expected 0 or 1"),
        ({"iscrowd": None}, "annotation 2: 'iscrowd' is None; expected 0 or 1"),
        ({"segmentation": [[1, 2, 3]]}, "annotation 2: part 0 .* has 3 coordinates"),
        ({"segmentation": [[1, 2, 3, 4, 5, True]]}, "annotation 2: .* coordinate True"),
        ({"segmentation": {"size": [1, 1], "counts": "04"}}, "annotation 2: .* size"),
        ({"segmentation": {"mat": "/etc/passwd"}}, r"2: part 0 .* the keys \['mat'\]"),
        ({"segmentation": [{"polygons": [[1, 2]]}]}, "2: part 0 .* has the keys"),
        (
            {"segmentation": {"size": [12, 20], "counts": [True, 239]}},
            "2: part 0 .* malformed counts",
        ),
    ],
)
def test_what_no_mask_can_be_made_of_is_refused_at_once(warnings, changes, message):
    with pytest.raises(ValueError, match=rf"instances\.json, .*{message}"):
        warnings(**changes)
