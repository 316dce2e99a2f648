import hashlib

import pytest

from mmris.utils.weight_files import find_weights, sha256_of

CONTENT = b"weights" * 1000
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    path = tmp_path / "a b.safetensors"
    path.write_bytes(CONTENT)
    return path


def cached(tmp_path):
    return sorted(path for path in (tmp_path / "torch").rglob("*") if path.is_file())


def test_a_path(file):
    assert sha256_of(file) == DIGEST
    assert find_weights(file) == find_weights(str(file), DIGEST) == file


def test_an_address_is_fetched_once(file, tmp_path):
    copy = find_weights(file.as_uri(), DIGEST)
    assert copy.read_bytes() == CONTENT
    assert copy.name == file.name
    assert cached(tmp_path) == [copy]
    file.unlink()
    assert find_weights(file.as_uri(), DIGEST) == copy
    # A copy that was changed is not believed.
    copy.write_bytes(b"other")
    with pytest.raises(OSError, match="cannot be downloaded: .*copy the file to"):
        find_weights(file.as_uri(), DIGEST)


def test_another_file_is_refused_and_not_kept(file, tmp_path):
    wrong = "0" * 64
    for address in (str(file), file.as_uri()):
        with pytest.raises(ValueError, match=f"has the checksum {DIGEST}, not {wrong}"):
            find_weights(address, wrong)
    assert cached(tmp_path) == []


def test_a_download_that_breaks_off_leaves_nothing(file, tmp_path, monkeypatch):
    def break_off(blocks):
        yield CONTENT[:100]
        raise OSError("gone")

    monkeypatch.setattr("mmris.utils.weight_files._blocks", break_off)
    with pytest.raises(OSError, match="cannot be downloaded: gone"):
        find_weights(file.as_uri(), DIGEST)
    assert cached(tmp_path) == []


@pytest.mark.parametrize(
    ("address", "sha256", "message"),
    [
        ("nowhere.pth", None, "no checkpoint at nowhere.pth"),
        ("https://host/a.pth", None, "say its checksum as well"),
        ("ftp://host/a.pth", DIGEST, "begins with http, https, file"),
        ("https://host/", DIGEST, "not one of a file"),
        ("a.pth", "12", "'12' is no SHA-256"),
        ("a.pth", "g" * 64, "is no SHA-256"),
    ],
)
def test_wrong_use(address, sha256, message):
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        find_weights(address, sha256)
