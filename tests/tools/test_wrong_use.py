"""Whatever a user can do wrong is one line of the tools, with exit code 2."""

import re

import pytest
import torch
from mmengine.logging import MMLogger

from tests.conftest import REPOSITORY

TINY = REPOSITORY / "configs" / "baseline" / "baseline_tiny_shapes.py"

SINGLE, SEVERAL = "sampling=sentence", "expressions_per_image=2"


@pytest.fixture
def plain(tmp_path):
    """The plain model's config, under a name that no other test has."""
    path = tmp_path / f"{tmp_path.name}.py"
    path.write_text(f"_base_ = [{str(TINY)!r}]\n")
    return str(path)


@pytest.fixture
def one_line(capsys):
    """Checks what a tool returned and wrote."""
    # Loggers of runs of this second would write into the capture of another test.
    MMLogger._instance_dict.clear()

    def check(returned, message):
        printed = capsys.readouterr().err
        assert returned == 2, printed
        assert printed.startswith("error: ")
        assert printed.count("\n") == 1
        assert re.search(message, printed), printed

    return check


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["optim_wraper.type=A"],
            "has no 'optim_wraper'; did you mean 'optim_wrapper'",
        ),
        (["model.chanels=3"], "model.chanels: TinyModel has no argument 'chanels'"),
        (["pipeline=[]"], "'pipeline' is a variable of the config file"),
        (["train_cfg.max_iter=3"], "did you mean 'max_iters'"),
        (["default_hooks.chekpoint.interval=3"], "did you mean 'checkpoint'"),
        (["param_scheduler.9.end=3"], "leads nowhere in this config: Index 9"),
        # Right keys with values that nothing can be built from.
        (["optim_wrapper.optimizer.lr=-1"], "Invalid learning rate: -1"),
        (["train_dataloader.batch_size=0"], "batch_size should be a positive integer"),
        (["log_level=LOUD"], r"KeyError: there is no 'LOUD' \(.*--debug"),
        (
            ["train_dataloader.sampler.type=3"],
            "sampler.type is 3, which is no registered",
        ),
        # What would go wrong hours later, or not at all.
        (["default_hooks.checkpoint.save_best=miou"], "did you mean 'mIoU'"),
        (["param_scheduler.1.by_epoch=True"], "param_scheduler.1.by_epoch is True"),
        (["val_dataloader.dataset.test_mode=False"], "Set test_mode=True"),
        (
            [
                f"train_dataloader.dataset.{SINGLE}",
                f"train_dataloader.dataset.{SEVERAL}",
            ],
            "with sampling 'sentence' an item has one expression",
        ),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_wrong_configs(train_tool, config, tmp_path, one_line, options, message):
    arguments = [str(config), "--work-dir", str(tmp_path / "run"), "--max-iters", "1"]
    returned = train_tool.main([*arguments, "--cfg-options", *options])
    one_line(returned, message)


def test_wrong_configs_of_testing(trained, test_tool, tmp_path, one_line):
    config, work_dir = trained
    arguments = [str(config), str(work_dir / "iter_4.pth")]
    arguments += ["--work-dir", str(tmp_path / "run"), "--cfg-options"]
    returned = test_tool.main([*arguments, "test_evaluator.thresholds=[0.5]"])
    one_line(returned, r"test_evaluator.thresholds: RefSegMetric has no argument")
    returned = test_tool.main([*arguments, "test_dataloader.dataset.test_mode=False"])
    one_line(returned, r"test_dataloader.dataset.test_mode is False, so that")


def test_options_may_not_be_shortened(train_tool, config, capsys):
    with pytest.raises(SystemExit):
        train_tool.main([str(config), "--max-iter", "3"])
    assert "unrecognized arguments: --max-iter 3" in capsys.readouterr().err


def test_a_work_dir_that_is_a_file(
    train_tool, test_tool, trained, config, tmp_path, one_line
):
    (tmp_path / "file").write_text("")
    arguments = ["--work-dir", str(tmp_path / "file")]
    message = r"work dir .*file cannot be written \(File exists\); .*--work-dir"
    one_line(train_tool.main([str(config), *arguments]), message)
    checkpoint = str(trained[1] / "iter_4.pth")
    one_line(test_tool.main([str(trained[0]), checkpoint, *arguments]), message)


