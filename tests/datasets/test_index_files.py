"""Large annotation files are read once; their index is used only where it is right."""

from __future__ import annotations

import errno
import logging
import multiprocessing
import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest

from mmris.datasets import LoadRefImage, LoadRefMasks, ReferDataset, index_files
from mmris.datasets.record_index import RecordIndex
from mmris.datasets.refer_files import read_refer_records
from mmris.datasets.shapes.refer_layout import write_refer_layout

IMAGES = "images/mscoco/images/train2014"


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    root = tmp_path_factory.mktemp("scenes") / "data"
    numbers = {"train": 6, "val": 2, "testA": 0, "testB": 0}
    write_refer_layout(root, num_images=numbers, options={})
    return root


@pytest.fixture
def root(written, tmp_path, monkeypatch):
    """A data root of one's own whose files count as large, and an empty cache."""
    monkeypatch.setattr(index_files, "SMALL", 0)
    monkeypatch.delenv(index_files.FOLDER_VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return Path(shutil.copytree(written, tmp_path / "data"))


@pytest.fixture
def said(monkeypatch):
    lines = []

    def note(line, logger, level=logging.INFO):
        lines.append((level, line))

    monkeypatch.setattr(index_files, "print_log", note)
    return lines


def make(root, split="train", **options):
    return ReferDataset(
        dataset="shapes", partition="unc", split=split, data_root=str(root), **options
    )


def records(dataset):
    return [dataset.record(position) for position in range(dataset.num_images)]


def index_of(root, name="refs(unc)-shapes-train-sent.index"):
    return root / "shapes" / ".mmris_index" / name


@pytest.fixture
def unread(monkeypatch):
    """Have the annotation files refused."""

    def _unread():
        def refuse(*_, **__):
            raise AssertionError("the annotation files were read")

        monkeypatch.setattr("mmris.datasets.refer_dataset.read_refer_records", refuse)

    return _unread


def test_the_second_start_reads_the_index_alone(root, said, unread):
    first = records(make(root))
    assert [line for _, line in said] == [
        f"{root}/shapes/refs(unc).p was read in 0 s. Its index is kept in "
        f"{index_of(root)}; later starts read that"
    ]
    unread()
    said.clear()
    assert records(make(root)) == first
    assert said == []
    plain = read_refer_records(root / "shapes", partition="unc", split="train")
    for record, expected in zip(first, plain):
        assert record.pop("img_path") == f"{root / IMAGES}/{expected.pop('file_name')}"
        record.pop("sample_idx")
        assert record == expected


OPTIONS = [
    {"sampling": "sentence"},
    {"sampling": "reference"},
    {"sampling": "image", "expressions_per_image": 3},
    {"test_mode": True},
    {"indices": 3},
    {"indices": -2},
    {"indices": [5, 0, 5]},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_items_are_the_same_with_and_without_index(root, options):
    pipeline = [LoadRefImage(), LoadRefMasks()]
    plain = make(root, serialize_data=False, pipeline=pipeline, **options)
    assert not index_of(root).exists()
    for _ in range(2):
        indexed = make(root, pipeline=pipeline, **options)
        assert index_of(root).is_file()
        assert indexed.num_images == plain.num_images
        assert len(indexed) == len(plain)
        assert list(indexed.sentences()) == list(plain.sentences())
        for got, expected in zip(
            [indexed[item] for item in range(len(indexed))],
            [plain[item] for item in range(len(plain))],
            strict=True,
        ):
            assert got.keys() == expected.keys()
            for key, value in expected.items():
                np.testing.assert_equal(got[key], value, err_msg=key)
        plain._visits.zero_()
    last = indexed.num_images - 1
    assert indexed.record(-1) == indexed.record(last) == plain.record(last)


def test_no_record_is_left_without_an_index(root):
    with pytest.raises(ValueError, match=r"ReferDataset has no item.* indices \[\]"):
        make(root, indices=[])


def test_what_differs_by_split_or_text_has_an_index_of_its_own(root):
    make(root)
    make(root, split="val")
    make(root, text_field="raw")
    assert sorted(path.name for path in index_of(root).parent.iterdir()) == [
        "refs(unc)-shapes-train-raw.index",
        "refs(unc)-shapes-train-sent.index",
        "refs(unc)-shapes-val-sent.index",
    ]
    assert make(root).num_images == 6
    assert make(root, split="val").num_images == 2


def test_a_split_beyond_the_names_of_files_is_one_line(root):
    with pytest.raises(ValueError, match="no split"):
        make(root, split="../" * 200 + "train")
    assert not (root / "shapes" / ".mmris_index").exists()


def test_moved_pictures_and_data_keep_their_index(root, unread):
    make(root)
    moved = root.rename(root.with_name("moved"))
    (moved / IMAGES).rename(moved / "pictures")
    unread()
    dataset = make(moved, image_dir="pictures")
    assert Path(dataset.record(0)["img_path"]).parent == moved / "pictures"
    assert Path(dataset.record(0)["img_path"]).is_file()


@pytest.mark.parametrize("name", ["instances.json", "refs(unc).p"])
def test_a_change_of_one_byte_is_noticed_whatever_size_and_time(root, said, name):
    before = records(make(root))
    path = root / "shapes" / name
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    old, new = {
        "instances.json": (b'"width": 96', b'"width": 97'),
        "refs(unc).p": (b"train", b"Train"),
    }[name]
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new))
    os.utime(path, ns=times)
    said.clear()
    if name == "instances.json":
        after = records(make(root))
        assert [entry["width"] for entry in before] == [96] * 6
        assert [entry["width"] for entry in after] == [97] * 6
        assert "is not used: what it was made of, or mmris, has changed" in said[0][1]
        assert "Its index is kept in" in said[1][1]
    else:
        with pytest.raises(ValueError, match="no split 'train'"):
            make(root)


