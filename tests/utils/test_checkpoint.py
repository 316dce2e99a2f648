import os
import pickle

import pytest
import torch
from mmengine.logging import HistoryBuffer

from mmris.utils import load_checkpoint_file


class Hostile:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.system, (f"touch {self.marker}",)


def test_what_training_writes_is_read(tmp_path):
    path = tmp_path / "iter_1.pth"
    history = HistoryBuffer([1.0, 2.0], [1, 1])
    contents = {
        "meta": {"iter": 1, "words": ["a", "b"]},
        "state_dict": {"weight": torch.rand(2, 3)},
        "message_hub": {"log_scalars": {"loss": history}},
    }
    torch.save(contents, path)
    loaded = load_checkpoint_file(path)
    torch.testing.assert_close(
        loaded["state_dict"]["weight"], contents["state_dict"]["weight"]
    )
    assert loaded["meta"] == contents["meta"]


@pytest.mark.parametrize("wrapped", [True, False])
def test_a_hostile_checkpoint_runs_nothing(tmp_path, wrapped):
    path, marker = tmp_path / "evil.pth", tmp_path / "marker"
    if wrapped:
        torch.save({"state_dict": {"weight": Hostile(marker)}}, path)
    else:
        path.write_bytes(pickle.dumps(Hostile(marker)))
    with pytest.raises(ValueError, match=r"evil.pth cannot be read as plain weights"):
        load_checkpoint_file(path)
    assert not marker.exists()


def test_getattr_is_not_within_reach(tmp_path):
    """With getattr a pickle could climb from any harmless class to its module."""

    class Climb:
        def __reduce__(self):
            return getattr, (HistoryBuffer, "__init__")

    path = tmp_path / "climb.pth"
    torch.save({"state_dict": Climb()}, path)
    with pytest.raises(ValueError, match="cannot be read as plain weights"):
        load_checkpoint_file(path)


def test_broken_files(tmp_path):
    whole, cut = tmp_path / "whole.pth", tmp_path / "cut.pth"
    torch.save({"state_dict": {"weight": torch.rand(100)}}, whole)
    cut.write_bytes(whole.read_bytes()[:300])
    with pytest.raises(ValueError, match="cut.pth cannot be read"):
        load_checkpoint_file(cut)
    (tmp_path / "empty.pth").write_bytes(b"")
    with pytest.raises(ValueError, match="empty.pth cannot be read"):
        load_checkpoint_file(tmp_path / "empty.pth")
    torch.save([1, 2], whole)
    with pytest.raises(ValueError, match="holds a list, not a dict of weights"):
        load_checkpoint_file(whole)
    with pytest.raises(FileNotFoundError, match="no checkpoint at .*missing.pth"):
        load_checkpoint_file(tmp_path / "missing.pth")