def test_a_checkpoint_of_another_config(trained, train_tool, tmp_path, one_line):
    config, work_dir = trained
    contents = torch.load(work_dir / "iter_4.pth", weights_only=False)
    state = contents["state_dict"]
    state["conv.kernel"] = state.pop("conv.weight")
    torch.save(contents, tmp_path / "other.pth")
    arguments = [str(config), "--work-dir", str(tmp_path / "run"), "--max-iters", "5"]
    arguments += ["--resume", str(tmp_path / "other.pth")]
    message = (
        r"other.pth does not fit this config: 1 missing from the checkpoint "
        r"\(conv.weight\); 1 unknown to the model \(conv.kernel\)"
    )
    one_line(train_tool.main(arguments), message)
    torch.save({"encoder.weight": torch.ones(1)}, tmp_path / "foreign.pth")
    arguments[-2:] = ["--load-from", str(tmp_path / "foreign.pth")]
    one_line(train_tool.main(arguments), r"foreign.pth has only 0 of the 6 weights")


def test_testing_a_checkpoint_of_another_config(trained, test_tool, tmp_path, one_line):
    torch.save({"conv.bias": torch.ones(1)}, tmp_path / "part.pth")
    arguments = [str(trained[0]), str(tmp_path / "part.pth")]
    arguments += ["--work-dir", str(tmp_path / "run")]
    one_line(
        test_tool.main(arguments), r"part.pth does not fit this config: \d missing"
    )


def test_optimizers_that_do_not_fit(trained, train_tool, tmp_path, one_line):
    config, work_dir = trained
    contents = torch.load(work_dir / "iter_4.pth", weights_only=False)
    contents["optimizer"]["param_groups"] *= 2
    torch.save(contents, tmp_path / "odd.pth")
    arguments = [str(config), "--work-dir", str(tmp_path / "run"), "--max-iters", "5"]
    arguments += ["--resume", str(tmp_path / "odd.pth")]
    one_line(train_tool.main(arguments), r"odd.pth: its optimizer has 2 groups .* 1,")


@pytest.mark.parametrize("workers", [0, 1])
def test_errors_of_the_data(train_tool, config, tmp_path, one_line, workers):
    arguments = [str(config), "--work-dir", str(tmp_path / "run"), "--max-iters", "2"]
    arguments += ["--cfg-options", f"train_dataloader.num_workers={workers}"]
    returned = train_tool.main([*arguments, "train_dataloader.dataset.missing=True"])
    one_line(returned, r"^error: no checkpoint at .*picture\.jpg; correct the path")


def test_errors_of_the_vocabulary_hook(train_tool, config, tmp_path, one_line):
    """TypeErrors of hooks are caught and raised anew by MMEngine."""
    text = config.read_text()
    config.write_text(text + "custom_hooks = [dict(type='TinyHook')]\n")
    arguments = [str(config), "--work-dir", str(tmp_path / "run"), "--max-iters", "2"]
    one_line(train_tool.main(arguments), r"^error: got the string 'red' where a list")


def test_bugs_keep_their_traceback(train_tool, config, tmp_path, monkeypatch):
    import tiny_run  # noqa: PLC0415

    def forward(self, inputs, data_samples=None, mode="tensor"):
        return torch.zeros(2) @ torch.zeros(3)

    monkeypatch.setattr(tiny_run.TinyModel, "forward", forward)
    arguments = [str(config), "--work-dir", str(tmp_path / "run"), "--max-iters", "2"]
    with pytest.raises(RuntimeError, match="inconsistent tensor size"):
        train_tool.main(arguments)


def test_debugging_shows_where(train_tool, config, tmp_path):
    arguments = [str(config), "--work-dir", str(tmp_path / "run"), "--debug"]
    with pytest.raises(ValueError, match="did you mean 'max_iters'"):
        train_tool.main([*arguments, "--cfg-options", "train_cfg.max_iter=3"])


def test_learning_rates_of_no_part(train_tool, plain, tmp_path, one_line):
    arguments = [plain, "--work-dir", str(tmp_path / "run"), "--cfg-options"]
    key = "optim_wrapper.paramwise_cfg.custom_keys.text_encodr.lr_mult"
    returned = train_tool.main([*arguments, f"{key}=0.1"])
    one_line(returned, r"no parameter of the model has 'text_encodr' in its name")


def test_unknown_splits(train_tool, plain, tmp_path, one_line):
    arguments = [plain, "--work-dir", str(tmp_path / "run"), "--cfg-options"]
    returned = train_tool.main([*arguments, "train_dataloader.dataset.split=tran"])
    one_line(returned, r"split is 'tran'; choose one of")
