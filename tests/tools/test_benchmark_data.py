import json

import numpy as np
import pytest

from mmris.datasets import ReferDataset
from tests.load_tool import load_tool

CONFIG = "configs/cmsa/cmsa_r101-embedding_1xb1-800k_refcoco-320.py"


@pytest.fixture(scope="module")
def tool():
    return load_tool("analysis_tools/benchmark_data")


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scenes")
    numbers = ["--num-train", "3", "--num-val", "0", "--num-testA", "0"]
    load_tool("dataset_tools/write_shapes").main(
        [str(folder), *numbers, "--num-testB", "0", "--image-size", "40", "60"]
    )
    return folder


def options(scenes):
    settings = {"dataset": "shapes", "partition": "unc", "data_root": scenes}
    return [
        "--cfg-options",
        *(f"train_dataloader.dataset.{key}={value}" for key, value in settings.items()),
    ]


def test_the_table_has_every_step_and_the_share(tool, scenes, tmp_path, capsys):
    times = tmp_path / "times.json"
    arguments = [CONFIG, "--rounds", "2", "--json", str(times), *options(scenes)]
    assert tool.main(arguments) == 0
    content = json.loads(times.read_text())
    assert list(content["steps"])[:3] == ["item", "LoadRefImage", "LoadRefMasks"]
    assert "PackRefInputs" in content["steps"]
    columns = [*content["steps"].values(), content["whole"], content["bare"]]
    assert len({len(column) for column in columns}) == 1
    steps = np.sum(list(content["steps"].values()), axis=0)
    np.testing.assert_allclose(steps, content["whole"])
    share = sum(content["bare"]) / sum(content["whole"])
    assert content["share"] == pytest.approx(share)
    assert f"{100 * share:.0f} % of the speed of bare" in capsys.readouterr().out


def test_bare_masks_are_those_of_the_dataset(tool, scenes):
    settings = {"dataset": "shapes", "partition": "unc", "data_root": str(scenes)}
    settings |= {"split": "train", "sampling": "image"}
    raw = ReferDataset(**settings)
    whole = ReferDataset(**settings, pipeline=[{"type": "LoadRefMasks"}])
    assert len(raw) == 3
    for number in range(len(raw)):
        # At the original size, where resizing leaves masks as they are.
        masks = tool.bare_item(raw[number], (40, 60))
        assert len(masks) > 1
        np.testing.assert_array_equal(masks, whole[number]["gt_masks"])


def test_datasets_without_files_are_refused(tool, capsys):
    assert tool.main(["configs/cmsa/cmsa_tiny_shapes.py", "--items", "1"]) == 2
    assert "write_shapes.py" in capsys.readouterr().err


def test_numbers_out_of_range_are_refused(tool, capsys):
    assert tool.main([CONFIG, "--items", "0"]) == 2
    assert "--items 0" in capsys.readouterr().err
