"""Files in the layout of REFER become records, and their mistakes are named."""

from __future__ import annotations

import copy
import json
import pickle

import numpy as np
import pytest

from mmris.datasets import blank_sentences, decode_segmentations
from mmris.datasets.refer_files import read_refer_records

SQUARE = [[1, 1, 5, 1, 5, 5, 1, 5]]


def sentence(number, text="Red, Cup!", **more):
    return {
        "sent_id": number,
        "sent": text.lower().replace(",", "").replace("!", ""),
        "raw": text,
        "tokens": text.split(),
        **more,
    }


def reference(number, image, split, sentences, annotation=None):
    return {
        "ref_id": number,
        "image_id": image,
        "ann_id": number * 10 if annotation is None else annotation,
        "category_id": 3,
        "file_name": f"names_no_picture_{number}.jpg",
        "split": split,
        "sent_ids": [entry["sent_id"] for entry in sentences],
        "sentences": sentences,
    }


REFERENCES = [
    reference(1, 102, "train", [sentence(0), sentence(1, "Left Cup", kind="place")]),
    reference(2, 101, "train", [sentence(2)]),
    reference(3, 102, "train", [sentence(3)]),
    reference(4, 103, "testA", [sentence(4)]),
    reference(5, 103, "testB", [sentence(5)]),
    reference(6, 101, "testAB", [sentence(6)]),
    reference(7, 101, "train", []),
]
INSTANCES = {
    "images": [
        {"id": number, "file_name": f"{number}.jpg", "height": 8, "width": 10}
        for number in (101, 102, 103)
    ],
    "annotations": [
        {
            "id": entry["ref_id"] * 10,
            "image_id": entry["image_id"],
            "category_id": 3,
            "segmentation": SQUARE,
            "iscrowd": 0,
        }
        for entry in REFERENCES
    ],
    "categories": [],
}


@pytest.fixture
def content():
    return copy.deepcopy(REFERENCES), copy.deepcopy(INSTANCES)


@pytest.fixture
def read(tmp_path):
    def _read(references, instances, split="train", suffix="p", **options):
        path = tmp_path / f"refs(unc).{suffix}"
        if suffix == "p":
            path.write_bytes(pickle.dumps(references, 2))
        else:
            path.write_text(json.dumps(references))
        (tmp_path / "instances.json").write_text(json.dumps(instances))
        return read_refer_records(tmp_path, partition="unc", split=split, **options)

    return _read


def test_a_split_without_any_sentence_is_refused(content, read):
    references, instances = content
    references[3]["sentences"] = references[5]["sentences"] = []
    message = r"refs\(unc\).p: no reference of split 'testA' has a sentence"
    with pytest.raises(ValueError, match=message):
        read(references, instances, split="testA")


@pytest.mark.parametrize("suffix", ["p", "json"])
def test_records_are_one_an_image_and_joined_by_image_id(content, read, suffix):
    records = read(*content, suffix=suffix)
    assert [record["image_id"] for record in records] == [102, 101]
    assert [record["file_name"] for record in records] == ["102.jpg", "101.jpg"]
    assert records[0] == {
        "image_id": 102,
        "file_name": "102.jpg",
        "height": 8,
        "width": 10,
        "references": [
            {
                "ref_id": 1,
                "ann_ids": [10],
                "category_id": 3,
                "num_distractors": 1,
                "segmentations": [SQUARE],
                "sentences": [
                    {"sent_id": 0, "text": "red cup", "kind": ""},
                    {"sent_id": 1, "text": "left cup", "kind": "place"},
                ],
            },
            {
                "ref_id": 3,
                "ann_ids": [30],
                "category_id": 3,
                "num_distractors": 1,
                "segmentations": [SQUARE],
                "sentences": [{"sent_id": 3, "text": "red cup", "kind": ""}],
            },
        ],
    }


def test_references_without_sentences_are_left_out(content, read):
    records = read(*content)
    numbers = [entry["ref_id"] for record in records for entry in record["references"]]
    assert numbers == [1, 3, 2]


