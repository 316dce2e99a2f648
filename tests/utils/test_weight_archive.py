import pytest
import torch

from mmris.utils import load_checkpoint_file
from mmris.utils.weight_archive import in_8_bits, pack_weights


def test_what_goes_in_comes_out(tmp_path):
    table = torch.rand(3, 4)
    state = {
        "a": table,
        "shared": table[1:],
        "turned": table.t(),
        "words": torch.tensor([104, 105], dtype=torch.uint8),
        "half": table.half(),
        "count": torch.tensor(7),
    }
    content = pack_weights(state, cfg="model = 3\n", meta={"iter": 4, "name": "x"})
    assert content == pack_weights(
        state, cfg="model = 3\n", meta={"name": "x", "iter": 4}
    )
    path = tmp_path / "a.safetensors"
    path.write_bytes(content)
    found = load_checkpoint_file(path)
    assert found["meta"] == {"iter": 4, "name": "x", "cfg": "model = 3\n"}
    assert set(found["state_dict"]) == set(state)
    for name, value in state.items():
        torch.testing.assert_close(found["state_dict"][name], value, rtol=0, atol=0)
    assert load_checkpoint_file(path, torch.device("cpu"))["state_dict"].keys() == (
        state.keys()
    )


def test_tensors_only():
    with pytest.raises(ValueError, match="have 'a' of type list; such a file takes"):
        pack_weights({"a": [1]}, cfg="", meta={})


@pytest.mark.parametrize("content", [b"", b"no weights", b"\xff" * 100])
def test_damaged_files(tmp_path, content):
    path = tmp_path / "a.safetensors"
    whole = pack_weights({"a": torch.rand(9)}, cfg="", meta={})
    for damaged in (content, whole[:-3], whole + b"x"):
        path.write_bytes(damaged)
        with pytest.raises(
            ValueError, match="a.safetensors is no complete safetensors"
        ):
            load_checkpoint_file(path)


def test_eight_bits_and_a_scale_a_row(tmp_path):
    value = torch.randn(4, 3, 2, 2) * torch.tensor([1e-3, 1, 100, 0]).view(4, 1, 1, 1)
    integers = torch.tensor([3], dtype=torch.int8)
    state = {"a": value, "a.scale": torch.rand(2), "b": integers}
    stored = {**in_8_bits("c", value), **state}
    assert stored["c"].dtype == torch.int8
    path = tmp_path / "a.safetensors"
    path.write_bytes(pack_weights(stored, cfg="", meta={}))
    found = load_checkpoint_file(path)["state_dict"]
    assert set(found) == {*state, "c"}
    # Half a step of the largest of each row.
    step = value.abs().amax(dim=(1, 2, 3), keepdim=True) / 127
    assert ((found["c"] - value).abs() <= 0.51 * step + 1e-12).all()
    for name, kept in state.items():
        torch.testing.assert_close(found[name], kept, rtol=0, atol=0)
