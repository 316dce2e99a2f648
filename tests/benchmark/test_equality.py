import torch

from mmris.benchmark import compare


def test_equal_logits():
    logits = torch.randn(2, 1, 6, 6)
    same = compare(logits, logits)
    assert same.max_difference == 0
    assert same.largest_logit == logits.abs().max().item()
    assert same.mask_agreement == same.mask_iou == 1


def test_masks_are_cut_at_the_middle_of_the_plain_logits():
    plain = torch.arange(8.0).reshape(1, 1, 2, 4) + 100  # the middle one is 103
    ours = plain.clone()
    ours[0, 0, 1, 3] = 0.0  # one of four pixels of the foreground is lost
    found = compare(ours, plain)
    assert found.max_difference == 107
    assert found.mask_agreement == 7 / 8
    assert found.mask_iou == 3 / 4


def test_exchanged_rows_are_seen():
    logits = torch.randn(2, 1, 6, 6)
    assert compare(logits.flip(0), logits).mask_iou < 0.9
