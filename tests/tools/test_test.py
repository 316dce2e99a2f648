import json

import pytest


def test_scores_and_pictures_are_written(trained, test_tool, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config, work_dir = trained
    report = tmp_path / "scores" / "report.json"
    arguments = [str(config), str(work_dir / "iter_4.pth"), "--metrics", str(report)]
    arguments += ["--show-dir", str(tmp_path / "pictures"), "--show-interval", "2"]
    assert test_tool.main(arguments) == 0
    content = json.loads(report.read_text())
    assert content["checkpoint"] == str(work_dir / "iter_4.pth")
    assert {"oIoU", "mIoU", "Prec@0.9", "mIoU_attribute"} <= content["metrics"].keys()
    pictures = sorted(path.name for path in (tmp_path / "pictures").iterdir())
    assert pictures == [f"{image}_{k}.png" for image in (0, 2, 4) for k in range(2)]
    assert list((tmp_path / "work_dirs" / config.stem / "test").glob("*/*.log"))


def test_training_data_are_not_touched(trained, test_tool, tmp_path):
    config, work_dir = trained
    arguments = [str(config), str(work_dir / "iter_4.pth")]
    arguments += ["--work-dir", str(tmp_path / "run")]
    arguments += ["--cfg-options", "train_dataloader.dataset.type=NoSuchDataset"]
    assert test_tool.main(arguments) == 0


def test_the_validation_score_is_that_of_the_checkpoint(trained, test_tool, tmp_path):
    config, work_dir = trained
    (scalars,) = work_dir.glob("*/vis_data/scalars.json")
    validation = json.loads(scalars.read_text().splitlines()[-1])
    report = tmp_path / "report.json"
    arguments = [str(config), str(work_dir / "iter_4.pth"), "--metrics", str(report)]
    assert test_tool.main([*arguments, "--work-dir", str(tmp_path / "run")]) == 0
    scores = json.loads(report.read_text())["metrics"]
    assert scores["oIoU"] == pytest.approx(validation["oIoU"])


def test_another_split_is_selected(trained, test_tool, tmp_path):
    config, work_dir = trained
    arguments = [str(config), str(work_dir / "iter_4.pth"), "--split", "testB"]
    arguments += ["--work-dir", str(tmp_path / "run")]
    cfg = test_tool.prepare(test_tool.parse_args(arguments))
    assert cfg.test_dataloader.dataset.split == "testB"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gone.py", "gone.pth"], "no config file 'gone.py'"),
        ([None, "gone.pth"], "no checkpoint file 'gone.pth'"),
    ],
)
def test_missing_files_give_one_line(trained, test_tool, capsys, arguments, message):
    arguments = [str(trained[0]) if name is None else name for name in arguments]
    assert test_tool.main(arguments) == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert printed.count("\n") == 1
