"""Damaged annotation files give the right masks, or one line that says what is wrong.

Every case changes one place of a real annotation file, has the loader serve all items
and the doctor examine the folder. A mask that differs from the sound file's must have
been announced, by an error or a warning, unless the changed file could have been meant.
"""

from __future__ import annotations

import functools
import itertools
import json
import pickle
import resource
import signal
import traceback
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from mmris.datasets import LoadRefImage, LoadRefMasks, ReferDataset
from mmris.datasets.doctor import Options, examine, report_text
from mmris.datasets.transforms import load_image
from tests.datasets.mutations import dump, mutate

REFERENCES = {
    "refcoco": ("unc", "refs(unc).p", ("train", "val", "testA", "testB")),
    "refcocog": ("umd", "refs(umd).p", ("train", "val", "test")),
    "grefcoco": ("unc", "grefs(unc).json", ("train", "val", "testA", "testB")),
}
PACKAGE = str(Path(load_image.__file__).parents[2])
SECONDS = 30
MEGABYTES = 400


@pytest.fixture(scope="module")
def root(test_data, tmp_path_factory):
    """The real pictures, and folders to put annotations in."""
    root = tmp_path_factory.mktemp("mutated")
    (root / "images").symlink_to(test_data / "mini_refcoco" / "images")
    for name in REFERENCES:
        (root / name).mkdir()
    return root


@functools.cache
def read(folder, name):
    content = (folder / name).read_bytes()
    return pickle.loads(content) if name.endswith(".p") else json.loads(content)


@pytest.fixture(scope="module")
def files(test_data):
    """Content of the annotation files of each set, and the ids that are used."""
    found = {}
    for name, (_, references, _) in REFERENCES.items():
        folder = test_data / "mini_refcoco" / name
        content = {n: read(folder, n) for n in (references, "instances.json")}
        ids = {"images": set(), "annotations": set()}
        for entry in content[references]:
            ids["images"].add(entry["image_id"])
            numbers = entry["ann_id"]
            ids["annotations"].update(
                numbers if isinstance(numbers, list) else [numbers]
            )
        found[name] = content, ids
    return found


@pytest.fixture(autouse=True)
def _quick_pictures(monkeypatch):
    """Decode each picture once for all cases; what is decided from it stays."""
    decode = functools.cache(load_image._read_of_dataset)
    monkeypatch.setattr(load_image, "_read_of_dataset", decode)


@pytest.fixture
def said(monkeypatch):
    lines = []

    def note(line, logger, level):
        lines.append(line)

    for module in ("annotation_doubts", "blank_sentences"):
        monkeypatch.setattr(f"mmris.datasets.{module}.print_log", note)
    return lines


def masks_of(root, name):
    """Every mask by what it is asked for, and the errors of splits that have none."""
    partition, _, splits = REFERENCES[name]
    masks, errors = {}, []
    for split in splits:
        try:
            dataset = ReferDataset(
                dataset=name,
                partition=partition,
                split=split,
                data_root=str(root),
                test_mode=True,
                pipeline=[LoadRefImage(), LoadRefMasks()],
            )
        except Exception as error:
            errors.append(error)
            continue
        for index in range(len(dataset)):
            try:
                item = dataset[index]
            except Exception as error:
                errors.append(error)
                continue
            for k, number in enumerate(item["sent_ids"]):
                mask = item["gt_masks"][k]
                assert mask.shape == item["img"].shape[:2]
                masks[split, item["ref_ids"][k], number] = (
                    mask.shape,
                    np.packbits(mask).tobytes(),
                )
    return masks, errors


def check_error(error, root):
    """One line of mmris's own that names the file."""
    what = "".join(traceback.format_exception(error))
    assert type(error) in (ValueError, FileNotFoundError), what
    frame = traceback.extract_tb(error.__traceback__)[-1]
    assert frame.filename.startswith(PACKAGE), what
    assert frame.line.startswith("raise "), what
    message = str(error)
    assert "\n" not in message
    assert len(message) < 1000, message
    assert str(root) in message, message


def write(root, name, content):
    for file, value in content.items():
        (root / name / file).write_bytes(value)


def examine_folder(root, name):
    reports = examine(root, [name], Options(pictures=False))
    text = report_text(reports)
    json.dumps([report.to_json() for report in reports])
    return text


def stop(*_):
    raise TimeoutError("this case takes too long")


def run_case(root, name, expected, mutation, said):
    """Serve and examine a damaged folder; returns how it ended."""
    said.clear()
    signal.alarm(SECONDS)
    try:
        masks, errors = masks_of(root, name)
        examine_folder(root, name)
    finally:
        signal.alarm(0)
    for error in errors:
        check_error(error, root)
    wrong = [key for key, mask in masks.items() if mask != expected.get(key)]
    assert not wrong or errors or said or mutation.is_other_data, (
        f"{len(wrong)} wrong masks in silence, the first of them {wrong[0]}"
    )
    if errors:
        return "refused"
    if said:
        return "warned"
    return "other" if wrong else "equal"


def run_cases(root, files, said, seeds):
    """Run cases; returns how many ended in which way."""
    originals, outcomes, failures = {}, Counter(), []
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    signal.signal(signal.SIGALRM, stop)
    for name, (content, _) in files.items():
        sound = {file: dump(file, value) for file, value in content.items()}
        write(root, name, sound)
        originals[name] = sound, masks_of(root, name)[0]
        assert originals[name][1]
        assert said == []
    for seed, name in zip(seeds, itertools.cycle(files)):
        content, ids = files[name]
        sound, expected = originals[name]
        mutation = mutate(np.random.default_rng(seed), content, ids)
        write(root, name, {mutation.name: mutation.content})
        try:
            outcomes[run_case(root, name, expected, mutation, said)] += 1
        except Exception:
            failures.append(
                f"seed {seed}, {name}: {mutation.what}: {traceback.format_exc()}"
            )
        write(root, name, sound)
    assert not failures, f"{len(failures)} failures\n" + "\n".join(failures[:20])
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < MEGABYTES * 1000
    return outcomes


def test_some_damages_are_announced_or_harmless(root, files, said):
    outcomes = run_cases(root, files, said, range(30))
    assert outcomes["refused"] > 5
    assert outcomes["equal"] > 2


@pytest.mark.slow
def test_two_thousand_damages_are_announced_or_harmless(root, files, said):
    outcomes = run_cases(root, files, said, range(2000))
    assert min(outcomes["refused"], outcomes["equal"]) > 300, outcomes
