import pytest
import torch
from torch import nn

from mmris.benchmark import build_random_model, random_batch, random_sentences
from mmris.benchmark.random_case import fresh_statistics, in_format, without_files
from mmris.utils.config import load_config
from tests.conftest import REPOSITORY

CPU = torch.device("cpu")


def test_no_file_is_read():
    part = {"type": "A", "init_cfg": {"checkpoint": "far"}, "depth": 3}
    config = {"backbone": part, "parts": [{"word_vectors": "glove.txt"}], "depth": 2}
    assert without_files(config) == {
        "backbone": {"type": "A", "init_cfg": None, "depth": 3},
        "parts": [{"word_vectors": None}],
        "depth": 2,
    }
    assert part["init_cfg"] == {"checkpoint": "far"}


def test_a_batch_is_what_was_asked_for():
    batch = random_batch(size=(8, 12), images=2, expressions=3, words=4, device=CPU)
    assert batch.images.shape == (2, 3, 8, 12)
    assert batch.image_index.tolist() == [0, 0, 0, 1, 1, 1]
    assert [len(text.split()) for text in batch.sentences] == [4] * 6
    for sample in batch.samples:
        masks = sample.gt_sem_seg.data
        assert masks.shape == (3, 8, 12)
        assert masks.flatten(1).sum(1).tolist() == [24] * 3
    again = random_batch(size=(8, 12), images=2, expressions=3, words=4, device=CPU)
    assert torch.equal(again.images, batch.images)
    assert random_sentences(2, 5, seed=1) != random_sentences(2, 5, seed=2)


def test_layouts():
    batch = random_batch(size=(8, 12), images=2, expressions=1, words=4, device=CPU)
    last = batch.in_format(torch.channels_last)
    assert last.images.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(last.images, batch.images)
    layer = nn.Conv2d(3, 4, 3)
    with in_format(layer, torch.channels_last):
        assert layer.weight.is_contiguous(memory_format=torch.channels_last)
    assert layer.weight.is_contiguous()


def test_statistics_are_those_of_what_was_seen():
    model = nn.Sequential(nn.BatchNorm2d(2), nn.Dropout(0.5))
    seen = torch.rand(3, 2, 5, 5) * torch.tensor([4.0, 9.0])[:, None, None] - 2
    with fresh_statistics(model), torch.no_grad():
        assert not model[1].training
        model(seen)
    assert not model[0].training
    assert model[0].momentum == 0.1
    given = model(seen).detach()
    assert given.mean(dim=(0, 2, 3)) == pytest.approx([0, 0], abs=1e-4)
    assert given.std(dim=(0, 2, 3)) == pytest.approx([1, 1], abs=1e-2)


def test_what_hardly_differs_is_not_blown_up():
    norm = nn.BatchNorm1d(2)
    seen = torch.tensor([[5.0, 1.0], [5.001, 2.0]])
    with fresh_statistics(norm), torch.no_grad():
        norm(seen)
    assert norm(seen)[:, 0].abs().max() < 1e-2
    assert norm.running_mean == pytest.approx([5.0005, 1.5])


def test_a_model_needs_neither_weights_nor_words():
    path = REPOSITORY / "configs/cmsa/cmsa_tiny_shapes.py"
    config = load_config(path)
    config.model.backbone.init_cfg = {"type": "Pretrained", "checkpoint": "nowhere"}
    model = build_random_model(config, size=(32, 48), device=CPU)
    assert not model.training
    assert not model.text_encoder.vocabulary.is_empty
    batch = random_batch(size=(32, 48), images=1, expressions=2, words=4, device=CPU)
    with torch.no_grad():
        logits = model.decode(batch.images, batch.sentences, batch.image_index).logits
    assert 0.01 < float(logits.std()) < 100  # neither grown nor vanished
