"""Studies: what they compare, and what becomes of their scores."""

import dataclasses
import json
import statistics
import time

import pytest

from mmris.registry import MODELS
from mmris.studies import (
    comparisons,
    fingerprint,
    grid_table,
    plot_curves,
    published_scores,
    read_curve,
    read_results,
    read_study,
    row_config,
    study_table,
)
from mmris.utils.config import load_config
from mmris.utils.config_check import check_config
from tests.conftest import REPOSITORY
from tests.load_tool import load_tool

STUDIES = [
    path
    for path in sorted((REPOSITORY / "docs/en/studies").glob("*.json"))
    if ".results" not in path.name
]
CONFIG = "configs/baseline/baseline_tiny_shapes.py"
CONTENT = {
    "title": "Wider or not",
    "iterations": 2,
    "seeds": [0, 1],
    "splits": ["val"],
    "changes": {
        "default_hooks.visualization": None,
        "train_dataloader.dataset.num_images": 20,
        "val_dataloader.dataset.num_images": 2,
        "test_dataloader.dataset.num_images": 2,
        "train_dataloader.num_workers": 0,
        "train_dataloader.persistent_workers": False,
        # Runs are made in threads here, which had better not fork.
        "val_dataloader.num_workers": 0,
        "val_dataloader.persistent_workers": False,
        "test_dataloader.num_workers": 0,
        "test_dataloader.persistent_workers": False,
    },
    "rows": [
        {"name": "plain", "config": CONFIG},
        {
            "name": "narrow",
            "config": CONFIG,
            "changes": {"model.backbone.base_channels": 8},
            "against": "plain",
        },
    ],
}


def write(folder, **changes):
    path = folder / "widths.json"
    path.write_text(json.dumps({**CONTENT, **changes}))
    return path


def run_of(miou, config_sha256="x"):
    scores = {"val": {"mIoU": miou, "oIoU": 1.0, "mIoU_place": miou / 2}}
    return {
        "config_sha256": config_sha256,
        "seconds": 60.0,
        "machine": "",
        "scores": scores,
    }


@pytest.mark.slow
@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_all_rows_of_our_studies_are_models(path):
    study = read_study(path)
    for row in study.rows:
        config = row_config(study, row)
        check_config(config)
        MODELS.build(config.model)
        assert config.train_cfg.max_iters == study.iterations
        assert config.param_scheduler[-1]["end"] == study.iterations


def test_rows_of_the_ablations_differ_in_what_the_paper_changes():
    """And not in their backbones, which would be compared then."""
    study = read_study(REPOSITORY / "docs/en/studies/ablations.json")
    published = published_scores(study)
    backbones = {row.name: row_config(study, row).model.backbone for row in study.rows}
    for row in study.rows:
        assert row.as_published
        if row.against is not None:
            assert published[row.name].gain is not None, row.name
            assert backbones[row.name] == backbones[row.against], row.name


def test_rows_share_parts_and_can_be_made_small(tmp_path):
    parts = {"narrow": {"model.backbone.base_channels": 8, "train_cfg.val_begin": 2}}
    large = "configs/cmpc/cmpc-res5-ep_r101-lstm_1xb1-800k_refcoco-320.py"
    rows = [
        {"name": "one", "config": CONFIG, "parts": ["narrow"]},
        {"name": "two", "config": large, "tiny": True},
        {"name": "three", "config": CONFIG, "parts": ["wide"]},
    ]
    study = read_study(write(tmp_path, rows=rows[:2], parts=parts))
    config = row_config(study, study.rows[0])
    assert config.model.backbone.base_channels == 8
    assert config.train_cfg.val_begin == 2
    config = row_config(study, study.rows[1])
    assert config.model.backbone.depth == 18
    assert config.val_dataloader.dataset.num_images == 2
    with pytest.raises(ValueError, match=r"rows\[2\] has the part 'wide'.*'narrow'"):
        read_study(write(tmp_path, rows=rows, parts=parts))


def test_changes_replace_and_take_out(tmp_path):
    rows = [
        {
            "name": "one",
            "config": CONFIG,
            "changes": {
                "model.neck.block": {"type": "ConcatBlock", "channels": 8},
                "model.decode_head.mask_decoder.num_convs": None,
            },
        }
    ]
    study = read_study(write(tmp_path, rows=rows))
    config = row_config(study, study.rows[0])
    assert config.model.neck.block == {"type": "ConcatBlock", "channels": 8}
    assert "num_convs" not in config.model.decode_head.mask_decoder
    assert "visualization" not in config.default_hooks


