"""Tensors of TorchScript archives are read, and nothing in them is run."""

import io
import pickle
import zipfile

import pytest
import torch
from torch import nn

from mmris.utils.checkpoint import DamagedCheckpointError
from mmris.utils.script_archive import is_script_archive, read_script_archive
from tests.hostile_checkpoints import Command
from tests.references.clip_checkpoint import as_module


class Scripted(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 2)
        self.inner = nn.Sequential(nn.BatchNorm1d(5), nn.Linear(5, 2).half())
        self.register_buffer("flags", torch.tensor([True, False]))
        self.register_buffer("empty", torch.zeros(0, 3))
        self.register_buffer("turned", torch.arange(6.0).reshape(2, 3).T)
        self.number = 3
        self.names = ["a", "b"]

    def forward(self, x):
        return self.conv(x) * self.number


def save(module, path):
    torch.jit.save(torch.jit.script(module), str(path))
    return path


def rewritten(path, changes):
    """The archive with other contents of some of its files; None takes one away."""
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    folder = next(iter(files)).partition("/")[0]
    for name, content in changes.items():
        files[f"{folder}/{name}"] = content
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            if content is not None:
                archive.writestr(name, content)
    return path


def test_all_tensors_come_back(tmp_path):
    module = Scripted()
    path = save(module, tmp_path / "module.pt")
    assert is_script_archive(path)
    found, expected = read_script_archive(path), module.state_dict()
    assert set(found) == set(expected)
    for name, value in expected.items():
        assert found[name].dtype == value.dtype, name
        assert torch.equal(found[name], value), name


def test_names_with_numbers_and_halves(tmp_path):
    weights = {
        "visual.layer1.0.downsample.0.weight": torch.randn(2, 3, 1, 1).half(),
        "visual.layer1.0.downsample.1.running_mean": torch.randn(2).half(),
        "transformer.resblocks.11.attn.in_proj_bias": torch.randn(6).half(),
        "logit_scale": torch.tensor(4.6),
    }
    found = read_script_archive(save(as_module(weights), tmp_path / "clip.pt"))
    assert set(found) == set(weights)
    assert all(torch.equal(found[name], weights[name]) for name in weights)


def test_checkpoints_of_torch_are_no_such_archives(tmp_path):
    torch.save({"weight": torch.ones(2)}, tmp_path / "new.pth")
    assert not is_script_archive(tmp_path / "new.pth")
    (tmp_path / "text.pth").write_text("hello")
    assert not is_script_archive(tmp_path / "text.pth")
    assert not is_script_archive(tmp_path / "nothing.pth")


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_hostile_archive_runs_nothing(tmp_path, protocol):
    path, marker = save(Scripted(), tmp_path / "evil.pt"), tmp_path / "marker"
    evil = pickle.dumps(Command(marker), protocol=protocol)
    with pytest.raises(DamagedCheckpointError, match="holds no module"):
        read_script_archive(rewritten(path, {"data.pkl": evil}))
    assert not marker.exists()
    pickle.loads(evil)
    assert marker.exists()  # so that the test is one


def test_the_program_in_the_archive_is_not_even_read(tmp_path):
    path = save(Scripted(), tmp_path / "module.pt")
    with zipfile.ZipFile(path) as archive:
        code = [name for name in archive.namelist() if name.endswith(".py")]
    assert code
    changes = {name.partition("/")[2]: b"this is no program" for name in code}
    rewritten(path, changes)
    assert len(read_script_archive(path)) == len(Scripted().state_dict())
    with pytest.raises(RuntimeError):
        torch.jit.load(str(path))


def attributes(module_class="__torch__.M", **tensors):
    """A data.pkl whose tensors are (type, file, size, stride, offset)."""
    stream = io.BytesIO()

    class Pickler(pickle._Pickler):
        def name(self, module, name):
            self.write(pickle.GLOBAL + f"{module}\n{name}\n".encode())

    pickler = Pickler(stream, protocol=2)
    pickler.write(pickle.PROTO + b"\x02")
    module, _, name = module_class.rpartition(".")
    pickler.name(module, name)
    pickler.write(pickle.EMPTY_TUPLE + pickle.NEWOBJ + pickle.EMPTY_DICT + pickle.MARK)
    for key, (kind, file, size, stride, offset) in tensors.items():
        pickler.save(key)
        pickler.name("torch._utils", "_rebuild_tensor_v2")
        pickler.write(pickle.MARK + pickle.MARK)
        pickler.save("storage")
        pickler.name("torch", kind)
        for value in (file, "cpu", 1):
            pickler.save(value)
        pickler.write(pickle.TUPLE + pickle.BINPERSID)
        for value in (offset, size, stride, False):
            pickler.save(value)
        pickler.write(pickle.EMPTY_DICT + pickle.TUPLE + pickle.REDUCE)
    pickler.write(pickle.SETITEMS + pickle.BUILD + pickle.STOP)
    return stream.getvalue()


def write(path, content, **files):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("m/data.pkl", content)
        archive.writestr("m/constants.pkl", b"")
        for name, value in files.items():
            archive.writestr(f"m/{name.replace('__', '/')}", value)
    return path


def test_a_written_archive_is_read(tmp_path):
    content = attributes(a=("FloatStorage", "0", (2, 2), (1, 2), 1))
    numbers = torch.arange(5.0)
    path = write(tmp_path / "a.pt", content, data__0=numbers.numpy().tobytes())
    expected = torch.tensor([[1.0, 3.0], [2.0, 4.0]])
    assert torch.equal(read_script_archive(path)["a"], expected)


@pytest.mark.parametrize(
    ("entry", "match"),
    [
        (("FloatStorage", "0", (2, 3), (3, 1), 0), "out of bounds"),
        (("FloatStorage", "0", (2,), (1,), -1), "cannot be read"),
        (("FloatStorage", "1", (2,), (1,), 0), "no item named 'm/data/1'"),
        (("QInt8Storage", "0", (2,), (1,), 0), "of an unknown type, QInt8Storage"),
    ],
)
def test_tensors_that_are_not_there(tmp_path, entry, match):
    numbers = torch.arange(5.0).numpy().tobytes()
    path = write(tmp_path / "a.pt", attributes(a=entry), data__0=numbers)
    with pytest.raises(DamagedCheckpointError, match=match):
        read_script_archive(path)


def test_damaged_archives(tmp_path):
    path = save(Scripted(), tmp_path / "module.pt")
    content = path.read_bytes()
    (tmp_path / "half.pt").write_bytes(content[: len(content) // 2])
    with pytest.raises(
        DamagedCheckpointError, match="half.pt cannot be read: .* damag"
    ):
        read_script_archive(tmp_path / "half.pt")
    with pytest.raises(DamagedCheckpointError, match="copy or download it again"):
        read_script_archive(rewritten(path, {"data.pkl": None}))
    write(tmp_path / "list.pt", pickle.dumps([1, 2]))
    with pytest.raises(DamagedCheckpointError, match="it holds no module"):
        read_script_archive(tmp_path / "list.pt")


def test_numbers_of_another_byte_order(tmp_path):
    content = attributes(a=("FloatStorage", "0", (1,), (1,), 0))
    path = write(tmp_path / "a.pt", content, data__0=b"\0" * 4, byteorder=b"big")
    with pytest.raises(DamagedCheckpointError, match="byte order of another kind"):
        read_script_archive(path)
