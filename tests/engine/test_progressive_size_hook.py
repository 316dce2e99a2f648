from types import SimpleNamespace

import pytest
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from mmris.engine.hooks import ProgressiveSizeHook
from mmris.registry import HOOKS


def batch(height=12, width=18):
    """The left half of the picture is bright; the mask is its upper left quarter."""
    picture = torch.zeros(3, height, width, dtype=torch.uint8)
    picture[:, :, : width // 2] = 200
    mask = torch.zeros(1, height, width, dtype=torch.uint8)
    mask[:, : height // 2, : width // 2] = 1
    sample = SegDataSample(gt_sem_seg=PixelData(data=mask))
    return {"inputs": [picture], "data_samples": [sample]}


def at(iteration, data, **options):
    hook = HOOKS.build(dict(type="ProgressiveSizeHook", **options))
    hook.before_train_iter(SimpleNamespace(iter=iteration), 0, data)
    return data


def test_pictures_and_masks_shrink_together():
    data = at(4, batch(), size=(4, 6), until=5)
    (picture,), (sample,) = data["inputs"], data["data_samples"]
    mask = sample.gt_sem_seg.data
    assert picture.shape == (3, 4, 6)
    assert picture.dtype == mask.dtype == torch.uint8
    # Averaged, not every third pixel: the edge is between two of them.
    assert (picture[:, :, :2] == 200).all()
    assert (picture[:, :, 4:] == 0).all()
    expected = torch.zeros(1, 4, 6, dtype=torch.uint8)
    expected[:, :2, :3] = 1
    assert torch.equal(mask, expected)


def test_from_then_on_nothing_changes():
    data, same = at(5, batch(), size=(4, 6), until=5), batch()
    assert torch.equal(data["inputs"][0], same["inputs"][0])
    masks = [d["data_samples"][0].gt_sem_seg.data for d in (data, same)]
    assert torch.equal(*masks)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": (0, 6), "until": 5}, r"size of ProgressiveSizeHook is \(0, 6\)"),
        ({"size": (6,), "until": 5}, r"size of ProgressiveSizeHook is \(6,\)"),
        ({"size": (4, 6), "until": 0}, "until of ProgressiveSizeHook is 0; give"),
    ],
)
def test_what_is_impossible_is_named(options, message):
    with pytest.raises(ValueError, match=message):
        ProgressiveSizeHook(**options)
