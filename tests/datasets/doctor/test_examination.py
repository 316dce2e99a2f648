"""The doctor finds each thing that was broken, and nothing in what is whole."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mmris.datasets import decode_segmentations
from mmris.datasets.doctor import (
    RULES,
    Options,
    count_checks,
    examine,
    number_of_findings,
    report_text,
)
from mmris.datasets.published_counts import WHOLE, PublishedCount, PublishedNumber
from tests.datasets.real_sentences import write_real_sentences
from tests.datasets.refer_folder import (
    IMAGES,
    SQUARE,
    annotation,
    instances_of,
    picture_name,
    reference,
    sentence,
    write_picture,
    write_refer,
)

REFERENCES = [
    (1, 101, "train"),
    (2, 101, "train"),
    (3, 102, "val"),
    (4, 103, "testA"),
]


def references():
    return [reference(*words) for words in REFERENCES]


def findings(root, *names, **options):
    """Count and examples of each kind that was found."""
    (report,) = examine(root, names, Options(**options))
    return {e.kind: (e.count, e.examples) for e in report.findings.sorted()}


def kinds(root, **options):
    return set(findings(root, **options)) - {"not_compared"}


def test_whole_data_have_no_finding(tmp_path):
    write_refer(tmp_path, references())
    assert set(findings(tmp_path)) == {"not_compared"}
    assert set(findings(tmp_path / "cups")) == {"not_compared"}
    assert set(findings(tmp_path, decode=True)) == {"not_compared"}


def test_counts_are_those_of_the_file(tmp_path):
    write_refer(tmp_path, [*references(), reference(5, 101, "train", texts=())])
    (report,) = examine(tmp_path, (), Options())
    (partition,) = report.partitions
    found = {count.split: tuple(count.found.values()) for count in partition.counts}
    assert found == {"train": (1, 2, 4), "val": (1, 1, 2), "testA": (1, 1, 2)}


# ----- the annotations


def broken(root, change, **options):
    entries = references()
    instances = instances_of(entries)
    change(entries, instances)
    write_refer(root, entries, instances)
    found = findings(root, **options)
    found.pop("not_compared", None)
    return found


@pytest.mark.parametrize(
    ("kind", "change", "example"),
    [
        ("duplicate_id", lambda r, i: r.append(dict(r[0], sentences=[sentence(9)])),
         "entry 4 (ref_id 1): ref_id 1"),
        ("duplicate_id", lambda r, i: r[1]["sentences"].append(sentence(10)),
         "entry 1 (ref_id 2): sent_id 10"),
        ("duplicate_id", lambda r, i: i["images"].append(i["images"][1]),
         "images[3]: id 102"),
        ("duplicate_id", lambda r, i: i["annotations"].append(i["annotations"][1]),
         "annotations[4]: id 2"),
        ("no_such_image", lambda r, i: i["images"].pop(1),
         "entry 2 (ref_id 3): image_id 102"),
        ("no_such_annotation", lambda r, i: i["annotations"].pop(1),
         "entry 1 (ref_id 2): ann_id 2"),
        ("other_image", lambda r, i: i["annotations"][1].update(image_id=103),
         "is of image 101, its annotation 2 of 103"),
        ("no_words", lambda r, i: r[0]["sentences"].append(sentence(90, " ")),
         "entry 0 (ref_id 1), sent_id 90: {'sent': ' ', 'raw': ' '}"),
        ("no_words", lambda r, i: r[0]["sentences"].append(sentence(90, "?!")),
         "sent_id 90: {'sent': '?!'"),
        ("no_sentences", lambda r, i: r[0].update(sentences=[]),
         "entry 0 (ref_id 1)"),
        ("empty_mask", lambda r, i: i["annotations"][1].update(
            segmentation={"size": [12, 20], "counts": [240]}), "annotation 2"),
        ("empty_mask", lambda r, i: i["annotations"][1].update(
            segmentation=[[4, 4, 4, 4, 4, 4]]), "annotation 2: x 4 to 4"),
        ("mask_outside", lambda r, i: i["annotations"][1].update(
            segmentation=[[30, 2, 38, 2, 38, 6]]),
         "annotation 2: x 30 to 38, y 2 to 6, height 12 and width 20"),
        ("mask_outside", lambda r, i: i["annotations"][1].update(
            segmentation=[[3, -9, 8, -9, 8, -1]]), "y -9 to -1"),
        ("mask_cut", lambda r, i: i["annotations"][1].update(
            segmentation=[[3, 2, 22, 2, 22, 6]]), "annotation 2: x 3 to 22"),
        ("malformed_mask", lambda r, i: i["annotations"][1].update(
            segmentation=[[3, 2, 8, 2]]), "annotation 2: part 0"),
        ("malformed_mask", lambda r, i: i["annotations"][1].update(
            segmentation={"size": [20, 12], "counts": [240]}), "annotation 2: part 0"),
        ("malformed_mask", lambda r, i: i["annotations"][1].update(segmentation=[]),
         "has no part"),
        ("malformed_entry", lambda r, i: r[0].pop("split"),
         "entry 0 (ref_id 1) has no field 'split'"),
        ("malformed_entry", lambda r, i: r.append(7), "entry 4 is a int"),
        ("malformed_entry", lambda r, i: r[0].update(ann_id=[1, "2"]),
         "'ann_id' is [1, '2']"),
        ("malformed_entry", lambda r, i: r[0].update(sentences=["red"]),
         "entry 0 (ref_id 1), sentence 0 is a str"),
        ("malformed_entry", lambda r, i: i["images"][0].update(height=10**12),
         "image 101: height 1000000000000 and width 20 are no size"),
        ("malformed_entry", lambda r, i: i["annotations"][0].pop("segmentation"),
         "annotation 1 has no field 'segmentation'"),
        ("malformed_entry", lambda r, i: i["images"].append({"id": True}),
         "images[3]: 'id' is True"),
        ("unreadable_file", lambda r, i: i.pop("images"), "no field 'images'"),
        ("shared_pictures", lambda r, i: r.append(
            reference(5, 101, "val", ann_id=1)),
         "cups (unc): train and val share 1 pictures, the first of them 101"),
    ],
)  # fmt: skip
def test_what_is_broken_is_found_and_named(tmp_path, kind, change, example):
    found = broken(tmp_path, change)
    assert kind in found
    assert example in " ".join(found[kind][1])
    # Nothing else is taken for wrong, but what follows from it.
    follows = {"no_such_image", "duplicate_id"} if kind == "unreadable_file" else {}
    assert set(found) - {kind} <= set(follows)


def test_everything_is_counted_and_some_named(tmp_path):
    def change(entries, instances):
        for number in range(20):
            entries.append(reference(100 + number, 999, "train", ann_id=1))

    count, examples = broken(tmp_path, change)["no_such_image"]
    assert count == 20
    assert len(examples) == 5


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"7", b"\xff\xfe", b"null"])
@pytest.mark.parametrize("name", ["instances.json", "refs(unc).p", "refs(unc).json"])
def test_files_of_something_else_are_one_finding(tmp_path, name, content):
    folder = write_refer(tmp_path, references())
    (folder / name).write_bytes(content)
    found = findings(tmp_path)
    if content == b"[]" and name == "refs(unc).json":  # a partition of no reference
        assert set(found) == {"not_compared"}
        return
    assert found["unreadable_file"][0] == 1
    assert name in found["unreadable_file"][1][0]
    assert set(found) <= {"unreadable_file", "not_compared"}


def test_missing_files_are_named(tmp_path):
    folder = write_refer(tmp_path, references())
    (folder / "refs(unc).p").rename(tmp_path / "refs(unc).p")
    message = "cups has no refs(unc).p or the like: in "
    assert message in findings(tmp_path, "cups")["unreadable_file"][1][0]
    (tmp_path / "refs(unc).p").rename(folder / "refs(unc).p")
    (folder / "instances.json").unlink()
    assert "instances.json is not there" in findings(tmp_path)["unreadable_file"][1][0]


def test_a_folder_without_data_says_what_lies_there(tmp_path):
    (tmp_path / "thesis").mkdir()
    with pytest.raises(FileNotFoundError, match=r"no dataset in .*there is thesis\."):
        examine(tmp_path, (), Options())
    with pytest.raises(FileNotFoundError, match=r"no folder .*dta: in .* is thesis"):
        examine(tmp_path / "dta", (), Options())
    write_refer(tmp_path, references())
    with pytest.raises(FileNotFoundError, match=r"no dataset plates in .*there is cup"):
        examine(tmp_path, ("plates",), Options())


# ----- the pictures


@pytest.fixture
def picture(tmp_path):
    write_refer(tmp_path, references())
    return tmp_path / IMAGES / picture_name(102)


def test_a_missing_picture(tmp_path, picture):
    picture.unlink()
    assert findings(tmp_path)["missing_picture"] == (1, [str(picture)])


def test_a_picture_of_another_kind_or_none(tmp_path, picture):
    for content in (b"<html>", b""):
        picture.write_bytes(content)
        assert str(picture) in findings(tmp_path)["broken_picture"][1][0]
    picture.unlink()
    picture.mkdir()
    assert kinds(tmp_path) == {"missing_picture"}


def test_a_picture_that_is_cut_off_is_found_without_decoding_the_others(
    tmp_path, picture
):
    write_picture(picture, height=12, width=20)
    picture.write_bytes(picture.read_bytes()[:-200])
    assert kinds(tmp_path) == {"broken_picture"}


def test_damage_in_the_middle_needs_decoding(tmp_path, picture):
    write_picture(picture, height=12, width=20)
    content = bytearray(picture.read_bytes())
    start = content.index(b"\xff\xc0")  # the frame's header: twelve bits a sample
    content[start + 4] = 12
    picture.write_bytes(bytes(content))
    assert kinds(tmp_path, decode=True) == {"broken_picture"}


def test_a_picture_of_another_size(tmp_path, picture):
    write_picture(picture, height=20, width=12)
    count, examples = findings(tmp_path)["other_size"]
    assert count == 1
    assert "is of height 20 and width 12, annotated are 12 and 20" in examples[0]


def test_no_folder_of_pictures(tmp_path, picture):
    folder = tmp_path / "images"
    folder.rename(tmp_path / "photographs")
    there = str(tmp_path / "photographs" / "mscoco/images/train2014")
    assert kinds(tmp_path) == {"no_picture_folder"}
    assert not kinds(tmp_path, pictures=False)
    assert not kinds(tmp_path, image_dir=there)
    assert not kinds(tmp_path, image_dir="photographs/mscoco/images/train2014")
    wrong = "photographs/mscoco/images"
    assert kinds(tmp_path, image_dir=wrong) == {"missing_picture"}
    wrong = "photographs/mscoco/images/val2014"
    (place,) = findings(tmp_path, image_dir=wrong)["no_picture_folder"][1]
    assert f"give --image-dir {there}, where they are" in place


@pytest.mark.parametrize("name", ["a\0b.jpg", "x" * 300, "", ".."])
def test_file_names_that_no_file_can_have(tmp_path, name):
    def change(entries, instances):
        instances["images"][1]["file_name"] = name

    assert set(broken(tmp_path, change)) <= {"missing_picture", "broken_picture"}


# ----- overlapping parts


def test_overlapping_parts_are_counted_in_references(tmp_path):
    shifted = [number + 2 for number in SQUARE]

    def change(entries, instances):
        instances["annotations"][0]["segmentation"] = [SQUARE, shifted]
        instances["annotations"][1]["segmentation"] = [SQUARE, [12, 2, 15, 2, 15, 6]]

    count, (text,) = broken(tmp_path, change)["overlapping_parts"]
    union = decode_segmentations([[SQUARE, shifted]], 12, 20)
    parts = [decode_segmentations([[part]], 12, 20) for part in (SQUARE, shifted)]
    doubled = int((np.sum(parts, axis=0) > 1).sum())
    assert doubled > 0
    assert count == 1
    assert text == (
        f"cups (unc): 1 of 4 references (2 sentences); {doubled} of the "
        f"{int(union.sum())} pixels of their masks are covered twice and more; "
        "annotations 1"
    )


def test_the_api_gives_another_area_for_just_these(test_data):
    root = test_data / "mini_refcoco"
    expected = json.loads((root / "expected.json").read_text())["refcoco"]["sentences"]
    different = {
        entry["ann_id"]
        for entry in expected.values()
        if entry.get("api_area", entry["area"]) != entry["area"]
    }
    count, (text,) = findings(root, "refcoco")["overlapping_parts"]
    assert text.endswith(f"annotations {', '.join(map(str, sorted(different)))}")
    assert count == len(different) == 2


# ----- published counts


def test_real_data_of_another_size_are_no_error(test_data):
    reports = examine(test_data / "mini_refcoco", (), Options(decode=True))
    assert [report.folder.name for report in reports] == [
        "grefcoco",
        "refcoco",
        "refcocog",
    ]
    for report in reports:
        found = {entry.kind for entry in report.findings.sorted()}
        assert found - {"no_sentences"} == {"not_published", "overlapping_parts"}
    assert number_of_findings(reports)["error"] == 0


@pytest.fixture
def few(monkeypatch):
    """The test's own data as published: the folder of one reference less differs."""
    numbers = {"train": (1, 2, 4), "val": (1, 1, 2), "testA": (1, 1, 2)}
    rows = [
        PublishedCount(
            "cups", "unc", split, *(PublishedNumber(number, "test") for number in row)
        )
        for split, row in numbers.items()
    ]
    monkeypatch.setattr(count_checks, "PUBLISHED_COUNTS", rows)


