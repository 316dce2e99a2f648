"""``--tiny`` from the command line: a row of a paper's table is trained and scored."""

from mmengine.config import Config

from mmris.utils.config import PACKAGE_CONFIGS

ROW = str(
    PACKAGE_CONFIGS / "shnet/shnet-nopos_dlv3p-r101-lstm_1xb50-72k_refcoco-320.py"
)
FEW = [
    f"{split}_dataloader.{option}"
    for split in ("train", "val", "test")
    for option in ("dataset.num_images=4", "num_workers=0", "persistent_workers=False")
]


def test_a_row_is_trained_and_scored(train_tool, test_tool, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = ["--tiny", "--max-iters", "2", "--cfg-options", *FEW]
    assert train_tool.main([ROW, *options]) == 0
    (work_dir,) = (tmp_path / "work_dirs").iterdir()
    assert work_dir.name == "shnet-nopos_dlv3p-r101-lstm_1xb50-72k_refcoco-320_tiny"
    config = Config.fromfile(next(work_dir.glob("*.py")))
    assert config.model.neck.positions is False
    few = [option for option in FEW if option.startswith("test")]
    checkpoint = str(work_dir / "iter_2.pth")
    metrics = tmp_path / "metrics.json"
    options = ["--tiny", "--metrics", str(metrics), "--cfg-options", *few]
    assert test_tool.main([ROW, checkpoint, *options]) == 0
    assert metrics.is_file()
