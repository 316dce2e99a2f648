import functools
import http.server
import threading

import pytest
import torch
from mmengine.runner import checkpoint as mmengine_checkpoint
from mmengine.runner.checkpoint import CheckpointLoader, _load_checkpoint

from mmris.registry import MODELS
from mmris.utils import trusted_checkpoints
from tests import hostile_checkpoints

WEIGHTS = {"state_dict": {"backbone.weight": torch.ones(2)}, "meta": {"iter": 3}}


@pytest.fixture
def server(tmp_path, monkeypatch):
    """Address of a folder, and the folder."""
    folder = tmp_path / "served"
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    handler = functools.partial(Handler, directory=str(folder))
    served = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=served.serve_forever, daemon=True).start()
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("MMENGINE_HOME", str(tmp_path / "mmengine"))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    yield f"http://127.0.0.1:{served.server_port}", folder
    served.shutdown()
    served.server_close()


def test_no_loader_of_mmengine_is_left():
    modules = {loader.__module__ for loader in CheckpointLoader._schemes.values()}
    assert modules == {"mmris.utils.checkpoint_schemes"}


def test_importing_any_part_of_mmris_is_enough():
    import subprocess  # noqa: PLC0415
    import sys  # noqa: PLC0415

    code = (
        "import mmris.version\n"
        "from mmengine.runner.checkpoint import CheckpointLoader as Loader\n"
        "assert Loader._schemes[''].__module__.startswith('mmris.')\n"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)


@pytest.mark.parametrize("kind", hostile_checkpoints.KINDS)
def test_files(kind, tmp_path):
    path, marker = tmp_path / "evil.pth", tmp_path / "marker"
    kind(path, marker)
    with pytest.raises(ValueError, match=r"evil.pth cannot be read"):
        _load_checkpoint(str(path))
    assert not marker.exists()


def test_addresses(server, tmp_path):
    address, folder = server
    torch.save(WEIGHTS, folder / "good.pth")
    loaded = _load_checkpoint(f"{address}/good.pth?version=1", map_location="cpu")
    assert loaded["meta"] == {"iter": 3}
    (folder / "good.pth").unlink()
    _load_checkpoint(f"{address}/good.pth")  # from the cache
    hostile_checkpoints.zip_of_torch(folder / "evil.pth", tmp_path / "marker")
    with pytest.raises(ValueError, match=r"evil.pth cannot be read as plain weights"):
        _load_checkpoint(f"{address}/evil.pth")
    assert not (tmp_path / "marker").exists()
    with pytest.raises(OSError, match=r"gone.pth cannot be downloaded: .*copy it to"):
        _load_checkpoint(f"{address}/gone.pth")
    with pytest.raises(ValueError, match="names no file"):
        _load_checkpoint(f"{address}/")


@pytest.mark.parametrize(
    ("scheme", "function"),
    [
        ("torchvision", "get_torchvision_models"),
        ("modelzoo", "get_torchvision_models"),
        ("open-mmlab", "get_external_models"),
        ("openmmlab", "get_external_models"),
        ("mmcls", "get_mmcls_models"),
    ],
)
def test_lists_of_models(server, tmp_path, monkeypatch, scheme, function):
    address, folder = server
    torch.save(WEIGHTS, folder / "good.pth")
    hostile_checkpoints.zip_of_torch(folder / "evil.pth", tmp_path / "marker")
    models = {"resnet50": f"{address}/good.pth", "evil": f"{address}/evil.pth"}
    monkeypatch.setattr(mmengine_checkpoint, function, lambda: models)
    loaded = _load_checkpoint(f"{scheme}://resnet50")["state_dict"]
    expected = "weight" if scheme == "mmcls" else "backbone.weight"
    assert list(loaded) == [expected]
    with pytest.raises(ValueError, match=r"evil.pth cannot be read as plain weights"):
        _load_checkpoint(f"{scheme}://evil")
    assert not (tmp_path / "marker").exists()
    message = rf"there is no {scheme}:// checkpoint 'resnet5'; did you mean resnet50\?"
    with pytest.raises(ValueError, match=message):
        _load_checkpoint(f"{scheme}://resnet5")


def test_files_of_the_users_own_list(server, tmp_path, monkeypatch):
    (tmp_path / "mmengine").mkdir()
    torch.save(WEIGHTS, tmp_path / "mmengine" / "mine.pth")
    models = {"mine": "mine.pth"}
    monkeypatch.setattr(mmengine_checkpoint, "get_external_models", lambda: models)
    assert _load_checkpoint("open-mmlab://mine")["meta"] == {"iter": 3}


@pytest.mark.parametrize("path", ["s3://a/b.pth", "x:s3://a.pth", "pavi://a"])
def test_stores_are_refused(path):
    with pytest.raises(ValueError, match="copy it to a file and give its path"):
        _load_checkpoint(path)


def test_metadata_that_would_be_executed_are_dropped(tmp_path):
    meta = {"config": "import os", "cfg": "model = dict()"}
    torch.save({"state_dict": {}, "meta": meta}, tmp_path / "old.pth")
    loaded = _load_checkpoint(str(tmp_path / "old.pth"))
    assert loaded["meta"] == {"cfg": "model = dict()"}


SWIN = {
    "type": "mmseg.SwinTransformer",
    "embed_dims": 12,
    "depths": (1, 1, 1, 1),
    "num_heads": (1, 1, 1, 1),
}
BACKBONES = {
    "resnet": {"type": "mmseg.ResNetV1c", "depth": 18, "base_channels": 8},
    # Reads its weights by itself, past the initializers.
    "swin": SWIN,
}


@pytest.mark.parametrize("name", BACKBONES)
@pytest.mark.parametrize("prefix", [None, "backbone."])
def test_weights_of_backbones(tmp_path, name, prefix):
    path, marker = tmp_path / "evil.pth", tmp_path / "marker"
    hostile_checkpoints.zip_of_torch(path, marker)
    init_cfg = {"type": "Pretrained", "checkpoint": str(path)}
    if prefix is not None:
        init_cfg["prefix"] = prefix
    backbone = MODELS.build({**BACKBONES[name], "init_cfg": init_cfg})
    with pytest.raises(ValueError, match=r"evil.pth cannot be read as plain weights"):
        backbone.init_weights()
    assert not marker.exists()


def test_trusted_files_are_read(tmp_path):
    path, marker = tmp_path / "evil.pth", tmp_path / "marker"
    hostile_checkpoints.zip_of_torch(path, marker)
    with trusted_checkpoints():
        _load_checkpoint(str(path))
    assert marker.exists()
    with pytest.raises(ValueError, match="cannot be read as plain weights"):
        _load_checkpoint(str(path))
