from types import SimpleNamespace

import torch
from torch import nn

from mmris.engine.hooks import shared_buffers_hook
from mmris.engine.hooks.shared_buffers_hook import SharedBuffersHook


def test_one_process_is_left_alone():
    SharedBuffersHook().before_val_epoch(SimpleNamespace())


def test_each_buffer_is_overwritten_by_that_of_rank_0(monkeypatch):
    model = nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3))
    weight = model[0].weight.clone()
    monkeypatch.setattr(shared_buffers_hook, "is_distributed", lambda: True)
    monkeypatch.setattr(
        shared_buffers_hook, "broadcast", lambda buffer, src: buffer.fill_(5 + src)
    )
    SharedBuffersHook().before_val_epoch(SimpleNamespace(model=model))
    assert torch.equal(model[1].running_mean, torch.full((3,), 5.0))
    assert torch.equal(model[0].weight, weight)
