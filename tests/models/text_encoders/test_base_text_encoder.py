import pytest
import torch

from mmris.models.text_encoders import TokenBatch


def test_bad_token_batches():
    ids = torch.zeros(2, 3, dtype=torch.int64)
    with pytest.raises(
        ValueError, match=r"ids must be int64 of shape \(N, T\), got tor"
    ):
        TokenBatch(ids.int(), ids.bool())
    with pytest.raises(ValueError, match="ids must be int64"):
        TokenBatch(ids[0], ids[0].bool())
    with pytest.raises(
        ValueError, match=r"mask must be bool of the shape of ids, \(2, 3"
    ):
        TokenBatch(ids, ids)
    with pytest.raises(ValueError, match="mask must be bool"):
        TokenBatch(ids, ids[:1].bool())


def test_token_batch_is_a_pytree():
    batch = TokenBatch(torch.ones(2, 3, dtype=torch.int64), torch.ones(2, 3).bool())
    moved = torch.utils._pytree.tree_map(lambda tensor: tensor[:1], batch)
    assert isinstance(moved, TokenBatch)
    assert moved.ids.shape == moved.mask.shape == (1, 3)
