"""The leak check finds what sets share, on the real sentence files as well."""

from __future__ import annotations

import json
import re

import pytest

from tests.conftest import REPOSITORY
from tests.datasets.real_sentences import write_real_sentences
from tests.datasets.refer_folder import reference, write_refer
from tests.load_tool import load_tool


@pytest.fixture(autouse=True)
def _no_garbage(monkeypatch):
    """MMEngine collects it for each dataset, which takes long in a test run."""
    monkeypatch.setattr("gc.collect", lambda: 0)


RUNTIME = REPOSITORY / "configs" / "_base_" / "default_runtime.py"


@pytest.fixture(scope="module")
def main():
    return load_tool("dataset_tools/check_leak").main


def leaf(root, dataset, partition, split, **more):
    return {
        "type": "ReferDataset",
        "dataset": dataset,
        "partition": partition,
        "split": split,
        "data_root": str(root),
        **more,
    }


def write_config(path, train, *tests):
    loaders = {"train_dataloader": train}
    for name, dataset in zip(("test", "val"), tests, strict=False):
        loaders[f"{name}_dataloader"] = dataset
    lines = [f"_base_ = [{str(RUNTIME)!r}]", "custom_hooks = []"]
    lines += [f"{k} = dict(dataset={dataset!r})" for k, dataset in loaders.items()]
    path.write_text("\n".join(lines))
    return str(path)


def run(main, config, tmp_path, *words):
    """Exit code and number of shared pictures by evaluation and training set."""
    report = tmp_path / "report.json"
    report.unlink(missing_ok=True)
    code = main([config, "--json", str(report), *words])
    pairs = json.loads(report.read_text())
    return code, {
        (pair["evaluation"], pair["train"]): len(pair["shared"]) for pair in pairs
    }


# ----- made data


@pytest.fixture
def root(tmp_path):
    """Pictures 1 and 2 are cups' training; plates test on 2 and 3."""
    write_refer(
        tmp_path,
        [reference(1, 1, "train"), reference(2, 2, "train"), reference(3, 5, "val")],
        dataset="cups",
        pictures=False,
    )
    write_refer(
        tmp_path,
        [
            reference(1, 1, "train"),
            reference(2, 2, "val"),
            reference(3, 3, "val"),
            reference(4, 1, "testA"),
        ],
        dataset="plates",
        pictures=False,
    )
    return tmp_path


def test_a_config_that_shares_nothing_is_proved_clean(main, root, tmp_path, capsys):
    cups = leaf(root, "cups", "unc", "train")
    config = write_config(tmp_path / "a.py", cups, leaf(root, "cups", "unc", "val"))
    assert main([config]) == 0
    printed = capsys.readouterr().out
    assert printed.endswith("\nclean: no picture is trained and tested on\n")
    assert re.search(r"^cups \(unc\) val +1 +0$", printed, re.MULTILINE)


def test_what_is_shared_is_listed(main, root, tmp_path, capsys):
    cups = leaf(root, "cups", "unc", "train")
    config = write_config(tmp_path / "a.py", cups, leaf(root, "plates", "unc", "val"))
    code, shared = run(main, config, tmp_path)
    assert code == 1
    train = "cups (unc) train"
    # testA is not configured, but --split can test on it.
    assert shared == {("plates (unc) val", train): 1, ("plates (unc) testA", train): 1}
    printed = capsys.readouterr().out
    assert "plates (unc) val in cups (unc) train: coco 2\n" in printed
    assert printed.endswith("\nnot clean: 2 pictures are trained and tested on\n")
    _, shared = run(main, config, tmp_path, "--only-configured")
    assert list(shared) == [("plates (unc) val", train)]


def test_long_lists_are_cut_unless_they_are_asked_for(main, tmp_path, capsys):
    entries = [reference(n, n, "train") for n in range(1, 9)]
    write_refer(tmp_path, entries, pictures=False)
    both = leaf(tmp_path, "cups", "unc", "train")
    config = write_config(tmp_path / "a.py", both, both)
    assert main([config]) == 1
    printed = capsys.readouterr().out
    assert "coco 1, coco 2, coco 3, coco 4, coco 5 and 3 more (--list)" in printed
    assert main([config, "--list"]) == 1
    assert capsys.readouterr().out.count("coco ") == 8


