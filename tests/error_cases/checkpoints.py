"""Checkpoints."""

from types import SimpleNamespace

import torch
from mmengine.config import Config
from mmengine.optim import OptimWrapper
from mmengine.runner.checkpoint import _load_checkpoint
from torch import nn
from torch.optim import SGD

from mmris.engine import AtomicCheckpointHook, CheckpointFitHook, ExactResumeHook
from mmris.models.text_encoders import EmbeddingTextEncoder
from mmris.utils import check_fit, load_checkpoint_file
from mmris.utils.atomic_files import AtomicLocalBackend
from mmris.utils.checkpoint_fit import check_start
from mmris.utils.model_index import IndexedModel, find_model
from mmris.utils.start_options import newest_checkpoint, set_start
from mmris.utils.weight_files import find_weights
from tests import hostile_checkpoints

from . import behaviour, error


@error("The checkpoint is not there")
def missing(folder):
    load_checkpoint_file(folder / "iter_9.pth")


@error("`--resume` or `--load-from` names no file")
def missing_option(folder):
    set_start(Config({}), resume="iter_9.pth", load_from=None)


@error("The checkpoint is cut off, empty, or something else")
def damaged(folder):
    torch.save({"weight": torch.rand(100)}, folder / "a.pth")
    content = (folder / "a.pth").read_bytes()
    (folder / "a.pth").write_bytes(content[:200])
    load_checkpoint_file(folder / "a.pth")


@error("The weights are not those of the checksum")
def other_weights(folder):
    (folder / "a.pth").write_bytes(b"others")
    find_weights(folder / "a.pth", "0" * 64)


@error("An address of weights comes without checksum")
def no_checksum(folder):
    find_weights("https://host/a.safetensors")


@error("No model of this name has trained weights")
def no_such_model(folder):
    config = folder / "cmsa_tiny_shapes.py"
    find_model("cmsa_tiny", [IndexedModel("cmsa_tiny_shapes", "CMSA", config, ())])


@error("The checkpoint holds more than weights and plain values")
def hostile(folder):
    hostile_checkpoints.zip_of_torch(folder / "a.pth", folder / "marker")
    load_checkpoint_file(folder / "a.pth")


@error("The file holds something else than a dict of weights")
def a_list(folder):
    torch.save([1, 2], folder / "a.pth")
    load_checkpoint_file(folder / "a.pth")


@error("The checkpoint belongs to another config")
def other_config(folder):
    check_fit(nn.Linear(1, 1), {"conv.weight": torch.ones(1)}, source="a.pth")


@error("The checkpoint has another vocabulary")
def other_vocabulary(folder):
    def model(rows):
        encoder = EmbeddingTextEncoder(num_embeddings=rows, embedding_channels=2)
        return nn.ModuleDict({"text_encoder": encoder})

    check_fit(model(12112), model(8803).state_dict(), source="a.pth")


@error("Fine-tuning starts from a checkpoint of something else")
def wrong_start(folder):
    check_start(nn.Linear(1, 1), {"conv.weight": torch.ones(1)}, source="a.pth")


@error("`--resume` names a training with other groups of parameters")
def other_groups(folder):
    model = nn.Linear(1, 1)
    runner = SimpleNamespace(
        model=model,
        optim_wrapper=OptimWrapper(SGD(model.parameters(), lr=0.1)),
        _load_from="a.pth",
        _resume=True,
        _train_loop={},
    )
    groups = [{"params": [0]}, {"params": [1]}]
    CheckpointFitHook().after_load_checkpoint(
        runner,
        {"state_dict": model.state_dict(), "optimizer": {"param_groups": groups}},
    )


@error("`--resume` names weights without the state of a training")
def only_weights(folder):
    torch.save({"state_dict": {}, "meta": {}}, folder / "best.pth")
    set_start(Config({}), resume=str(folder / "best.pth"), load_from=None)


@error("`--resume` and `--load-from` together")
def both(folder):
    set_start(Config({}), resume="a.pth", load_from="b.pth")


@error("A byte of the checkpoint changed, and `--resume` names it")
def changed_byte(folder):
    torch.save({"state_dict": {"weight": torch.zeros(1000)}}, folder / "iter_9.pth")
    content = bytearray((folder / "iter_9.pth").read_bytes())
    content[content.index(bytes(1000)) + 500] = 1  # within the zeros
    (folder / "iter_9.pth").write_bytes(content)
    set_start(Config({}), resume=str(folder / "iter_9.pth"), load_from=None)


@error("The disk is full, or the work dir read-only, when a checkpoint is written")
def full_disk(folder):
    (folder / "run").write_text("a file in its place")
    AtomicLocalBackend().put(b"", folder / "run" / "iter_9.pth")


@error("Checkpoints come between the batches of one step")
def within_a_step(folder):
    hook = AtomicCheckpointHook(interval=3, by_epoch=False)
    wrapper = SimpleNamespace(_accumulative_counts=2)
    ExactResumeHook().before_train(
        SimpleNamespace(hooks=[hook], optim_wrapper=wrapper, max_iters=9)
    )


@error("All checkpoints of the work dir are gone")
def all_gone(folder):
    (folder / "last_checkpoint").write_text("run/iter_9.pth")
    newest_checkpoint(str(folder))


@error("A name of `open-mmlab://`, `torchvision://` or `mmcls://` is misspelt")
def misspelt_name(folder):
    _load_checkpoint("open-mmlab://resnet50_v1")


@error("A checkpoint cannot be downloaded")
def no_network(folder):
    _load_checkpoint("http://127.0.0.1:9/a.pth")


@error("A checkpoint lies in a store of objects")
def store(folder):
    _load_checkpoint("s3://bucket/a.pth")


STATE = {"state_dict": {}, "meta": {}, "message_hub": {}, "optimizer": {}}


@behaviour("The newest checkpoint of the work dir is damaged")
def damaged_newest(folder):
    for name in ("iter_3.pth", "iter_9.pth"):
        torch.save(STATE, folder / name)
    (folder / "iter_9.pth").write_bytes(b"")
    (folder / "last_checkpoint").write_text(str(folder / "iter_9.pth"))
    assert newest_checkpoint(str(folder)) == str(folder / "iter_3.pth")


@behaviour("The work dir was moved, renamed or copied")
def moved(folder):
    torch.save(STATE, folder / "iter_9.pth")
    (folder / "last_checkpoint").write_text("/elsewhere/iter_9.pth")
    assert newest_checkpoint(str(folder)) == str(folder / "iter_9.pth")


@behaviour("`--resume` without any checkpoint in the work dir")
def nothing_to_resume(folder):
    cfg = Config({"work_dir": str(folder), "resume": False})
    set_start(cfg, resume="auto", load_from=None)
    assert not cfg.resume


@behaviour("A checkpoint to fine-tune from lacks some weights, or has others besides")
def partial_start(folder):
    model = nn.Sequential(nn.Linear(1, 1), nn.Linear(1, 1))
    state = {**model.state_dict(), "head.bias": torch.ones(1)}
    del state["1.bias"]
    assert "3 of the 4 weights" in check_start(model, state, source="a.pth")
