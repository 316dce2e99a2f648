"""The path that real data take: files in RefCOCO's layout, trained on and scored."""

import importlib.util
import json

import torch

from tests.conftest import REPOSITORY

CONFIG = REPOSITORY / "configs" / "baseline" / "baseline_tiny_shapes.py"


def write_scenes(folder):
    path = REPOSITORY / "tools" / "dataset_tools" / "write_shapes.py"
    spec = importlib.util.spec_from_file_location("write_shapes", path)
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    numbers = {"train": 8, "val": 2, "testA": 2, "testB": 3}
    counts = [word for s, n in numbers.items() for word in (f"--num-{s}", str(n))]
    assert program.main([str(folder), *counts]) in (0, None)


def test_scenes_on_disk_are_trained_on_and_scored(train_tool, test_tool, tmp_path):
    write_scenes(tmp_path / "scenes")
    options = ["--dataset", "shapes_on_disk", "--cfg-options"]
    for split in ("train", "val", "test"):
        loader = f"{split}_dataloader"
        options.append(f"{loader}.dataset.data_root={tmp_path / 'scenes'}")
        options += [f"{loader}.num_workers=0", f"{loader}.persistent_workers=False"]
    run = ["--work-dir", str(tmp_path / "run")]
    assert train_tool.main([str(CONFIG), *run, "--max-iters", "2", *options]) == 0
    checkpoint = tmp_path / "run" / "iter_2.pth"
    words = torch.load(checkpoint, weights_only=False)["state_dict"]
    assert any(name.endswith("_extra_state") for name in words)

    asked = ["--split", "testB", "--metrics", str(tmp_path / "scores.json")]
    asked += ["--show-dir", str(tmp_path / "pictures")]
    arguments = [str(CONFIG), str(checkpoint), *run, *asked, *options]
    assert test_tool.main(arguments) == 0
    report = json.loads((tmp_path / "scores.json").read_text(encoding="utf-8"))
    assert report["split"] == "testB"
    scores = report["metrics"]
    assert 0 <= scores["mIoU"] <= 100
    assert {"oIoU", "Prec@0.9", "mIoU_attribute"} <= set(scores)
    assert (
        len(list((tmp_path / "pictures").glob("*.png"))) == 6
    )  # 3 images, 2 sentences
