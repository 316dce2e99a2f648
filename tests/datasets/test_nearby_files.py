"""A missing file is found where it usually lies instead."""

from __future__ import annotations

import pytest

from mmris.datasets.nearby_files import find_one_level_off, what_lies_at


@pytest.mark.parametrize(
    ("there", "folder", "name"),
    [
        ("a.jpg", "images", "a.jpg"),  # one folder too deep
        ("images/deep/a.jpg", "images", "a.jpg"),  # one folder too high
        ("pictures/a.jpg", "images", "a.jpg"),  # beside the wanted folder
        ("images/a.jpg", "images/images", "a.jpg"),  # a folder that is not there
        ("images/a.jpg", "images", "images/a.jpg"),  # named twice
        ("x/y/a.jpg", "x/z", "y/a.jpg"),  # the entry's folder above the wanted one
    ],
)
def test_files_one_level_off_are_found(tmp_path, there, folder, name):
    path = tmp_path / there
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    if not there.startswith("pictures"):
        (tmp_path / "images").mkdir(exist_ok=True)
    assert find_one_level_off(tmp_path / folder, name).samefile(path)


@pytest.mark.parametrize(
    "there", ["b.jpg", "one/two/a.jpg", "x.dir/a.jpg/c", "val/a.jpg"]
)
def test_other_files_are_not(tmp_path, there):
    path = tmp_path / "data" / there
    path.parent.mkdir(parents=True)
    path.touch()
    (tmp_path / "data" / "images").mkdir()
    assert find_one_level_off(tmp_path / "data" / "images", "a.jpg") is None
    assert find_one_level_off(tmp_path / "no" / "such" / "folder", "a.jpg") is None


def test_relative_folders_are_searched_too(tmp_path, monkeypatch):
    (tmp_path / "images").mkdir()
    (tmp_path / "a.jpg").touch()
    monkeypatch.chdir(tmp_path / "images")
    found = find_one_level_off(tmp_path.__class__(), "a.jpg")
    assert found == tmp_path / "a.jpg"


def test_content_of_the_nearest_folder_is_listed(tmp_path):
    assert what_lies_at(tmp_path / "no" / "such") == f"in {tmp_path} there is nothing"
    for number in range(14):
        (tmp_path / f"{number:02d}").touch()
    assert what_lies_at(tmp_path).endswith(
        "there is " + ", ".join(f"{number:02d}" for number in range(12)) + " and 2 more"
    )
