import pytest
import torch
from torch.nn import functional

from mmris.models.segmentors import restore_logits


def letterbox(picture, size):
    """Where a centred letterbox puts a picture: the resized picture and its box."""
    height, width = picture.shape[-2:]
    scale = min(size[0] / height, size[1] / width)
    inner = (round(height * scale), round(width * scale))
    top, left = (size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2
    resized = functional.interpolate(
        picture[None, None], inner, mode="bilinear", align_corners=False
    )[0, 0]
    out = torch.full(size, -1e3)
    out[top : top + inner[0], left : left + inner[1]] = resized
    return out, (top, left, *inner)


@pytest.mark.parametrize(
    "original", [(40, 64), (64, 40), (48, 48), (37, 61), (100, 30)]
)
@pytest.mark.parametrize("size", [(48, 48), (32, 64)])
def test_letterbox_comes_back_where_it_was(original, size):
    rows = torch.arange(original[0]).float()[:, None].expand(original)
    columns = torch.arange(original[1]).float()[None].expand(original)
    for ramp in (rows, columns):
        boxed, box = letterbox(ramp, size)
        restored = restore_logits(
            boxed[None, None], input_size=size, content_box=box, original_size=original
        )
        assert restored.shape == (1, *original)
        # Away from the border, where bilinear resizing clamps, half a pixel at most.
        edge = [
            max(2, int(1.5 * side / inner)) for side, inner in zip(original, box[2:])
        ]
        inside = (0, slice(edge[0], -edge[0]), slice(edge[1], -edge[1]))
        assert (restored[inside] - ramp[inside[1:]]).abs().max() < 0.5


def test_no_padding_leaks_in():
    size, box, original = (8, 8), (2, 0, 4, 8), (10, 20)
    logits = torch.full((3, 1, *size), 50.0)
    logits[..., 2:6, :] = -1.0
    restored = restore_logits(
        logits, input_size=size, content_box=box, original_size=original
    )
    torch.testing.assert_close(restored, torch.full((3, *original), -1.0))


def test_coarse_logits_are_resized_by_size_along_each_axis():
    logits = torch.zeros(1, 1, 2, 4)
    logits[..., 0, 3] = 8.0  # top right
    restored = restore_logits(
        logits, input_size=(16, 32), content_box=(0, 0, 16, 32), original_size=(10, 50)
    )
    assert restored.argmax() == restored[0].flatten().argmax()
    row, column = divmod(int(restored[0].argmax()), 50)
    assert row < 4
    assert column > 40