@pytest.mark.usefixtures("few")
def test_published_numbers_are_equal(tmp_path):
    write_refer(tmp_path, references())
    assert findings(tmp_path, strict=True) == {}
    (report,) = examine(tmp_path, (), Options())
    text = report_text([report])
    assert "train       1           2          4  equal" in text
    assert "nothing to complain about" in text


@pytest.mark.usefixtures("few")
def test_one_reference_less_is_an_error(tmp_path):
    write_refer(tmp_path, references()[1:])
    count, (text,) = findings(tmp_path)["other_count"]
    assert count == 1
    assert text.endswith(
        "refs(unc).p, split train: 1 references instead of 2, 2 sentences instead of 4"
    )


@pytest.mark.usefixtures("few")
def test_a_missing_split_is_an_error(tmp_path):
    write_refer(tmp_path, references()[:-1])
    count, (text,) = findings(tmp_path)["other_count"]
    assert count == 1
    assert "split testA: 0 images instead of 1, 0 references instead of 1" in text


def test_a_number_of_a_whole_partition_is_a_warning(tmp_path, monkeypatch):
    row = PublishedCount("cups", "unc", WHOLE, PublishedNumber(4, "test"))
    monkeypatch.setattr(count_checks, "PUBLISHED_COUNTS", [row])
    write_refer(tmp_path, references())
    assert kinds(tmp_path) == {"doubtful_count"}
    text = report_text(examine(tmp_path, (), Options()))
    assert "all         3           4          8  3 images instead of 4" in text


