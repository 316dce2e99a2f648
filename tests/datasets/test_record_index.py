"""Records laid out in a block come back, and no other block is taken for one."""

from __future__ import annotations

import copy
import hashlib
import json
import pickle

import numpy as np
import pytest

from mmris.datasets.record_index import DamagedIndexError, RecordIndex

KEY = bytes(range(32))
HEAD = 16 + 32 + 32 + 24


def make_records():
    numbers = iter(range(1000))
    return [
        {
            "image_id": image_id,
            "file_name": f"{image_id}.jpg",
            "height": 4,
            "width": 6,
            "references": [
                {
                    "ref_id": 10 * position + number,
                    "ann_ids": [900100520707 + number],
                    "category_id": 1,
                    "segmentations": [[[0.1, 0.2, 5.0, 1e-7, 3.25, 2]]],
                    "sentences": [
                        {"sent_id": next(numbers), "text": text, "kind": ""}
                        for text in ["café 杯", 'a "cup"\n', "\ud83d half", ""][:count]
                    ],
                }
                for number, count in enumerate(counts)
            ],
        }
        for position, (image_id, counts) in enumerate(
            [(7, [2]), (-3, [1, 4, 3]), (2**62, [1, 1])]
        )
    ]


@pytest.fixture
def records():
    return make_records()


@pytest.fixture
def index(records):
    return RecordIndex.from_records(records, KEY)


@pytest.fixture
def path(index, tmp_path):
    path = tmp_path / "a.index"
    path.write_bytes(index.block)
    return path


def test_records_come_back_from_memory_and_file(records, index, path):
    for opened in (index, RecordIndex.open(path)):
        assert len(opened) == 3
        assert [opened.record(position) for position in range(3)] == records
        assert opened.key == KEY
        np.testing.assert_array_equal(opened.image_ids, [7, -3, 2**62])
        np.testing.assert_array_equal(opened.num_references, [1, 3, 2])
        np.testing.assert_array_equal(opened.num_sentences, [2, 1, 4, 3, 1, 1])


@pytest.mark.parametrize("chosen", [[0, 1, 2], [2, 0], [1], [1, 1], []])
def test_counts_are_those_of_the_chosen_records(records, index, chosen):
    references, sentences = index.counts(np.asarray(chosen, dtype=np.int64))
    groups = [records[position]["references"] for position in chosen]
    assert references.tolist() == [len(group) for group in groups]
    expected = [len(entry["sentences"]) for group in groups for entry in group]
    assert sentences.tolist() == expected


def test_a_file_is_mapped_and_not_copied(path):
    index = RecordIndex.open(path)
    assert isinstance(index.block, np.memmap)
    assert not index.block.flags.writeable
    assert all(
        np.shares_memory(part, index.block)
        for part in (index.image_ids, index.num_references, index.num_sentences)
    )


def test_any_changed_byte_is_noticed(path):
    content = path.read_bytes()
    outside_the_digest = [n for n in range(len(content)) if not 48 <= n < 80]
    for position in [*outside_the_digest[::7], 48, 79, len(content) - 1]:
        changed = bytearray(content)
        changed[position] ^= 1
        path.write_bytes(changed)
        with pytest.raises(DamagedIndexError):
            RecordIndex.open(path)


def test_a_cut_or_longer_file_is_noticed(path):
    content = path.read_bytes()
    for changed in [content[:length] for length in range(0, len(content), 11)]:
        path.write_bytes(changed)
        with pytest.raises(DamagedIndexError):
            RecordIndex.open(path)
    path.write_bytes(content + b" ")
    with pytest.raises(DamagedIndexError):
        RecordIndex.open(path)


def forge(path, change):
    """Change the file and give it a checksum that fits."""
    content = bytearray(path.read_bytes())
    numbers = np.frombuffer(content, dtype="<i8", offset=80, count=3 + 3 + 4 + 3 + 6)
    content = change(numbers, content) or content
    content[16:48] = hashlib.sha256(content[48:]).digest()
    path.write_bytes(content)


TABLES = {
    "images": (0, 4),
    "no images": (0, 0),
    "references": (1, 2**61),
    "negative": (2, -1),
    "first bound": (6, 1),
    "bound": (7, -(2**40)),
    "bound too far": (8, 2**40),
    "last bound": (9, 5),
    "references of an image": (10, 2),
    "no sentence": (13, 0),
    "negative sentences": (14, -4),
}


@pytest.mark.parametrize("name", list(TABLES))
def test_tables_that_contradict_each_other_are_refused(path, name):
    position, value = TABLES[name]

    def change(numbers, content):
        numbers[position] = value

    forge(path, change)
    with pytest.raises(DamagedIndexError, match=r"contradict|bytes and not"):
        RecordIndex.open(path)


@pytest.mark.parametrize(
    "document", ["[" * 100_000, "{}", "[]", '{"image_id": 8}', "\ud800", "1"]
)
def test_a_document_that_is_no_record_is_refused(path, document):
    start = HEAD + (3 + 4 + 3 + 6) * 8

    def change(numbers, content):
        first = numbers[7]
        text = document.encode("utf-8", "surrogatepass")
        numbers[7:10] += len(text) - first
        numbers[2] = numbers[9]
        return content[:start] + text + content[start + first :]

    forge(path, change)
    opened = RecordIndex.open(path)
    with pytest.raises(ValueError, match=r"a\.index is damaged. Delete it"):
        opened.record(0)
    assert opened.record(1)["image_id"] == -3


def test_segmentations_are_decoded_when_they_are_wanted(records, index):
    folded = index.folded_record(1)
    for entry, expected in zip(
        folded["references"], records[1]["references"], strict=True
    ):
        assert isinstance(entry["segmentations"], str)
        assert index.unfolded(entry.pop("segmentations")) == expected["segmentations"]
        assert entry == {k: v for k, v in expected.items() if k != "segmentations"}


@pytest.mark.parametrize("text", ["", "[1", "{}", "[" * 100_000, None, 3])
def test_segmentations_that_are_none_are_refused(index, text):
    with pytest.raises(ValueError, match=r"is damaged. Delete it"):
        index.unfolded(text)


def test_another_process_maps_the_file_by_itself(path, records):
    sent = pickle.dumps(RecordIndex.open(path))
    assert len(sent) < 1000
    assert pickle.loads(sent).record(1) == records[1]


def test_a_block_in_memory_is_sent_along(index, records):
    sent = pickle.loads(pickle.dumps(index))
    assert sent.record(1) == records[1]
    assert sent.path is None


def test_another_process_refuses_a_file_that_was_made_anew(path, records):
    sent = pickle.dumps(RecordIndex.open(path))
    records[0]["width"] = 7
    path.write_bytes(RecordIndex.from_records(records, KEY).block)
    with pytest.raises(ValueError, match=r"a\.index was made anew.*Start again"):
        pickle.loads(sent)
    path.unlink()
    with pytest.raises(ValueError, match=r"a\.index is gone: .*Start again"):
        pickle.loads(sent)


def test_copies_share_the_block(index):
    assert copy.deepcopy(index) is index


def test_documents_are_readable_json(index, records):
    folded = index.folded_record(2)
    text = index.block[-len(json.dumps(folded, separators=(",", ":"))) :]
    document = json.loads(text.tobytes())
    assert document == folded
    for entry in document["references"]:
        entry["segmentations"] = json.loads(entry["segmentations"])
    assert document == records[2]
