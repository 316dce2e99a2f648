import argparse

import pytest
from mmengine.config import Config

from mmris.utils.config_overrides import KeyValueAction, apply_overrides


@pytest.fixture
def cfg():
    return Config(
        {
            "max_iters": 3500,
            "free": True,
            "train_cfg": {"max_iters": 3500},
            "param_scheduler": [{"end": 10}, {"end": 3500}],
            "work_dir": "run",
        }
    )


def test_values_are_put_in(cfg):
    apply_overrides(
        cfg, {"train_cfg.max_iters": 5, "param_scheduler.1.end": 5, "resume": True}
    )
    assert cfg.train_cfg.max_iters == cfg.param_scheduler[1].end == 5
    assert cfg.resume is True


def test_variables_of_the_file_do_nothing_and_are_refused(cfg):
    message = (
        r"--cfg-options max_iters: 'max_iters' is a variable .* does nothing\. Change "
        r"it where it went: train_cfg.max_iters, param_scheduler.1.end$"
    )
    with pytest.raises(ValueError, match=message):
        apply_overrides(cfg, {"max_iters": 5})
    assert cfg.max_iters == 3500


def test_own_keys_that_went_nowhere_are_for_own_code(cfg):
    apply_overrides(cfg, {"free": False})
    assert cfg.free is False


def test_keys_of_nothing(cfg):
    with pytest.raises(ValueError, match=r"has no 'wrk_dir'; did you mean 'work_dir'"):
        apply_overrides(cfg, {"wrk_dir": "a"})
    with pytest.raises(ValueError, match=r"has no 'zzz'; there are .*train_cfg"):
        apply_overrides(cfg, {"zzz.a": 1})


@pytest.mark.parametrize(
    "options", [{"param_scheduler.7.end": 1}, {"work_dir.a": 1}, {"train_cfg": 3}]
)
def test_places_that_are_none(cfg, options):
    if options == {"train_cfg": 3}:
        apply_overrides(cfg, options)  # a value may be replaced by another
        return
    with pytest.raises(ValueError, match=r"leads nowhere in this config: "):
        apply_overrides(cfg, options)


def test_what_an_entry_looks_like(capsys):
    parser = argparse.ArgumentParser()
    parser.add_argument("--cfg-options", nargs="+", action=KeyValueAction)
    parsed = parser.parse_args(["--cfg-options", "a.b=[1,2]", "c=x=y"])
    assert parsed.cfg_options == {"a.b": [1, 2], "c": "x=y"}
    for wrong in ("a", "=3"):
        with pytest.raises(SystemExit):
            parser.parse_args(["--cfg-options", wrong])
        assert "--cfg-options takes KEY=VALUE, not" in capsys.readouterr().err