def test_the_real_sentences_have_the_published_counts(test_data, tmp_path):
    """Of the evaluation splits; the others are not there, which is what differs."""
    images = write_real_sentences(test_data, tmp_path)
    found = {}
    for folder in (tmp_path, tmp_path / "umd", tmp_path / "google"):
        for report in examine(folder, (), Options(pictures=False)):
            (partition,) = report.partitions
            content = partition.content
            for count in partition.counts:
                if not count.differences():
                    assert set(count.published) == {
                        "images",
                        "references",
                        "sentences",
                    }
                    found[content.dataset, content.partition, count.split] = count
            (finding,) = report.findings.sorted()
            assert finding.kind == "other_count"
            (example,) = finding.examples
            names = ("train", "test") if folder.name == "google" else ("train",)
            assert any(
                f"split {name}: 0 images instead of" in example for name in names
            )
    assert set(found) == set(images)
    text = (test_data / "refcoco_text" / "README.md").read_text(encoding="utf-8")
    for (dataset, partition, split), count in found.items():
        row = " | ".join(f"{number:,}" for number in count.found.values())
        assert f"| {dataset}_{partition}_{split} | {row} |" in text


def test_a_sample_is_an_error_where_the_published_data_are_expected(tmp_path):
    write_refer(tmp_path, references(), dataset="refcoco")
    assert kinds(tmp_path) == {"not_published"}
    count, _ = findings(tmp_path, strict=True)["other_count"]
    assert count == 4