def test_a_change_adds_to_a_list(tmp_path):
    more = {"type": "MaskLoss", "name": "loss_more", "loss": {"type": "mmseg.DiceLoss"}}
    rows = [{"name": "a", "config": CONFIG, "changes": {"model.losses.+": more}}]
    study = read_study(write(tmp_path, rows=rows))
    before = load_config(CONFIG).model.losses
    assert row_config(study, study.rows[0]).model.losses == [*before, more]
    rows[0]["changes"] = {"model.backbone.+": more}
    study = read_study(write(tmp_path, rows=rows))
    with pytest.raises(ValueError, match=r"'model.backbone.\+' leads nowhere"):
        row_config(study, study.rows[0])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 3}, "key 'epochs'"),
        ({"seeds": []}, "seeds is"),
        ({"iterations": "many"}, "iterations is"),
        ({"image_size": 64}, r"image_size is 64; give \[height, width\]"),
        ({"image_size": [64, 0]}, r"image_size is \[64, 0\]; give"),
        ({"grid": " + "}, r"grid is ' \+ ', which the name of row 'plain' has not"),
        ({"paper": "RefCOCO"}, r"paper is 'RefCOCO'; papers have .*'RefCOCO \(unc\)'"),
        ({"rows": [{"name": "a"}]}, r"rows\[0\] has no 'config'"),
        ({"rows": [CONTENT["rows"][1]]}, "against 'plain', which is no row"),
        ({"rows": [CONTENT["rows"][0]] * 2}, "names two rows"),
    ],
)
def test_mistakes_are_named(tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        read_study(write(tmp_path, **changes))


def test_scenes_and_pictures_of_a_study_have_its_size(tmp_path):
    study = read_study(write(tmp_path, image_size=[48, 80]))
    config = row_config(study, study.rows[0])
    for mode in ("train", "val", "test"):
        dataset = config[f"{mode}_dataloader"].dataset
        assert dataset.image_size == (48, 80)
        assert [step["size"] for step in dataset.pipeline if "size" in step] == [
            (48, 80)
        ]


def test_a_size_is_for_generated_scenes(tmp_path):
    rows = [
        {
            "name": "a",
            "config": "configs/cmsa/cmsa_r101-embedding_1xb1-800k_refcoco-320.py",
        }
    ]
    study = read_study(write(tmp_path, rows=rows, image_size=[64, 64]))
    with pytest.raises(ValueError, match="has none, being no generated scenes"):
        row_config(study, study.rows[0])


def test_a_change_that_leads_nowhere_is_named(tmp_path):
    rows = [{"name": "a", "config": CONFIG, "changes": {"model.nack.block": 1}}]
    study = read_study(write(tmp_path, rows=rows))
    with pytest.raises(ValueError, match=r"'a': 'model\.nack\.block' leads nowhere"):
        row_config(study, study.rows[0])


def test_tables_have_means_deviations_and_verdicts(tmp_path):
    study = read_study(write(tmp_path))
    results = read_results(tmp_path / "widths.results.json")
    for seed, miou in enumerate((50.0, 52.0)):
        results.add("plain", seed, run_of(miou))
    for seed, miou in enumerate((60.0, 66.0)):
        results.add("narrow", seed, run_of(miou))
    results = read_results(tmp_path / "widths.results.json")
    lines = study_table(study, results, "val").splitlines()
    assert lines[0] == "|  | seeds | mIoU | place |"
    assert lines[2] == "| plain | 2 | 51.0 ± 1.4 | 25.5 ± 0.7 |"
    deviation = statistics.stdev([60.0, 66.0])
    assert lines[3].startswith(f"| narrow | 2 | 63.0 ± {deviation:.1f} |")
    (line,) = comparisons(study, results, "val")
    assert line == "narrow against plain: +12.0 mIoU, error bars apart"
    results.add("narrow", 1, run_of(40.0))
    (line,) = comparisons(study, results, "val")
    assert line == "narrow against plain: -1.0 mIoU, error bars not apart"


def test_numbers_of_the_papers_stand_beside_ours(tmp_path):
    names = {
        "none": "cmsa/cmsa-res5-none_r101-embedding_1xb1-800k_refcoco-320",
        "attention": "cmsa/cmsa-res5_r101-embedding_1xb1-800k_refcoco-320",
        "no alignment": "jmceln/jmceln-nopan_clip-r101_1xb20-127k_refcoco-416",
        "alignment": "jmceln/jmceln_clip-r101_1xb20-127k_refcoco-416",
    }
    rows = [
        {"name": name, "config": f"configs/{file}.py"} for name, file in names.items()
    ]
    rows[1]["against"] = "none"
    rows[3]["against"] = "no alignment"
    rows.append({"name": "plain", "config": CONFIG, "against": "none"})
    rows.append({**rows[0], "name": "mine", "changes": {"model.backbone.depth": 50}})
    study = read_study(write(tmp_path, rows=rows, paper="RefCOCO (unc)"))
    published = published_scores(study)
    assert list(published) == list(names)
    assert published["none"].gain is None
    assert published["attention"].gain == pytest.approx(50.12 - 45.63)
    # The paper's first number for it is on val, where the other row has none.
    score = published["alignment"].score
    assert (score.metric, score.split, score.value) == ("mIoU", "testB", 70.43)

    results = read_results(tmp_path / "widths.results.json")
    for row, miou in zip(study.rows, (50, 60, 50, 40, 30, 20), strict=True):
        results.add(row.name, 0, run_of(miou))
    lines = study_table(study, results, "val").splitlines()
    assert lines[0] == "|  | seeds | mIoU | place | paper, RefCOCO (unc) |"
    assert lines[3].endswith("| 30.0 | 50.1 oIoU val |")
    assert lines[6].endswith("| 15.0 |  |")
    assert comparisons(study, results, "val") == [
        "attention against none: +10.0 mIoU; in the paper +4.5 oIoU",
        f"alignment against no alignment: -10.0 mIoU; in the paper "
        f"{published['alignment'].gain:+.1f} mIoU",
        "plain against none: -20.0 mIoU",
        "1 of 2 comparisons come out as in the paper",
    ]


def test_a_grid_has_every_one_with_every_other(tmp_path):
    names = ("a + x", "a + y", "b + x", "b + y", "c + x")
    rows = [{"name": name, "config": CONFIG} for name in names]
    study = read_study(write(tmp_path, rows=rows, grid=" + "))
    results = read_results(tmp_path / "widths.results.json")
    for name, miou in zip(names, (50, 60, 40, 45, 30), strict=True):
        if name != "b + y":
            results.add(name, 0, run_of(miou))
    results.add("a + x", 1, run_of(54))
    assert grid_table(study, results, "val").splitlines() == [
        "|  | x | y | mean |",
        "| --- | --- | --- | --- |",
        "| a | 52.0 | 60.0 | 56.0 |",
        "| b | 40.0 |  |  |",
        "| c | 30.0 |  |  |",
        "| mean | 40.7 |  |  |",
    ]


def test_curves_are_of_all_logs_of_a_run(tmp_path):
    for folder, steps in (("1_first", [10, 20, 30]), ("2_resumed", [30, 40])):
        log = tmp_path / folder / "vis_data" / "scalars.json"
        log.parent.mkdir(parents=True)
        lines = [json.dumps({"loss": 1 / step, "step": step}) for step in steps]
        log.write_text("\n".join([*lines, json.dumps({"mIoU": 3, "step": 40})]))
    curve = read_curve(tmp_path)
    assert curve == [(10, 0.1), (20, 0.05), (30, 0.0333), (40, 0.025)]
    assert read_curve(tmp_path, points=2) == [(20, 0.075), (40, 0.0292)]
    assert read_curve(tmp_path / "1_first") == []


def test_curves_are_drawn_of_rows_that_have_some(tmp_path):
    study = read_study(write(tmp_path))
    results = read_results(tmp_path / "results.json")
    assert not plot_curves(study, results, tmp_path / "curves.png")
    results.add("plain", 0, {**run_of(50), "curve": [(1, 0.5), (2, 0.4)]})
    results.add("plain", 1, {**run_of(50), "curve": [(1, 0.7), (2, 0.2)]})
    results.add("narrow", 0, run_of(40))
    assert plot_curves(study, results, tmp_path / "curves.png")
    assert (tmp_path / "curves.png").stat().st_size > 1000


def test_more_curves_than_can_be_told_apart_are_not_drawn(tmp_path):
    rows = [{"name": f"{number}", "config": CONFIG} for number in range(21)]
    results = read_results(tmp_path / "results.json")
    for row in rows:
        results.add(row["name"], 0, {**run_of(50), "curve": [(1, 0.5), (2, 0.4)]})
    file = tmp_path / "curves.png"
    assert not plot_curves(read_study(write(tmp_path, rows=rows)), results, file)
    assert plot_curves(read_study(write(tmp_path, rows=rows[:20])), results, file)


def test_a_run_of_another_config_is_refused(tmp_path):
    results = read_results(tmp_path / "a.json")
    results.add("plain", 0, run_of(1.0, "before"))
    assert results.find("plain", 1, "now") is None
    assert results.find("plain", 0, "before")["seconds"] == 60.0
    with pytest.raises(ValueError, match="row 'plain', seed 0, of another config"):
        results.find("plain", 0, "now")
    (tmp_path / "b.json").write_text("[]")
    with pytest.raises(ValueError, match="holds no results"):
        read_results(tmp_path / "b.json")


@pytest.fixture
def tool(monkeypatch):
    """The tool, which runs the others in this process."""
    study = load_tool("analysis_tools/study")
    programs = {name: load_tool(name) for name in ("train", "test")}
    study.ran = []

    def run_program(name, words, log):
        study.ran.append((name, words))
        return programs[name.removesuffix(".py")].main(words)

    monkeypatch.setattr(study, "run_program", run_program)
    return study


def test_runs_are_made_once_and_scored(tool, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(REPOSITORY)
    path = write(tmp_path, seeds=[4])
    words = [str(path), "--work-dir", str(tmp_path / "runs")]
    assert tool.main([*words, "--time-limit", "0"]) == 0
    assert tool.ran == []
    assert tool.main([*words, "--rows", "narrow"]) == 0
    assert [name for name, _ in tool.ran] == ["train.py", "test.py"]
    (_, trained), (_, tested) = tool.ran
    assert trained[trained.index("--seed") + 1] == "4"
    assert tested[1].endswith("iter_2.pth")
    results = json.loads((tmp_path / "widths.results.json").read_text())
    run = results["runs"]["narrow"]["4"]
    study = read_study(path)
    assert run["config_sha256"] == fingerprint(row_config(study, study.rows[1]))
    assert 0 <= run["scores"]["val"]["mIoU"] <= 100
    tool.ran.clear()
    assert tool.main([*words, "--rows", "narrow"]) == 0
    assert tool.ran == []
    assert f"| narrow | 1 | {run['scores']['val']['mIoU']:.1f} |" in (
        capsys.readouterr().out
    )
    page = tmp_path / "page.md"
    page.write_text(f"a\n<!-- study: {path} -->\nold\n<!-- end of study -->\nb\n")
    assert tool.main(["--page", str(page)]) == 0
    text = page.read_text()
    assert "old" not in text
    assert "| narrow | 1 |" in text
    assert (tmp_path / "images" / "study_widths_val.png").is_file()


def test_a_folder_with_a_run_of_another_config_is_not_gone_on_with(
    tool, tmp_path, monkeypatch
):
    """Its weights would be scored as those of the config as it is now."""
    monkeypatch.chdir(REPOSITORY)
    ran = []
    monkeypatch.setattr(tool, "run_program", lambda name, *_: ran.append(name) or 1)
    study = read_study(write(tmp_path, seeds=[0]))
    plain, narrow = study.rows
    folder = tmp_path / "run"
    assert "training failed" in tool.train_and_test(study, plain, 0, folder)
    assert "training failed" in tool.train_and_test(study, plain, 0, folder)
    assert ran == ["train.py"] * 2
    before = (folder / "study_config.py").read_text()
    refusal = tool.train_and_test(study, narrow, 0, folder)
    assert f"{folder} has runs of this config before it was changed" in refusal
    longer = dataclasses.replace(study, iterations=3)
    assert "Give another --work-dir" in tool.train_and_test(longer, plain, 0, folder)
    assert ran == ["train.py"] * 2
    assert (folder / "study_config.py").read_text() == before


def test_a_page_may_have_studies_that_are_not_made(tool, tmp_path):
    path = write(tmp_path)
    page = tmp_path / "page.md"
    page.write_text(f"a\n<!-- study: {path} -->\nold\n<!-- end of study -->\nb\n")
    assert tool.main(["--page", str(page)]) == 0
    assert f"Not made yet; `python tools/analysis_tools/study.py {path}`" in (
        page.read_text()
    )


def test_nothing_to_do_is_a_line(tool, capsys):
    assert tool.main([]) == 2
    assert "give the file of a study" in capsys.readouterr().err


def test_a_run_is_kept_as_soon_as_it_is_done(tool, tmp_path, monkeypatch):
    """Though one that began before it is not, which may be cut off."""
    path = write(tmp_path, seeds=[0])
    file = tmp_path / "widths.results.json"

    def train_and_test(study, row, seed, folder):
        until = time.monotonic() + 20
        while row.name == "plain" and not file.exists():
            assert time.monotonic() < until
            time.sleep(0.01)
        return run_of(50.0, fingerprint(row_config(study, row)))

    monkeypatch.setattr(tool, "train_and_test", train_and_test)
    words = [str(path), "--work-dir", str(tmp_path / "runs"), "--jobs", "2"]
    assert tool.main(words) == 0
    assert list(json.loads(file.read_text())["runs"]) == ["narrow", "plain"]
