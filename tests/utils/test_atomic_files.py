import os

import pytest
from mmengine.fileio import get_file_backend

from mmris.utils.atomic_files import BACKEND, write_atomically


def test_a_file_is_written_or_replaced(tmp_path):
    path = tmp_path / "a" / "b.pth"
    for content in (b"one", b"other"):
        write_atomically(path, content)
        assert path.read_bytes() == content
    assert [entry.name for entry in path.parent.iterdir()] == ["b.pth"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failure_leaves_what_was_there(tmp_path, monkeypatch, step):
    path = tmp_path / "b.pth"
    write_atomically(path, b"before")

    def fail(*arguments):
        raise OSError("no space left on device")

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(OSError, match="no space left"):
        write_atomically(path, b"after")
    assert path.read_bytes() == b"before"
    assert [entry.name for entry in tmp_path.iterdir()] == ["b.pth"]


def test_nothing_has_the_final_name_before_it_is_whole(tmp_path, monkeypatch):
    path, seen = tmp_path / "b.pth", []
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda n: (seen.append(path.exists()), fsync(n)))
    write_atomically(path, b"content")
    assert seen == [False]


def test_mmengine_finds_the_backend(tmp_path):
    backend = get_file_backend(backend_args={"backend": BACKEND})
    backend.put(b"content", str(tmp_path / "a.pth"))
    assert (tmp_path / "a.pth").read_bytes() == b"content"