def test_a_google_partition_shares_pictures_as_published(tmp_path):
    entries = [*references(), reference(5, 101, "val")]
    write_refer(tmp_path, entries, dataset="refcocog", partition="google")
    assert "shared_by_design" in findings(tmp_path)
    assert RULES["shared_by_design"].severity == "note"
    write_refer(tmp_path, entries, dataset="refcocog", partition="umd")
    found = findings(tmp_path)
    assert {"shared_by_design", "shared_pictures"} <= set(found)
    assert "refcocog (umd): train and val" in found["shared_pictures"][1][0]


# ----- the report


def test_the_report_names_kinds_places_and_advice(tmp_path):
    def change(entries, instances):
        instances["annotations"][1]["segmentation"] = [[4, 4, 4, 4, 4, 4]]
        annotation(1, 1)
        entries[0]["sentences"].append(sentence(90, " "))

    broken(tmp_path, change)
    reports = examine(tmp_path, (), Options())
    lines = report_text(reports).splitlines()
    assert lines[0] == str(tmp_path / "cups")
    assert lines[1] == "  cups (unc)"
    assert "  error    masks without a pixel: 1" in lines
    assert "           Draw them, or remove their references." in lines
    assert lines[-1] == "1 kind of error, 1 kind of warning, 1 kind of note"
    (content,) = (json.loads(json.dumps(report.to_json())) for report in reports)
    assert content["partitions"][0]["splits"][0]["sentences"] == 5
    assert [entry["severity"] for entry in content["findings"]] == [
        "error",
        "warning",
        "note",
    ]
