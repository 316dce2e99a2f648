"""Archives go into place whole, resume, and are refused where they mean harm."""

from __future__ import annotations

import io
import stat
import tarfile
import zipfile
from types import SimpleNamespace

import pytest

from mmris.datasets.archives import (
    Archive,
    RefusedArchiveError,
    members,
    place_of,
    plan,
    unpack,
    unpacking,
)

JPEG = "COCO_train2014_000000000009.jpg"
COCO = "images/mscoco/images/train2014"


def zipped(path, files, **options):
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def tarred(path, files, mode="w"):
    with tarfile.open(path, mode) as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            if isinstance(content, bytes):
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
            else:
                for key, value in content.items():
                    setattr(entry, key, value)
                archive.addfile(entry)
    return path


def run(path, root, **options):
    with Archive(path) as archive:
        return unpack(archive, root, **options)


def tree(root):
    """All files below a folder with their content."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


REFCOCO = {
    "refcoco/": b"",
    "refcoco/instances.json": b"{}",
    "refcoco/refs(unc).p": b"unc",
    "refcoco/refs(google).p": b"google",
    "refcoco/.DS_Store": b"junk",
    "__MACOSX/refcoco/._instances.json": b"junk",
}
IN_PLACE = {
    "refcoco/instances.json": b"{}",
    "refcoco/refs(unc).p": b"unc",
    "refcoco/refs(google).p": b"google",
}


# ----- places


@pytest.mark.parametrize(
    ("path", "archive", "place"),
    [
        ("refcoco/instances.json", "refcoco.zip", "refcoco/instances.json"),
        ("data/refcoco+/refs(unc).p", "x.zip", "refcoco+/refs(unc).p"),
        ("instances.json", "refcocog (2).zip", "refcocog/instances.json"),
        ("grefs(unc).json", "grefcoco.tar.gz", "grefcoco/grefs(unc).json"),
        ("refs(berkeley).p", "refclef.tgz", "refclef/refs(berkeley).p"),
        (f"train2014/{JPEG}", "train2014.zip", f"{COCO}/{JPEG}"),
        (JPEG, "mine.tar", f"{COCO}/{JPEG}"),
        ("112.jpg", "saiapr_tc-12.zip", "images/saiapr_tc-12/112.jpg"),
        ("saiapr_tc-12/00/images/112.jpg", "x.zip", "images/saiapr_tc-12/112.jpg"),
        ("JPEGImages/00001.jpg", "rrsisd.zip", "images/rrsisd/JPEGImages/00001.jpg"),
        ("a/rrsisd/images/JPEGImages/1.jpg", "x.zip",
         "images/rrsisd/JPEGImages/1.jpg"),
        ("rrsisd/refs(unc).p", "x.zip", "rrsisd/refs(unc).p"),
        ("data/referit_query_test.json", "x.zip", "referit_query_test.json"),
        ("referit/mask/30993_2.mat", "x.zip", "referit/mask/30993_2.mat"),
        ("images/30993.jpg", "referit.zip", "referit/images/30993.jpg"),
        ("refer_miniv.json", "VGPhraseCut_v0.zip", "VGPhraseCut_v0/refer_miniv.json"),
        ("VGPhraseCut_v0/images/7.jpg", "x.zip", "VGPhraseCut_v0/images/7.jpg"),
        ("instances.json", "x.zip", None),
        ("refcoco/notes.txt", "refcoco.zip", None),
        ("train2014/COCO_train2014_9.jpg", "train2014.zip", None),
        ("refcoco/refs(unc).p.exe", "refcoco.zip", None),
    ],
)  # fmt: skip
def test_places(path, archive, place):
    assert place_of(path, archive) == place


# ----- unpacking


@pytest.mark.parametrize("kind", ["zip", "deflated", "tar", "tar.gz", "tar.xz"])
def test_files_go_into_place_and_others_are_passed_over(tmp_path, kind):
    files = {**REFCOCO, "refcoco/readme.txt": b"read me"}
    if kind in ("zip", "deflated"):
        pressed = zipfile.ZIP_STORED if kind == "zip" else zipfile.ZIP_DEFLATED
        path = zipped(tmp_path / "refcoco.zip", files, compression=pressed)
    else:
        files.pop("refcoco/")
        mode = f"w:{kind.partition('.')[2]}" if "." in kind else "w"
        path = tarred(tmp_path / f"refcoco.{kind}", files, mode)
    done = run(path, tmp_path / "data")
    assert tree(tmp_path / "data") == IN_PLACE
    assert sorted(done.written) == sorted(IN_PLACE)
    assert done.passed_over == ["refcoco/readme.txt"]
    again = run(path, tmp_path / "data")
    assert again.written == []
    assert sorted(again.kept) == sorted(IN_PLACE)


def test_an_archive_of_several_datasets(tmp_path):
    files = {f"all/{name}/instances.json": b"x" for name in ("refcoco", "refcoco+")}
    run(zipped(tmp_path / "a.zip", files), tmp_path / "data")
    assert set(tree(tmp_path / "data")) == {
        "refcoco/instances.json",
        "refcoco+/instances.json",
    }


@pytest.mark.parametrize("content", [b"{ }", b"[]"])  # of another size, and the same
def test_nothing_is_replaced_unasked(tmp_path, content):
    path = zipped(tmp_path / "refcoco.zip", REFCOCO)
    mine = tmp_path / "data" / "refcoco" / "instances.json"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(content)
    with pytest.raises(FileExistsError, match=r"instances\.json is there and differs"):
        run(path, tmp_path / "data")
    assert tree(tmp_path / "data") == {"refcoco/instances.json": content}
    run(path, tmp_path / "data", overwrite=True)
    assert tree(tmp_path / "data") == IN_PLACE


def test_a_folder_in_the_way_is_not_replaced(tmp_path):
    path = zipped(tmp_path / "refcoco.zip", REFCOCO)
    (tmp_path / "data" / "refcoco" / "instances.json").mkdir(parents=True)
    with pytest.raises(FileExistsError, match="is there and differs"):
        run(path, tmp_path / "data")


def test_a_stopped_run_leaves_whole_files_and_goes_on(tmp_path, monkeypatch):
    path = zipped(tmp_path / "refcoco.zip", REFCOCO)
    copy, calls = unpacking.shutil.copyfileobj, []

    def stop(source, target, length):
        calls.append(target.name)
        if len(calls) == 2:
            target.write(b"u")
            raise KeyboardInterrupt
        copy(source, target, length)

    monkeypatch.setattr(unpacking.shutil, "copyfileobj", stop)
    with pytest.raises(KeyboardInterrupt):
        run(path, tmp_path / "data")
    assert tree(tmp_path / "data") == {"refcoco/instances.json": b"{}"}
    # A kill leaves what was being written, under a name of its own.
    left = tmp_path / "data/refcoco/.refs(unc).p.mmris-part"
    left.write_bytes(b"un")
    done = run(path, tmp_path / "data")
    assert done.kept == ["refcoco/instances.json"]
    assert tree(tmp_path / "data") == IN_PLACE


def test_no_space(tmp_path, monkeypatch):
    path = zipped(tmp_path / "refcoco.zip", REFCOCO)
    usage = SimpleNamespace(free=10)
    monkeypatch.setattr(unpacking.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(OSError, match=r"needs 11 bytes in .*data, where 10 are free"):
        run(path, tmp_path / "data")
    assert not (tmp_path / "data").exists()


# ----- what is refused


def refused(path, root, message):
    with pytest.raises(RefusedArchiveError, match=message):
        run(path, root)
    assert not root.exists()


@pytest.mark.parametrize(
    "name",
    [
        "/etc/refcoco/instances.json",
        "../refcoco/instances.json",
        "a/../../refcoco/instances.json",
        "..\\refcoco\\instances.json",
        "C:/refcoco/instances.json",
        "refcoco/\x1b[2Jinstances.json",
    ],
)
def test_paths_that_lead_outside(tmp_path, name):
    files = {"refcoco/instances.json": b"{}", name: b"harm"}
    message = "is refused: .* leads out of the folder"
    refused(zipped(tmp_path / "a.zip", files), tmp_path / "data", message)
    refused(tarred(tmp_path / "a.tar", files), tmp_path / "data", message)


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE]
)
def test_links_and_devices_of_tar(tmp_path, kind):
    link = {"type": kind, "linkname": "/etc/passwd"}
    files = {"refcoco/refs(unc).p": b"unc", "refcoco/instances.json": link}
    path = tarred(tmp_path / "a.tar", files)
    refused(path, tmp_path / "data", "is a link or a device")


def test_links_of_zip(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        entry = zipfile.ZipInfo("refcoco/instances.json")
        entry.create_system = 3
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(entry, "/etc/passwd")
    refused(path, tmp_path / "data", "is a link or a device")


def test_bombs(tmp_path, monkeypatch):
    monkeypatch.setattr(members, "HARMLESS_TOTAL", 1000)
    files = {"refcoco/instances.json": b"0" * 10**6}
    path = zipped(tmp_path / "a.zip", files, compression=zipfile.ZIP_DEFLATED)
    refused(path, tmp_path / "data", r"bytes would become more than 1,000,000 in 1")
    path = tarred(tmp_path / "a.tar.xz", files, "w:xz")
    refused(path, tmp_path / "data", "as no published archive does")
    monkeypatch.setattr(members, "MAX_RATIO", 10**6)
    monkeypatch.setattr(members, "MAX_TOTAL", 10**5)
    refused(path, tmp_path / "data", "as no published archive does")
    monkeypatch.setattr(members, "MAX_TOTAL", 10**9)
    monkeypatch.setattr(members, "MAX_MEMBERS", 0)
    refused(path, tmp_path / "data", "as no published archive does")


def test_a_name_of_a_gigabyte_is_not_read(tmp_path):
    entry = tarfile.TarInfo("x")
    entry.type, entry.size = tarfile.GNUTYPE_LONGNAME, 10**9
    path = tmp_path / "a.tar"
    path.write_bytes(entry.tobuf(tarfile.GNU_FORMAT) + b"\0" * 1024)
    refused(path, tmp_path / "data", "a name of 1000000000 bytes")


def test_encrypted_files(tmp_path):
    path = zipped(tmp_path / "a.zip", {"refcoco/instances.json": b"{}"})
    content = bytearray(path.read_bytes())
    content[6] |= 1  # the flag, in the file's own header and in the list
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(bytes(content))
    refused(path, tmp_path / "data", "is encrypted")


def test_two_files_for_one_place(tmp_path):
    files = {f"{folder}/refcoco/instances.json": b"{}" for folder in "ab"}
    path = zipped(tmp_path / "a.zip", files)
    refused(path, tmp_path / "data", r"has two files for refcoco/instances\.json")


def test_an_archive_of_something_else(tmp_path):
    path = zipped(tmp_path / "a.zip", {"thesis.tex": b""})
    refused(path, tmp_path / "data", r"no file of a dataset .*; it has thesis\.tex")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "begins with b'', as no zip or tar"),
        (b"\n<!DOCTYPE html><html>", "is a web page, not an archive"),
        (b"PK\x03\x04 and no more", "is damaged or cut off"),
        (b"\x1f\x8b and no more", "is damaged or cut off"),
        (b"BZh9 and no more", "is damaged or cut off"),
        (b"\xfd7zXZ\0 and no more", "is damaged or cut off"),
        (b"plain", "begins with b'plain'"),
    ],
)
def test_no_archives(tmp_path, content, message):
    path = tmp_path / "refcoco.zip"
    path.write_bytes(content)
    refused(path, tmp_path / "data", message)


def outcome(path, root):
    try:
        run(path, root)
    except RefusedArchiveError as error:
        return "refused" if str(path) in str(error) else str(error)
    return "whole"


@pytest.mark.parametrize(
    "name", ["a.zip", "a.tar", "a.tar.gz", "a.tar.bz2", "a.tar.xz"]
)
def test_archives_that_are_cut_off_or_changed(tmp_path, name):
    """Wherever it is cut: one line, and no file that is not whole."""
    noise = bytes((k * k * 7 + k // 3) % 256 for k in range(3000))
    files = {"refcoco/instances.json": noise, "refcoco/refs(unc).p": noise[::-1]}
    path = tmp_path / name
    if name.endswith("zip"):
        zipped(path, files, compression=zipfile.ZIP_DEFLATED)
    else:
        tarred(path, files, f"w:{name.split('.')[2]}" if name.count(".") > 1 else "w")
    whole = path.read_bytes()
    for number, start in enumerate(range(1, len(whole), max(len(whole) // 25, 1))):
        for kind in ("cut", "changed"):
            changed = bytearray(whole[:start] if kind == "cut" else whole)
            if kind == "changed":
                changed[start] ^= 0xFF
            path.write_bytes(bytes(changed))
            root = tmp_path / f"{kind}{number}"
            assert outcome(path, root) in ("whole", "refused")
            # A tar archive has no checksums of contents; any other is right or refused.
            for place, content in (tree(root) if root.exists() else {}).items():
                assert len(content) == 3000
                if name != "a.tar":
                    assert content == files[place]


def test_a_plan_writes_nothing(tmp_path):
    with Archive(zipped(tmp_path / "refcoco.zip", REFCOCO)) as archive:
        chosen = plan(archive)
    assert [place for _, place in chosen.targets] == list(IN_PLACE)
    assert chosen.size == 11
    assert [path.name for path in tmp_path.iterdir()] == ["refcoco.zip"]