def test_mixtures_are_compared_set_by_set_without_what_is_held_out(
    main, root, tmp_path
):
    parts = [leaf(root, name, "unc", "train") for name in ("cups", "plates")]
    held_out = [leaf(root, "plates", "unc", split) for split in ("val", "testA")]
    tested = leaf(root, "plates", "unc", "val")
    leaky = {"type": "MixedRefDataset", "datasets": parts}
    config = write_config(tmp_path / "a.py", leaky, tested)
    code, shared = run(main, config, tmp_path)
    assert code == 1
    assert sorted(shared.values()) == [0, 1, 1, 1]
    clean = {**leaky, "datasets": parts[:1], "held_out": held_out[:1]}
    code, shared = run(main, write_config(tmp_path / "b.py", clean, tested), tmp_path)
    assert code == 1
    assert shared["plates (unc) val", "cups (unc) train"] == 0
    assert shared["plates (unc) testA", "cups (unc) train"] == 1
    # What is held out is compared, also where nothing tests on it.
    code, shared = run(main, write_config(tmp_path / "c.py", clean), tmp_path)
    assert set(shared) == {
        ("plates (unc) val", "cups (unc) train"),
        ("plates (unc) testA", "cups (unc) train"),
    }


def test_formats_that_read_sizes_off_pictures_need_none_here(main, tmp_path):
    """ReferIt and own data, also in mixtures and held out."""
    queries = {"train": {"1_1": ["sky"], "2_1": ["man"]}, "test": {"2_7": ["tree"]}}
    for split, content in queries.items():
        path = tmp_path / f"referit_query_{split}.json"
        path.write_text(json.dumps(content))
    box = [[3, 2, 8, 2, 8, 6, 3, 6]]
    names = {"train": "train2014/COCO_train2014_000000000009.jpg", "val": "b.jpg"}
    lines = [
        json.dumps({"image": name, "mask": box, "sentences": "cup", "split": split})
        for split, name in names.items()
    ]
    (tmp_path / "own.jsonl").write_text("\n".join(lines))
    write_refer(tmp_path, [reference(1, 9, "val")], pictures=False)

    def referit(split):
        return {"type": "ReferItDataset", "split": split, "data_root": str(tmp_path)}

    def own(split):
        where = {"data_root": str(tmp_path), "ann_file": "own.jsonl"}
        return {"type": "JsonRefDataset", "split": split, **where}

    cups = leaf(tmp_path, "cups", "unc", "val")
    config = write_config(tmp_path / "a.py", referit("train"), referit("test"))
    assert run(main, config, tmp_path)[1] == {("ReferIt test", "ReferIt train"): 1}
    config = write_config(tmp_path / "b.py", own("train"), own("val"), cups)
    code, shared = run(main, config, tmp_path)
    assert code == 1
    assert shared == {
        ("own.jsonl val", "own.jsonl train"): 0,
        ("cups (unc) val", "own.jsonl train"): 1,
    }
    mixture = {
        "type": "MixedRefDataset",
        "datasets": [own("train"), referit("train"), own("val")],
        "held_out": [cups, referit("test")],
    }
    config = write_config(tmp_path / "c.py", mixture)
    code, shared = run(main, config, tmp_path)
    assert code == 0
    assert len(shared) == 6
    clean = json.loads((tmp_path / "report.json").read_text())
    assert {pair["train"]: pair["train_pictures"] for pair in clean} == {
        "own.jsonl train": 0,
        "ReferIt train": 1,
        "own.jsonl val": 1,
    }


