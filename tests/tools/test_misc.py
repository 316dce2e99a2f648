import json
import re
import shutil

import pytest
from mmengine.config import Config

from mmris.utils.config import PACKAGE_CONFIGS
from mmris.utils.model_index import read_model_index
from tests.conftest import REPOSITORY
from tests.load_tool import load_tool

CONFIG = str(PACKAGE_CONFIGS / "cmsa/cmsa_tiny_shapes.py")
ROW = str(
    PACKAGE_CONFIGS / "shnet/shnet-mgate_dlv3p-r101-lstm_1xb50-72k_refcoco-320.py"
)


@pytest.fixture(scope="module")
def print_config():
    return load_tool("misc/print_config")


@pytest.fixture(scope="module")
def list_models():
    return load_tool("misc/list_models")


def printed(tool, capsys, *options):
    assert tool.main(list(options)) == 0
    return capsys.readouterr().out


def test_a_printed_config_is_the_config_again(print_config, capsys, tmp_path):
    file = tmp_path / "again.py"
    file.write_text(printed(print_config, capsys, CONFIG))
    assert Config.fromfile(file).to_dict() == Config.fromfile(CONFIG).to_dict()


def test_options_are_applied_in_the_order_of_training(print_config, capsys, tmp_path):
    options = [
        "--tiny",
        "--dataset",
        "refcocog",
        "--cfg-options",
        "model.neck.channels=8",
    ]
    file = tmp_path / "changed.py"
    file.write_text(printed(print_config, capsys, ROW, *options))
    config = Config.fromfile(file)
    assert config.model.backbone.depth == 18
    assert config.model.neck.channels == 8
    assert config.train_dataloader.dataset.type == "ReferDataset"


def test_a_part_alone(print_config, capsys):
    text = printed(print_config, capsys, ROW, "--key", "model.decode_head.exchange")
    assert text == "exchange = dict(type='ChannelGatedExchange')\n"
    text = printed(print_config, capsys, CONFIG, "--key", "param_scheduler.1.end")
    assert text == "end = 3800\n"
    text = printed(print_config, capsys, CONFIG, "--key", "param_scheduler.0")
    assert text.startswith("entry_0 = dict(")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            [CONFIG, "--key", "model.nek"],
            "--key model.nek: model has no 'nek'; did you",
        ),
        (
            [CONFIG, "--key", "model.neck.type.x"],
            "model.neck.type has no 'x'; it takes",
        ),
        ([CONFIG, "--key", "param_scheduler.7"], "no '7'"),
        ([CONFIG, "--cfg-options", "model.neck.own=3"], "no argument 'own'"),
        (["nothing.py"], "no config file 'nothing.py'"),
        ([CONFIG, "--dataset", "nothing"], "no dataset 'nothing'"),
    ],
)
def test_one_line_for_an_error(print_config, capsys, options, message):
    assert print_config.main(options) == 2
    error = capsys.readouterr().err
    assert re.match("error: ", error)
    assert error.count("\n") == 1
    assert message in error


def test_a_table_of_all_models(list_models, capsys):
    lines = printed(list_models, capsys).splitlines()
    assert len({len(line) for line in lines}) == 1  # aligned
    assert [cell.strip() for cell in lines[0].strip("|").split("|")] == list(
        list_models.COLUMNS
    )
    names = {line.strip("|").split("|")[0].strip() for line in lines[2:]}
    assert names == {model.name for model in read_model_index()}
    text = "\n".join(" ".join(line.split()) for line in lines)
    assert (
        "| cmsa_tiny_shapes | CMSA | Embedding | mmseg.ResNetV1c-18 | generated scenes "
        "| | oIoU val 68.9 |"
    ) in text
    assert "mmseg.ResNet-101 | RefCOCO+ (unc) | oIoU val 43.76, testA 47.60," in text


def test_one_method_as_json(list_models, capsys):
    models = json.loads(printed(list_models, capsys, "--json", "--method", "shnet"))
    assert {model["method"] for model in models} == {"SHNet"}
    (row,) = [m for m in models if m["name"].startswith("shnet-nopos")]
    assert row["text_encoder"] == "LSTM"
    assert row["headline"] == "SHNet without positions"
    assert (REPOSITORY / row["config"]).is_file()
    (result,) = row["results"]
    assert result["scores"][0] == {"metric": "oIoU", "split": "val", "value": 63.07}


def test_a_method_that_there_is_not(list_models, capsys):
    assert list_models.main(["--method", "CMSB"]) == 2
    assert "--method CMSB: did you mean 'CMSA'?" in capsys.readouterr().err


def test_readmes_are_written(list_models, capsys, monkeypatch, tmp_path):
    shutil.copytree(PACKAGE_CONFIGS, tmp_path / "configs")
    shutil.copy(REPOSITORY / "model-index.yml", tmp_path)
    models = read_model_index(tmp_path)
    monkeypatch.setattr(list_models, "read_model_index", lambda: models)
    readme = tmp_path / "configs" / "cmsa" / "README.md"
    before = readme.read_text(encoding="utf-8")
    readme.write_text(before.replace("| 68.9 |", "| 99.8 |"), encoding="utf-8")
    assert printed(list_models, capsys, "--update-readmes") == ""
    assert readme.read_text(encoding="utf-8") == before


@pytest.mark.parametrize("tool", ["print_config", "list_models"])
def test_help(tool, capsys):
    with pytest.raises(SystemExit) as stop:
        load_tool(f"misc/{tool}").main(["--help"])
    assert stop.value.code == 0
    assert "--debug" in capsys.readouterr().out
