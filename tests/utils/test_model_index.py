import re

import pytest

from mmris.utils.model_index import Score, read_model_index
from mmris.utils.results_table import BEGIN, END, marked, results_text

METAFILE = """
Collections:
  - Name: Method
Models:
  - Name: small
    In Collection: Method
    Config: configs/method/small.py
    Results:
      - Task: Referring Image Segmentation
        Dataset: {dataset}
        Source: {source}
        {evidence}
        Metrics: {metrics}
"""
GOOD = {
    "dataset": "RefCOCO (unc)",
    "source": "paper",
    "evidence": "Table: Table 2, row 3",
    "metrics": "{oIoU val: 58.3, oIoU testA: 60, Prec@0.5 val: 66.44}",
}


def write(folder, **changes):
    method = folder / "configs" / "method"
    method.mkdir(parents=True)
    (folder / "model-index.yml").write_text("Import: [configs/method/metafile.yml]")
    (method / "metafile.yml").write_text(METAFILE.format(**GOOD | changes))
    (method / "small.py").write_text("# Method: the small one.\n")
    return folder


def test_an_entry_is_read(tmp_path):
    (model,) = read_model_index(write(tmp_path))
    assert (model.name, model.method, model.headline) == (
        "small",
        "Method",
        "the small one",
    )
    assert model.config.is_file()
    (result,) = model.results
    assert result.table == "Table 2, row 3"
    assert result.scores[1] == Score("oIoU", "testA", 60.0)
    assert result.scores[2] == Score("Prec@0.5", "val", 66.44)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dataset": "RefCOCO"}, "small: no dataset is called 'RefCOCO'; .*ReferIt"),
        ({"source": "theirs"}, "Source is 'theirs'; write 'paper' or 'ours'"),
        ({"source": "ours"}, "numbers of source 'ours' on .* need 'Command'"),
        ({"evidence": "Page: 3"}, "numbers of source 'paper' on .* need 'Table'"),
        ({"metrics": "{oIoU: 3}"}, "has 'oIoU'; write the split .*'oIoU val'"),
    ],
)
def test_what_is_not_understood_is_refused(tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        read_model_index(write(tmp_path, **changes))


def test_tables_have_a_row_for_each_split(tmp_path):
    text = results_text(read_model_index(write(tmp_path)))
    assert text.splitlines() == [
        "RefCOCO (unc), the paper's numbers:",
        "",
        "| config | what it is | printed in | split | oIoU | Prec@0.5 |",
        "|---|---|---|---|---|---|",
        "| [small](small.py) | the small one | Table 2, row 3 | val | 58.30 | 66.44 |",
        "| | | | testA | 60.00 | |",
    ]


def test_our_numbers_come_with_their_command(tmp_path):
    changes = {"source": "ours", "evidence": "Command: python tools/train.py c.py"}
    text = results_text(read_model_index(write(tmp_path, **changes)))
    assert "| [small](small.py) | the small one | val | 58.3 | 66.4 |" in text
    assert text.endswith("`small` by `python tools/train.py c.py`.")


def test_a_config_without_numbers_is_named(tmp_path):
    write(tmp_path)
    file = tmp_path / "configs" / "method" / "metafile.yml"
    head = file.read_text().partition("    Results:")[0]
    file.write_text(f"{head}    Results: []\n")
    assert results_text(read_model_index(tmp_path)) == (
        "No numbers, neither published nor ours: [small](small.py)."
    )


def test_only_what_stands_between_the_marks_is_replaced(tmp_path):
    text = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    once = marked(text, "new", tmp_path)
    assert once == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"
    assert marked(once, "new", tmp_path) == once
    for broken in ("before", f"before {BEGIN}", f"{END} before"):
        with pytest.raises(ValueError, match=re.escape(f"write the lines {BEGIN}")):
            marked(broken, "new", tmp_path)
