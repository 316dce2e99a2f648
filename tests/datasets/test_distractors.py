from mmris.datasets import ReferDataset, ShapesRefDataset
from mmris.datasets.distractors import count_distractors
from tests.load_tool import load_tool


def reference(category, *ann_ids, **more):
    return {"category_id": category, "ann_ids": list(ann_ids), **more}


def test_objects_of_the_category_are_counted_once_each():
    record = {
        "references": [
            reference(1, 10),
            reference(1, 11),
            reference(1, 10),  # the same object again
            reference(2, 12),
            reference(1, 10, 13),
            reference(-1, 11, 12),
        ]
    }
    assert count_distractors(record) == [2, 2, 2, 0, 1, -1]


def test_what_the_dataset_knows_is_taken():
    record = {"references": [reference(1, 10, num_distractors=5), reference(1, 11)]}
    assert count_distractors(record) == [5, 1]
    record = {"references": [reference(-1, 10, num_distractors=5)]}
    assert count_distractors(record) == [-1]


def test_scenes_in_memory_and_on_disk_have_the_same(tmp_path):
    words = [str(tmp_path / "scenes"), "--num-train", "0", "--num-testA", "0"]
    words += ["--num-val", "5", "--num-testB", "0"]
    load_tool("dataset_tools/write_shapes").main(words)
    written = ReferDataset(
        dataset="shapes",
        partition="unc",
        split="val",
        data_root=str(tmp_path / "scenes"),
        test_mode=True,
    )
    made = ShapesRefDataset(split="val", num_images=5, test_mode=True)
    found = [count_distractors(written.record(image)) for image in range(5)]
    assert found == [count_distractors(made.record(image)) for image in range(5)]
    assert len({number for numbers in found for number in numbers}) > 1
    item = made.get_data_info(0)
    assert len(item["num_distractors"]) == len(item["expressions"])