def test_text_as_typed_on_request(content, read):
    records = read(*content, text_field="raw")
    assert records[0]["references"][0]["sentences"][0]["text"] == "Red, Cup!"


@pytest.mark.parametrize(
    ("split", "numbers"),
    [
        ("train", [1, 3, 2]),
        ("testA", [4, 6]),
        ("testB", [5, 6]),
        ("testAB", [6]),
        ("test", [4, 5, 6]),
    ],
)
def test_splits_match_as_in_refer(content, read, split, numbers):
    records = read(*content, split=split)
    found = [entry["ref_id"] for record in records for entry in record["references"]]
    assert found == numbers


def test_the_json_file_is_read_where_both_exist(content, read, tmp_path):
    read(*content)
    (tmp_path / "refs(unc).p").write_bytes(b"nonsense")
    (tmp_path / "refs(unc).json").write_text(json.dumps(content[0]))
    assert read_refer_records(tmp_path, partition="unc", split="train")


def test_several_annotations_make_one_reference(content, read):
    references, instances = content
    references[0]["ann_id"] = [10, 30]
    references[0]["category_id"] = [3, 3]
    references[1]["ann_id"] = [-1]
    references[1]["category_id"] = [-1]
    references[2]["category_id"] = [3, 4]
    first, second = read(references, instances)
    assert first["references"][0]["ann_ids"] == [10, 30]
    assert first["references"][0]["segmentations"] == [SQUARE, SQUARE]
    assert first["references"][0]["category_id"] == 3
    assert first["references"][1]["category_id"] == -1
    assert second["references"][0]["ann_ids"] == []
    assert second["references"][0]["segmentations"] == []


def test_crowds_are_left_out_beside_single_objects(content, read):
    references, instances = content
    references[0]["ann_id"] = [10, 30]
    references[2]["ann_id"] = 30
    instances["annotations"][2]["iscrowd"] = 1
    first, _ = read(references, instances)
    assert first["references"][0]["ann_ids"] == [10]
    assert first["references"][0]["segmentations"] == [SQUARE]
    # Where nothing else is meant, the crowd is.
    assert first["references"][1]["ann_ids"] == [30]


@pytest.mark.parametrize("suffix", ["p", "json"])
def test_grefcocos_file_is_read(content, tmp_path, suffix):
    references, instances = content
    references[1].update(ann_id=[-1], category_id=[-1], no_target=True)
    references[0].update(no_target=False)
    path = tmp_path / f"grefs(unc).{suffix}"
    if suffix == "p":
        path.write_bytes(pickle.dumps(references, 2))
    else:
        path.write_text(json.dumps(references))
    (tmp_path / "instances.json").write_text(json.dumps(instances))
    _, second = read_refer_records(tmp_path, partition="unc", split="train")
    assert second["references"][0]["segmentations"] == []
    with pytest.raises(FileNotFoundError, match=r"partitions there: \['unc'\]"):
        read_refer_records(tmp_path, partition="umd", split="train")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"ann_id": [-1, 10]}, r"'ann_id' is \[-1, 10\]; -1, which means nothing, st"),
        ({"ann_id": [10, 10]}, r"'ann_id' is \[10, 10\]; an id stands twice"),
        ({"no_target": True}, "'no_target' is True, but 'ann_id' is .* wrong"),
        ({"ann_id": [-1], "no_target": False}, "'no_target' is False, but 'ann_id'"),
    ],
)
def test_targets_that_contradict_each_other_are_refused(content, read, fields, message):
    references, instances = content
    references[0].update(fields)
    with pytest.raises(ValueError, match=f"entry 0 .ref_id 1.: {message}"):
        read(references, instances)


