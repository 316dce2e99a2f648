"""The benchmark of the index: what it writes, and the figures on a full-size folder."""

from __future__ import annotations

import pytest

from mmris.datasets import decode_segmentations, index_files
from tests.load_tool import load_tool


@pytest.fixture(scope="module")
def tool():
    return load_tool("analysis_tools/benchmark_index")


def test_the_folder_has_the_sizes_and_both_loaders_see_the_same(
    tool, tmp_path, monkeypatch
):
    monkeypatch.setattr(index_files, "SMALL", 0)
    root = tmp_path / "data"
    tool.write_folder(root, 0.002)
    plain = tool.PlainLoader(root / "refcoco")
    assert len(plain.images) == round(0.002 * tool.IMAGES)
    assert len(plain.annotations) == round(0.002 * tool.ANNOTATIONS)
    assert len(plain.references) == len(plain.reference_of_id) == 100
    assert len(plain.sentences) == round(0.002 * tool.SENTENCES)
    sizes = {
        number: (entry["height"], entry["width"])
        for number, entry in plain.images.items()
    }
    for _ in range(2):
        dataset = tool.open_dataset(root)
        assert dataset._index is not None
        seen = set()
        for image in range(dataset.num_images):
            record = dataset.record(image)
            for entry in record["references"]:
                expected = plain.annotation_of_reference[entry["ref_id"]]
                assert entry["segmentations"] == [expected["segmentation"]]
                mask = decode_segmentations(
                    entry["segmentations"], *sizes[record["image_id"]]
                )
                assert mask.any()
                for sentence in entry["sentences"]:
                    number = sentence["sent_id"]
                    assert sentence["text"] == plain.sentences[number]["sent"]
                    seen.add(number)
        assert seen == {
            number
            for number, entry in plain.reference_of_sentence.items()
            if entry["split"] == "train"
        }


@pytest.mark.slow
def test_a_full_size_folder_loads_fast_and_workers_share_it(tool, capsys):
    found = tool.main(["--repeats", "1"])
    assert "times as fast as the plain loader" in capsys.readouterr().out
    plain, index = found["plain"], found["index"]
    assert plain["seconds"] > 5 * index["seconds"]
    assert plain["megabytes"] > 5 * index["megabytes"]
    assert found["workers"]["items"] < 20