def test_files_of_other_names_are_told_by_their_folder(main, tmp_path):
    """Two collections may both have a 1.jpg."""
    for name in ("cups", "plates"):
        folder = write_refer(tmp_path, [reference(1, 1, "train")], dataset=name)
        instances = json.loads((folder / "instances.json").read_text())
        instances["images"][0]["file_name"] = "1.jpg"
        (folder / "instances.json").write_text(json.dumps(instances))
    one, other, same = (
        leaf(tmp_path, name, "unc", "train", image_dir=where)
        for name, where in (("cups", "no/a"), ("plates", "no/b"), ("plates", "no/a"))
    )
    assert run(main, write_config(tmp_path / "a.py", one, other), tmp_path)[0] == 0
    assert run(main, write_config(tmp_path / "b.py", one, same), tmp_path)[0] == 1


def test_other_dataset_files_are_compared_with(main, root, tmp_path):
    cups = leaf(root, "cups", "unc", "train")
    config = write_config(tmp_path / "a.py", cups, leaf(root, "cups", "unc", "val"))
    other = write_config(tmp_path / "b.py", cups, leaf(root, "plates", "unc", "testA"))
    code, shared = run(main, config, tmp_path, "--against", other)
    assert code == 1
    assert shared["plates (unc) testA", "cups (unc) train"] == 1
    other = write_config(tmp_path / "c.py", cups, cups)
    code, shared = run(main, config, tmp_path, "--dataset", other)
    assert shared["cups (unc) train", "cups (unc) train"] == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data_root": "no"}, "error: no file "),
        ({"split": "testC"}, "has no split 'testC'"),
        ({"partition": "umd"}, "partitions there"),
        ({"datset": "x"}, "train_dataloader.dataset.datset: ReferDataset has no"),
    ],
)
def test_what_cannot_be_read_is_one_line(main, root, tmp_path, capsys, change, message):
    train = {**leaf(root, "cups", "unc", "train"), **change}
    config = write_config(tmp_path / "a.py", train, leaf(root, "cups", "unc", "val"))
    assert main([config]) == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert printed.count("\n") == 1


def test_a_config_without_training_or_testing(main, root, tmp_path, capsys):
    config = write_config(tmp_path / "a.py", leaf(root, "cups", "unc", "train"))
    assert main([config]) == 2
    assert "tests on nothing. Name datasets" in capsys.readouterr().err
    (tmp_path / "b.py").write_text(f"_base_ = [{str(RUNTIME)!r}]")
    assert main([str(tmp_path / "b.py")]) == 2
    assert "has no train_dataloader" in capsys.readouterr().err


@pytest.fixture
def three(tmp_path, monkeypatch):
    """The three COCO sets, each training on a picture that others test on."""
    for name, shift in (("refcoco", 0), ("refcoco+", 1)):
        splits = ("train", "train", "val", "testA", "testB")
        entries = [
            reference(n, 1 + (n + shift) % 5, split) for n, split in enumerate(splits)
        ]
        write_refer(tmp_path / "data", entries, dataset=name, pictures=False)
    for name in ("google", "umd"):
        splits = ("train", "train", "val", "test" if name == "umd" else "val")
        entries = [reference(n, 2 + n, split) for n, split in enumerate(splits)]
        # The folder belongs to both partitions.
        write_refer(
            tmp_path / "data",
            [*entries, reference(9, 9, "train")],
            dataset="refcocog",
            partition=name,
            pictures=False,
        )
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize(
    ("config", "words", "code", "partition"),
    [
        ("cefnet_r101-gru_1xb12-200k_coco-320", (), 1, "google"),
        ("cefnet-vanilla_r101-gru_1xb12-200k_coco-320", (), 1, "google"),
        ("cefnet_r101-gru_1xb12-200k_coco-leakfree-320", (), 0, "google"),
        (
            "cefnet_r101-gru_1xb12-200k_refcoco-320",
            ("--dataset", "refcoco_mixed"),
            0,
            "umd",
        ),
    ],
)
def test_configs_of_mixtures(main, config, words, code, partition, tmp_path, capsys):
    path = str(REPOSITORY / "configs" / "cefnet" / f"{config}.py")
    found, shared = run(main, path, tmp_path, *words)
    assert found == code
    train = {name for _, name in shared}
    sets = ("refcoco (unc)", "refcoco+ (unc)", f"refcocog ({partition})")
    assert train == {f"{name} train" for name in sets}
    # Each evaluation set stands there once, whether it is tested or held out.
    tested = {name for name, _ in shared}
    lines = capsys.readouterr().out.splitlines()
    for name in tested:
        assert sum(line.startswith(f"{name}  ") for line in lines) == 1
    if code == 0:
        assert len(tested) == (7 if partition == "google" else 8)


