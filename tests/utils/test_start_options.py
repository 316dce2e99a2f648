import os
from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from mmris.utils.start_options import (
    check_checkpoint,
    newest_checkpoint,
    point_to_checkpoint,
    set_start,
)

STATE = {"state_dict": {}, "meta": {}, "message_hub": {}, "optimizer": {}}


def write(folder, *numbers, pointer=None):
    for age, number in enumerate(numbers):
        path = folder / f"iter_{number}.pth"
        torch.save(STATE, path)
        os.utime(path, (1000 + age, 1000 + age))
    if pointer is not None:
        (folder / "last_checkpoint").write_text(str(pointer))


def test_addresses_are_not_looked_for_on_disk():
    assert check_checkpoint("https://x/y.pth", "--resume") == "https://x/y.pth"
    with pytest.raises(
        FileNotFoundError, match=r"no checkpoint file 'y.pth' \(--resume\)"
    ):
        check_checkpoint("y.pth", "--resume")


def test_automatic_resume_prefers_the_work_dir_to_load_from(tmp_path):
    cfg = Config({"work_dir": str(tmp_path), "load_from": "start.pth", "resume": False})
    set_start(cfg, resume="auto", load_from=None)
    assert (cfg.load_from, cfg.resume) == ("start.pth", False)
    write(tmp_path, 5, pointer=tmp_path / "iter_5.pth")
    set_start(cfg, resume="auto", load_from=None)
    assert (cfg.load_from, cfg.resume) == (str(tmp_path / "iter_5.pth"), True)


def test_the_named_checkpoint_counts_not_the_newest_file(tmp_path):
    write(tmp_path, 5, 9, pointer=tmp_path / "iter_5.pth")
    assert Path(newest_checkpoint(tmp_path)).name == "iter_5.pth"


def test_a_work_dir_may_be_moved(tmp_path):
    write(tmp_path, 5, 9, pointer="/elsewhere/iter_5.pth")
    assert newest_checkpoint(tmp_path) == str(tmp_path / "iter_5.pth")


def test_an_older_checkpoint_serves_where_the_newest_is_damaged(tmp_path):
    write(tmp_path, 3, 5, 9, pointer=tmp_path / "iter_9.pth")
    (tmp_path / "best_oIoU_iter_9.pth").write_bytes(b"")
    for number, expected in ((9, "iter_5.pth"), (5, "iter_3.pth")):
        path = tmp_path / f"iter_{number}.pth"
        path.write_bytes(path.read_bytes()[:200])
        assert Path(newest_checkpoint(tmp_path)).name == expected
    (tmp_path / "iter_3.pth").write_bytes(b"")
    with pytest.raises(ValueError, match=r"iter_9.pth cannot be read: .*cut off"):
        newest_checkpoint(tmp_path)


def test_a_copied_work_dir_goes_on_from_its_own_checkpoint(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write(tmp_path / name, 5, pointer=tmp_path / "a" / "iter_5.pth")
    assert newest_checkpoint(tmp_path / "b") == str(tmp_path / "b" / "iter_5.pth")


def test_a_changed_byte_is_found(tmp_path):
    torch.save(
        {**STATE, "state_dict": {"a": torch.zeros(1000)}}, tmp_path / "iter_9.pth"
    )
    content = bytearray((tmp_path / "iter_9.pth").read_bytes())
    content[content.index(bytes(1000)) + 500] = 1  # within the zeros
    write(tmp_path, 5, pointer="iter_9.pth")
    (tmp_path / "iter_9.pth").write_bytes(content)
    assert Path(newest_checkpoint(tmp_path)).name == "iter_5.pth"
    with pytest.raises(ValueError, match=r"the checksum of \S+ is wrong"):
        check_checkpoint(str(tmp_path / "iter_9.pth"), "--resume", resumed=True)


def test_the_pointer_is_relative_inside_the_work_dir(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for file, expected in (
        ("run/iter_5.pth", "iter_5.pth"),
        (str(tmp_path / "run" / "iter_6.pth"), "iter_6.pth"),
        ("elsewhere/iter_5.pth", "elsewhere/iter_5.pth"),
    ):
        point_to_checkpoint("run", file)
        assert (tmp_path / "run" / "last_checkpoint").read_text() == expected


def test_a_named_checkpoint_that_is_gone(tmp_path):
    write(tmp_path, pointer=tmp_path / "iter_5.pth")
    with pytest.raises(FileNotFoundError, match=r"names .*iter_5.pth, which is gone"):
        newest_checkpoint(tmp_path)


def test_a_hostile_newest_checkpoint_is_not_passed_over(tmp_path):
    write(tmp_path, 5, 9, pointer=tmp_path / "iter_9.pth")
    torch.save({**STATE, "optimizer": Hostile(tmp_path / "marker")}, tmp_path / "x")
    (tmp_path / "x").replace(tmp_path / "iter_9.pth")
    with pytest.raises(ValueError, match=r"iter_9.pth cannot be read as plain weights"):
        newest_checkpoint(tmp_path)
    assert not (tmp_path / "marker").exists()


def test_weights_alone_cannot_be_resumed(tmp_path):
    torch.save({"state_dict": {}, "meta": {}, "message_hub": {}}, tmp_path / "best.pth")
    with pytest.raises(ValueError, match=r"no state of a training \(no optimizer\)"):
        set_start(Config({}), resume=str(tmp_path / "best.pth"), load_from=None)


class Hostile:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.system, (f"touch {self.marker}",)


def test_a_checkpoint_that_would_run_code_never_reaches_the_runner(tmp_path):
    path = tmp_path / "evil.pth"
    torch.save({"state_dict": Hostile(tmp_path / "marker")}, path)
    for resume, load_from in ((str(path), None), (None, str(path))):
        with pytest.raises(ValueError, match="evil.pth cannot be read as plain"):
            set_start(Config({}), resume=resume, load_from=load_from)
    assert not (tmp_path / "marker").exists()


def test_resume_and_load_from_exclude_each_other():
    with pytest.raises(ValueError, match="give one of them"):
        set_start(Config({}), resume="auto", load_from="a.pth")