def test_run_lengths_and_the_splits_of_refclef(content, read):
    references, instances = content
    encoding = {"size": [8, 10], "counts": [9, 5, 66]}
    for annotation in instances["annotations"]:
        annotation["segmentation"] = [encoding]
    for reference, split in zip(
        references, ["train", "val", "testA", "testB", "testC", "testBC", "test"]
    ):
        reference["split"] = split
    numbers = {
        split: [
            entry["ref_id"]
            for record in read(references, instances, split=split)
            for entry in record["references"]
        ]
        for split in ("testA", "testB", "testC", "testBC", "test", "val")
    }
    assert numbers == {
        "testA": [3],
        "testB": [4, 6],
        "testC": [5, 6],
        "testBC": [6],
        "test": [3, 4, 5, 6],
        "val": [2],
    }
    record = read(references, instances, split="val")[0]
    mask = decode_segmentations(record["references"][0]["segmentations"], 8, 10)
    assert np.flatnonzero(mask.T).tolist() == [9, 10, 11, 12, 13]


@pytest.mark.parametrize("split", ["valid", "testC", "Train"])
def test_an_unknown_split_lists_the_known_ones(content, read, split):
    known = r"\['testA', 'testAB', 'testB', 'train'\].*'split'"
    with pytest.raises(ValueError, match=f"no split '{split}'.*{known}"):
        read(*content, split=split)


def test_an_unknown_partition_lists_the_known_ones(content, read, tmp_path):
    read(*content)
    read(*content, suffix="json")
    (tmp_path / "refs(google).p").write_bytes(b"")
    message = r"refs\(umd\).p.*\['google', 'unc'\].*'partition'"
    with pytest.raises(FileNotFoundError, match=message):
        read_refer_records(tmp_path, partition="umd", split="train")


def test_an_empty_folder_has_no_partition(tmp_path):
    with pytest.raises(FileNotFoundError, match="partitions there: none"):
        read_refer_records(tmp_path, partition="umd", split="train")


def test_an_unknown_text_field_is_refused(content, read):
    with pytest.raises(ValueError, match=r"text_field is 'text'.*'sent', 'raw'"):
        read(*content, text_field="text")


def test_a_file_of_another_kind_is_refused(content, read):
    with pytest.raises(
        ValueError, match=r"refs\(unc\).p holds a dict; expected a list"
    ):
        read({"refs": []}, content[1])


@pytest.mark.parametrize("name", ["refs(unc).json", "instances.json"])
@pytest.mark.parametrize("text", ["", '[{"a": ', "[" * 100_000, "\udcff"])
def test_a_broken_json_file_is_named(content, read, tmp_path, name, text):
    read(*content, suffix="json")
    (tmp_path / name).write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ValueError, match="is no complete JSON file") as caught:
        read_refer_records(tmp_path, partition="unc", split="train")
    assert name in str(caught.value)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("split", ..., "entry 2 has no field 'split'; it has"),
        ("split", 3, "entry 2: 'split' is 3; expected str"),
        ("ref_id", ..., "entry 2 has no field 'ref_id'"),
        ("ref_id", "3", "entry 2: 'ref_id' is '3'; expected int"),
        ("ref_id", True, "entry 2: 'ref_id' is True; expected int"),
        ("ref_id", 1, "ref_id 1 stands twice"),
        ("image_id", ..., r"entry 2 \(ref_id 3\) has no field 'image_id'"),
        ("image_id", 9, "ref_id 3: image_id 9 is not among the images of"),
        ("image_id", 101, "ref_id 3 is of image 101, but its annotation 30 in"),
        ("ann_id", ..., r"entry 2 \(ref_id 3\) has no field 'ann_id'"),
        ("ann_id", "30", "'ann_id' is '30'; expected int or list"),
        ("ann_id", ["30"], r"'ann_id' is \['30'\]; expected ids"),
        ("ann_id", [], r"'ann_id' is \[\]; expected ids"),
        ("ann_id", 99, "ref_id 3: ann_id 99 is not among the annotations of"),
        ("category_id", ..., r"entry 2 \(ref_id 3\) has no field 'category_id'"),
        ("category_id", 1.5, "'category_id' is 1.5; expected int or list"),
        ("sentences", ..., r"entry 2 \(ref_id 3\) has no field 'sentences'"),
        ("sentences", "red cup", "'sentences' is 'red cup'; expected list"),
        ("sentences", ["red cup"], "sentence 0 is a str; expected a dictionary"),
        ("sentences", [{"sent": "a"}], "sentence 0 has no field 'sent_id'"),
        ("sentences", [{"sent_id": 8}], "sentence 0 has no field 'sent'"),
        ("sentences", [{"sent_id": 8, "sent": 1}], "'sent' is 1; expected str"),
        ("sentences", [sentence(2)], "sent_id 2 stands twice"),
    ],
)
def test_a_wrong_field_of_a_reference_is_named(content, read, field, value, message):
    references, instances = content
    if value is ...:
        del references[2][field]
    else:
        references[2][field] = value
    with pytest.raises(ValueError, match=message) as caught:
        read(references, instances)
    assert "refs(unc).p" in str(caught.value)


