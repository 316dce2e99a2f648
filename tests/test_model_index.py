"""Metafiles, READMEs and configs hold the same, in both directions."""

import re

import pytest

from mmris.utils.config import PACKAGE_CONFIGS
from mmris.utils.model_index import DATASETS, read_model_index
from mmris.utils.results_table import BEGIN, END, marked, results_text
from tests import golden

MODELS = read_model_index()
METHODS = sorted({model.config.parent for model in MODELS})
# Rows of the papers' tables and what stands beside them: at least so many configs.
ROWS = {"cmpc": 17, "cmsa": 12, "shnet": 15, "cefnet": 6, "jmceln": 6}
# What the papers print, but for the systems of others.
ROWS_OF_TABLES = {
    "CMPC": {"Table 1"}
    | {f"Table 2, row {row}" for row in range(1, 12)}
    | {f"Table {table}, n = {n}" for table in (3, 4) for n in range(4)},
    "CMSA": {
        "Table 1",
        "Table 2, no attention",
        "Table 2, word attention, one reading",
        "Table 2, word attention, the other reading",
        "Table 2, pixel attention, one reading",
        "Table 2, pixel attention, the other reading",
        "Table 2, word-pixel pair attention",
        "Table 2, cross-modal attention",
        *(
            f"Table 3, CMSA{row}"
            for row in ("-S", "-W", "+PPM", "+Deconv", "+ConvLSTM", "+Gated", "+GF")
        ),
    },
    "SHNet": {"Table 1", "Table 3"}
    | {f"Table 2, row {row}" for row in range(1, 9)}
    | {f"Table 4, {row}" for row in ("MGATE", "TGFE", "GBFM", "HCAM")},
    "CEFNet": {"Table 1", "Table 1, coco"}
    | {f"Table 3, row {row}" for row in range(1, 7)},
    "JMCELN": {"Table 1"} | {f"Table 2, row {row}" for row in range(1, 7)},
}


def name(value):
    return value.name


def test_every_config_is_in_one_entry_and_every_entry_has_its_config():
    assert sorted(model.config for model in MODELS) == golden.CONFIGS
    for model in MODELS:
        assert model.name == model.config.stem


def test_every_folder_of_configs_is_imported():
    folders = [path for path in PACKAGE_CONFIGS.iterdir() if path.name != "_base_"]
    assert sorted(path for path in folders if path.is_dir()) == METHODS


@pytest.mark.parametrize("folder", METHODS, ids=name)
def test_the_readme_has_the_results_of_the_metafile(folder):
    own = [model for model in MODELS if model.config.parent == folder]
    assert len(own) >= ROWS.get(folder.name, 0)
    assert len({model.method for model in own}) == 1
    file = folder / "README.md"
    text = file.read_text(encoding="utf-8")
    # python tools/misc/list_models.py --update-readmes
    assert marked(text, results_text(own), file) == text
    assert text.count(BEGIN) == text.count(END) == 1
    for model in own:
        assert text.count(f"[{model.name}]({model.config.name})") >= 1


@pytest.mark.parametrize("model", MODELS, ids=name)
def test_numbers_in_the_head_of_a_config_are_those_of_the_metafile(model):
    head = model.config.read_text(encoding="utf-8").partition("_base_ =")[0]
    head = re.sub(r"https?://\S+", "", head)
    known = {score.value for result in model.results for score in result.scores}
    for number in re.findall(r"(?<![\w.])\d\d\.\d+(?!\w| million)", head):
        assert float(number) in known, number


@pytest.mark.parametrize("model", MODELS, ids=name)
def test_results_name_datasets_that_there_are(model):
    config = golden.config_of(model.config)
    home = config.train_dataloader.dataset
    for result in model.results:
        source = DATASETS[result.dataset]
        if source is not None:
            assert (golden.BASES / "datasets" / f"{source}.py").is_file()
        for score in result.scores:
            assert 0 < score.value < 100
        if result.source == "ours":
            assert str(model.config.relative_to(PACKAGE_CONFIGS.parent)) in (
                result.command
            )
            assert (home.type == "ShapesRefDataset") == (source == "shapes")


@pytest.mark.parametrize("method", ROWS_OF_TABLES)
def test_every_row_of_the_tables_has_its_config(method):
    found = {
        row
        for model in MODELS
        if model.method == method
        for result in model.results
        for row in result.table.split("; ")
        if row
    }
    assert found == ROWS_OF_TABLES[method]