# ----- the real sentences


def listed_overlaps(test_data):
    """The numbers of the page: (split of RefCOCO, partition and split of RefCOCOg)."""
    text = (test_data / "refcoco_text" / "README.md").read_text(encoding="utf-8")
    others = ("umd_val", "umd_test", "google_val")
    first = re.search(
        r"refcoco_unc_val with refcocog_umd_val (\d+), with refcocog_umd_test (\d+), "
        r"with refcocog_google_val (\d+)",
        text,
    )
    found = dict(zip((("val", name) for name in others), first.groups(), strict=True))
    for split in ("testA", "testB"):
        numbers = re.search(rf"refcoco_unc_{split} (\d+), (\d+), (\d+)", text).groups()
        found.update(zip(((split, name) for name in others), numbers, strict=True))
    return {key: int(value) for key, value in found.items()}


@pytest.fixture(scope="module")
def real(test_data, tmp_path_factory):
    root = tmp_path_factory.mktemp("real")
    return root, write_real_sentences(test_data, root)


GOOGLE = ("umd", "val"), ("umd", "test"), ("google", "val")


def test_exactly_the_published_overlaps_are_found(main, real, test_data, tmp_path):
    """Trained on what RefCOCOg tests, tested on RefCOCO: all splits by --split."""
    root, images = real
    parts = [leaf(root / name, "refcocog", name, split) for name, split in GOOGLE]
    config = write_config(
        tmp_path / "a.py",
        {"type": "MixedRefDataset", "datasets": parts},
        leaf(root, "refcoco", "unc", "val"),
        leaf(root, "refcoco+", "unc", "testA"),
    )
    code, shared = run(main, config, tmp_path)
    assert code == 1
    expected = listed_overlaps(test_data)
    assert len(expected) == 9
    assert len(shared) == 18
    for (split, other), number in expected.items():
        partition, _, own = other.partition("_")
        for dataset in ("refcoco", "refcoco+"):  # they share theirs split by split
            pair = f"{dataset} (unc) {split}", f"refcocog ({partition}) {own}"
            assert shared[pair] == number, pair
            sets = (dataset, "unc", split), ("refcocog", partition, own)
            assert number == len(images[sets[0]] & images[sets[1]])


def test_refcoco_and_refcoco_plus_share_their_splits_one_by_one(main, real, tmp_path):
    root, _ = real
    sizes = {"val": 1500, "testA": 750, "testB": 750}
    config = write_config(
        tmp_path / "a.py",
        {
            "type": "MixedRefDataset",
            "datasets": [leaf(root, "refcoco+", "unc", split) for split in sizes],
        },
        leaf(root, "refcoco", "unc", "val"),
    )
    _, shared = run(main, config, tmp_path)
    assert shared == {
        (f"refcoco (unc) {tested}", f"refcoco+ (unc) {trained}"): size
        if tested == trained
        else 0
        for tested, size in sizes.items()
        for trained in sizes
    }


def test_holding_them_out_makes_the_mixture_clean(main, real, tmp_path):
    root, images = real
    google = leaf(root / "google", "refcocog", "google", "val")
    mixture = {
        "type": "MixedRefDataset",
        "datasets": [google],
        "held_out": [
            leaf(root, "refcoco", "unc", split) for split in ("val", "testA", "testB")
        ],
    }
    tested = leaf(root, "refcoco", "unc", "val")
    report = tmp_path / "report.json"
    config = write_config(tmp_path / "a.py", mixture, tested)
    assert main([config, "--json", str(report)]) == 0
    pairs = json.loads(report.read_text())
    assert len(pairs) == 3
    # What was left out is what the page lists, and no more.
    left = 4650 - (241 + 130 + 120)
    assert {pair["train_pictures"] for pair in pairs} == {left}
    assert len(images["refcocog", "google", "val"]) == 4650