def test_an_entry_that_is_no_dictionary_is_named(content, read):
    references, instances = content
    references[2] = [1]
    with pytest.raises(ValueError, match=r"refs\(unc\).p, entry 2 is a list"):
        read(references, instances)


@pytest.mark.parametrize(
    ("table", "field", "value", "message"),
    [
        ("images", "id", ..., r"images\[1\] has no field 'id'"),
        ("images", "id", "102", r"images\[1\]: 'id' is '102'"),
        ("images", "id", 101, "id 101 stands twice in 'images'"),
        ("images", "file_name", ..., "image 102 has no field 'file_name'"),
        ("images", "file_name", "", "image 102: 'file_name' is ''; expected that of"),
        ("images", "file_name", "..", "image 102: 'file_name' is '..'; expected"),
        ("images", "file_name", "a\0b", "image 102: 'file_name' is .*; expected"),
        ("images", "file_name", "\ud800.jpg", "image 102: 'file_name' is .*; expected"),
        ("images", "height", ..., "image 102 has no field 'height'"),
        ("images", "width", 10.0, "image 102: 'width' is 10.0"),
        ("annotations", "id", ..., r"annotations\[1\] has no field 'id'"),
        ("annotations", "id", 10, "id 10 stands twice in 'annotations'"),
        ("annotations", "image_id", ..., "annotation 20 has no field 'image_id'"),
        ("annotations", "segmentation", ..., "annotation 20 has no field 'segm"),
        ("annotations", "segmentation", "x", "'segmentation' is 'x'"),
        ("annotations", "segmentation", [], "annotation 20: 'segmentation' is empty"),
    ],
)
def test_a_wrong_field_of_the_instances_is_named(
    content, read, table, field, value, message
):
    references, instances = content
    if value is ...:
        del instances[table][1][field]
    else:
        instances[table][1][field] = value
    with pytest.raises(ValueError, match=message) as caught:
        read(references, instances)
    assert "instances.json" in str(caught.value)


def test_instances_without_a_table_are_named(content, read):
    references, instances = content
    del instances["images"]
    with pytest.raises(ValueError, match=r"instances.json has no field 'images'"):
        read(references, instances)
    with pytest.raises(ValueError, match=r"instances.json is a list"):
        read(references, [])


@pytest.mark.parametrize("text", ["", " \t\n"])
def test_sentences_without_text_are_left_out_and_told(content, read, monkeypatch, text):
    said = []
    say = lambda line, **_: said.append(line)  # noqa: E731
    monkeypatch.setattr(blank_sentences, "print_log", say)
    references, instances = content
    references[0]["sentences"][1]["sent"] = text
    references[1]["sentences"][0]["sent"] = text
    records = read(references, instances)
    found = [
        sentence["sent_id"]
        for record in records
        for reference in record["references"]
        for sentence in reference["sentences"]
    ]
    assert found == [0, 3]
    assert [rec["image_id"] for rec in records] == [102]
    (message,) = said
    assert "2 sentences have no text and are left out, the first of them" in message
    assert message.endswith("sent_id 1")
