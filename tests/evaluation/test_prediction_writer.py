import multiprocessing

import numpy as np
import pytest
import torch
import torch.distributed
from mmengine.dataset import DefaultSampler
from mmengine.dist import get_rank, get_world_size

from mmris.evaluation import PredictionWriter, RefSegMetric, read_predictions

BREAKDOWNS = ["words_refcoco", "size", "distractors"]


def made_sample(index):
    """The image of an index, with 1 to 4 sentences."""
    rng = np.random.default_rng(index)
    count = int(rng.integers(1, 5))
    size = tuple(int(x) for x in rng.integers(4, 40, 2))
    truth = rng.random((count, *size)) < rng.choice([0.0, 0.3, 0.9])
    predicted = rng.random((count, *size)) < rng.choice([0.0, 0.5])
    return {
        "image_id": 100 + index,
        "pred_sem_seg": {"data": torch.from_numpy(predicted)},
        "gt_sem_seg": {"data": torch.from_numpy(truth).to(torch.uint8)},
        "head_logits": {"data": torch.from_numpy(rng.normal(size=(count, 3, 4)))},
        "img_shape": (8, 8),
        "content_box": (1, 0, 6, 8),
        "expressions": ["cup " * int(n) for n in rng.integers(1, 8, count)],
        "sent_ids": [10 * index + k for k in range(count)],
        "category_ids": [1] * count,
        "ann_ids": [[7]] * count,
        "num_distractors": rng.integers(0, 5, count).tolist(),
        "kinds": ["", "place", "place", ""][:count],
    }


def score(sampler, length):
    """Scores alone, however images are dealt."""
    metric = RefSegMetric(breakdowns=BREAKDOWNS, no_target_scores=True)
    for index in sampler:
        metric.process(None, [made_sample(index)])
    return metric.evaluate(length)


def evaluate(path, length, *, batch=2):
    metric = RefSegMetric(breakdowns=BREAKDOWNS, no_target_scores=True)
    writer = PredictionWriter(path=str(path), soft_scores=True)
    mine = list(DefaultSampler(range(length), shuffle=False))
    for start in range(0, len(mine), batch):
        samples = [made_sample(index) for index in mine[start : start + batch]]
        metric.process(None, samples)
        writer.process(None, samples)
    assert writer.evaluate(length) == {}
    return metric.evaluate(length)


class BlockSampler:
    """Deals blocks of images and fills the last ones up from the start."""

    def __init__(self, length):
        share = -(-length // get_world_size())
        start = get_rank() * share
        self.indices = [k % length for k in range(start, start + share)]

    def __iter__(self):
        return iter(self.indices)


class UnevenSampler(BlockSampler):
    """Fills nothing up: some processes have less, or nothing."""

    def __init__(self, length):
        self.indices = list(range(length))[get_rank() :: get_world_size()]


def run_rank(rank, world_size, store, folder, lengths, queue):
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{store}", rank=rank, world_size=world_size
    )
    for length in lengths:
        scores = evaluate(folder / f"{length}.jsonl", length)
        others = [score(kind(length), length) for kind in (BlockSampler, UnevenSampler)]
        if rank == 0:
            queue.put((length, [scores, *others]))
    torch.distributed.destroy_process_group()


@pytest.mark.parametrize("world_size", [2, 3])
def test_ranks_give_the_scores_and_the_file_of_one(tmp_path, world_size):
    lengths = (1, 2, 3, 4, 5, 7)
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    folder = tmp_path / "several"
    folder.mkdir()
    ranks = [
        context.Process(
            target=run_rank,
            args=(rank, world_size, tmp_path / "store", folder, lengths, queue),
        )
        for rank in range(world_size)
    ]
    for rank in ranks:
        rank.start()
    scores = dict(queue.get(timeout=120) for _ in lengths)
    for rank in ranks:
        rank.join(60)
        assert rank.exitcode == 0
    for length in lengths:
        alone = tmp_path / "alone" / f"{length}.jsonl"
        dealt_in_turn, in_blocks, unevenly = scores[length]
        assert evaluate(alone, length) == dealt_in_turn == unevenly == in_blocks
        assert (folder / f"{length}.jsonl").read_text() == alone.read_text()
        read_predictions(folder / f"{length}.jsonl").images[-1].logits()
    assert not list(folder.glob("*.part"))


def test_what_was_predicted_is_on_the_disk_before_the_end(tmp_path):
    writer = PredictionWriter(path=str(tmp_path / "p.jsonl"))
    writer.process(None, [made_sample(0), made_sample(1)])
    found = read_predictions(tmp_path / "p.jsonl.rank0.part")
    assert len(found.images) == 2
    assert not (tmp_path / "p.jsonl").exists()


def test_masks_are_those_of_the_samples(tmp_path):
    path = tmp_path / "p.jsonl"
    evaluate(path, 6)
    found = read_predictions(path)
    for index, image in enumerate(found.images):
        sample = made_sample(index)
        areas = sample["pred_sem_seg"]["data"].flatten(1).sum(1).tolist()
        assert [mask.area for mask in image.masks] == areas
        assert list(image.sent_ids) == sample["sent_ids"]
        assert image.masks[0].size == tuple(sample["pred_sem_seg"]["data"].shape[1:])
        logits = sample["head_logits"]["data"].float()
        torch.testing.assert_close(image.logits(), logits, atol=1e-3, rtol=0)


def test_maps_of_an_earlier_run_are_not_mixed_with_others(tmp_path):
    evaluate(tmp_path / "p.jsonl", 2)
    with pytest.raises(ValueError, match="p.scores has soft scores of an earlier run"):
        PredictionWriter(path=str(tmp_path / "p.jsonl"), soft_scores=True)
    PredictionWriter(path=str(tmp_path / "p.jsonl"))


def test_files_that_cannot_be_written_are_refused_before_the_test(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match=r"--out: .* cannot be written \(.*another fo"):
        PredictionWriter(path=str(tmp_path / "file" / "p.jsonl"))
    (tmp_path / "p.jsonl.rank0.part").mkdir()
    with pytest.raises(ValueError, match=r"--out: .*rank0.part cannot be written"):
        PredictionWriter(path=str(tmp_path / "p.jsonl"))


def test_sentences_of_several_datasets_are_refused(tmp_path):
    """Which may number pictures and sentences alike."""
    writer = PredictionWriter(path=str(tmp_path / "p.jsonl"))
    writer.process(None, [made_sample(0), made_sample(0)])  # filled up: the same
    other = {**made_sample(0), "sent_ids": [5]}
    with pytest.raises(ValueError, match="image 100 comes with sentences of several"):
        writer.process(None, [other])


def test_other_endings_are_refused(tmp_path):
    with pytest.raises(ValueError, match="--out .*p.pkl: .*ends in .jsonl"):
        PredictionWriter(path=str(tmp_path / "p.pkl"))


def test_models_without_maps_have_no_soft_scores(tmp_path):
    writer = PredictionWriter(path=str(tmp_path / "p.jsonl"), soft_scores=True)
    sample = made_sample(0)
    del sample["head_logits"]
    with pytest.raises(ValueError, match="--soft-scores: the model's predictions have"):
        writer.process(None, [sample])


def test_parts_that_are_not_here_are_missed(tmp_path):
    writer = PredictionWriter(path=str(tmp_path / "p.jsonl"))
    writer.process(None, [made_sample(0)])
    message = "other processes are not here: .*rank1.part. Give --out a folder that all"
    with pytest.raises(FileNotFoundError, match=message):
        writer._join(2)