def test_a_new_version_makes_the_index_anew(root, said, monkeypatch):
    make(root)
    monkeypatch.setattr(index_files, "__version__", "99")
    said.clear()
    make(root)
    assert "has changed since" in said[0][1]


def damage_bytes(path):
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content)


DAMAGES = {
    "a changed byte": (damage_bytes, "its checksum is wrong"),
    "cut": (lambda path: os.truncate(path, 500), "its checksum is wrong"),
    "empty": (lambda path: path.write_bytes(b""), "it begins with b''"),
    "a pickle": (
        lambda path: path.write_bytes(pickle.dumps([1] * 99)),
        "it begins with b'",
    ),
}


@pytest.mark.parametrize("name", list(DAMAGES))
def test_a_damaged_index_is_made_anew(root, said, name):
    before = records(make(root))
    damage, message = DAMAGES[name]
    damage(index_of(root))
    said.clear()
    assert records(make(root)) == before
    assert f"is not used: {message}" in said[0][1]
    RecordIndex.open(index_of(root))


def test_a_folder_in_place_of_the_index_is_passed_over(root, said):
    index_of(root).mkdir(parents=True)
    assert make(root).num_images == 6
    assert "cache/mmris/shapes-" in said[-1][1]


def test_an_index_of_another_user_is_made_anew(root, said, monkeypatch):
    before = records(make(root))
    kept = index_files._is_trusted
    monkeypatch.setattr(index_files, "_is_trusted", lambda *_: kept(4242, *_[1:]))
    said.clear()
    assert records(make(root)) == before
    assert "belongs to another user" in said[0][1]


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="no users here")
def test_owners_that_are_trusted(root, monkeypatch):
    source = make(root).index_source()
    files = source.files[0].stat().st_uid
    monkeypatch.setattr(os, "getuid", lambda: 31)
    assert [index_files._is_trusted(n, source) for n in (0, 31, files, 32)] == [
        *[True] * 3,
        False,
    ]


