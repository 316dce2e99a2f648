import pytest
from mmengine.config import Config
from mmengine.runner import Runner

from mmris.engine import build_runner


def test_hooks_that_are_none_are_left_out(monkeypatch):
    """Of its own hooks MMEngine knows what None means, of others it fails."""
    monkeypatch.setattr(Runner, "from_cfg", lambda cfg: dict(cfg.default_hooks))
    hooks = {"logger": None, "channels_last": None, "mine": {"type": "EMAHook"}}
    expected = {"logger": None, "mine": {"type": "EMAHook"}}
    assert build_runner(Config({"default_hooks": hooks})) == expected
    assert build_runner(Config({"default_hooks": {}})) == {}


def test_an_unknown_runner_is_refused():
    with pytest.raises(ValueError, match="runner_type is 'Sprinter'"):
        build_runner(Config({"runner_type": "Sprinter"}))