def test_where_the_folder_cannot_be_written_the_users_cache_is(root, said, unread):
    index_of(root).parent.write_text("in the way")
    before = records(make(root))
    ((level, line),) = said
    assert level == logging.INFO
    assert "Its index is kept in" in line
    assert "cache/mmris/shapes-" in line
    assert f"not in {index_of(root).parent} (" in line
    unread()
    assert records(make(root)) == before


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_where_nothing_can_be_written_it_works_with_one_warning(
    root, said, monkeypatch, number
):
    def fail(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(index_files, "write_atomically", fail)
    dataset = make(root)
    assert dataset.num_images == 6
    ((level, line),) = said
    assert level == logging.WARNING
    assert line.count(os.strerror(number)) == 2
    assert "set MMRIS_INDEX_DIR to a folder that can be written" in line
    assert "\n" not in line
    assert pickle.loads(pickle.dumps(dataset)).record(1) == dataset.record(1)


def test_a_chosen_folder_holds_all_indices(root, said, monkeypatch, tmp_path, unread):
    monkeypatch.setenv(index_files.FOLDER_VARIABLE, str(tmp_path / "chosen"))
    make(root)
    assert not index_of(root).parent.exists()
    assert len(list((tmp_path / "chosen").rglob("*.index"))) == 1
    unread()
    make(root)


def test_on_request_none_is_kept(root, said, monkeypatch):
    monkeypatch.setenv(index_files.FOLDER_VARIABLE, "")
    assert make(root).num_images == 6
    assert said == []
    assert not index_of(root).parent.exists()


def test_files_that_change_while_they_are_read_are_not_kept(root, monkeypatch):
    def read(*arguments, **options):
        found = read_refer_records(*arguments, **options)
        with (root / "shapes" / "instances.json").open("a") as file:
            file.write(" ")
        return found

    monkeypatch.setattr("mmris.datasets.refer_dataset.read_refer_records", read)
    assert make(root).num_images == 6
    assert not index_of(root).parent.exists()


def test_small_files_have_no_index(written):
    make(written)
    assert not index_of(written).parent.exists()


def test_a_filter_of_a_subclass_is_heeded(root):
    class Filtered(ReferDataset):
        def filter_data(self):
            return self.data_list[:2]

    options = {"dataset": "shapes", "partition": "unc", "split": "train"}
    assert Filtered(**options, data_root=str(root)).num_images == 2
    assert not index_of(root).parent.exists()


def test_errors_are_those_without_an_index(root):
    make(root)
    (root / IMAGES).rename(root / "elsewhere")
    with pytest.raises(FileNotFoundError, match="no folder of images"):
        make(root)
    (root / "shapes" / "instances.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"no file .*instances\.json"):
        make(root)


def count_images(root, queue):
    index_files.SMALL = 0
    queue.put(len(records(make(root))))


def test_processes_that_make_it_at_once_do_not_clash(root):
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    processes = [
        context.Process(target=count_images, args=(root, queue)) for _ in range(6)
    ]
    for process in processes:
        process.start()
    assert [queue.get(timeout=60) for _ in processes] == [6] * 6
    for process in processes:
        process.join()
    (kept,) = index_of(root).parent.iterdir()
    assert len(RecordIndex.open(kept)) == 6


def test_a_started_process_maps_the_same_file(root):
    dataset = make(root)
    again = pickle.loads(pickle.dumps(dataset))
    assert again._index.path == index_of(root)
    assert isinstance(again._index.block, np.memmap)
    assert records(again) == records(dataset)


@pytest.mark.parametrize("options", [{"test_mode": True}, {"sampling": "image"}])
def test_an_item_reads_its_picture_once_and_decodes_each_mask_once(
    root, monkeypatch, options
):
    read, decoded = [], []
    picture, masks = (
        f"mmris.datasets.transforms.{name}"
        for name in ("load_image._content", "load_masks.decode_segmentations")
    )
    monkeypatch.setattr(
        picture, lambda path: (read.append(path), Path(path).read_bytes())[1]
    )
    monkeypatch.setattr(
        masks, lambda parts, *size: (decoded.append(parts), np.zeros(size, "u1"))[1]
    )
    dataset = make(root, pipeline=[LoadRefImage(), LoadRefMasks()], **options)
    assert (read, decoded) == ([], [])
    item = dataset[1]
    assert len(item["expressions"]) > len(item["segmentations"]) > 1
    assert read == [item["img_path"]]
    assert len(decoded) == len(item["segmentations"])
