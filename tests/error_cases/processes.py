"""Jobs of several processes."""

import contextlib

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import OptimWrapper
from torch import nn

from mmris.engine import ShardedModel, sharded_runner
from mmris.utils.launch import process_group
from mmris.utils.rendezvous import check_alone, set_rendezvous_variables
from mmris.utils.tool_errors import explain

from . import error

# What torchrun sets; the port is one that is hardly ever taken.
ONE = {"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0", "MASTER_PORT": "29547"}


@contextlib.contextmanager
def environment(**changes):
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**ONE, "MASTER_ADDR": "127.0.0.1", **changes}.items():
            patch.setenv(name, value)
        patch.setattr(torch.cuda, "is_available", lambda: False)
        yield patch


def join(cfg=None, **changes):
    with environment(**changes), process_group(Config(cfg or {}), "pytorch"):
        pass


@error("A launcher is named that did not launch")
def not_launched(folder):
    set_rendezvous_variables("pytorch", {})


@error("Several processes were started without `--launcher`")
def not_named(folder):
    check_alone({"RANK": "0", "WORLD_SIZE": "4"})


@error("The first of several nodes is not known")
def no_address(folder):
    names = {"RANK": "0", "SIZE": "4", "LOCAL_RANK": "0", "LOCAL_SIZE": "2"}
    job = {f"OMPI_COMM_WORLD_{name}": value for name, value in names.items()}
    set_rendezvous_variables("mpi", job)


@error("The name of the first node does not resolve")
def unknown_node(folder):
    join(MASTER_ADDR="no-such-node.invalid")


@error("Some processes do not come to where they meet")
def missing_process(folder):
    short = {"env_cfg": {"dist_cfg": {"rendezvous_timeout": 1}}}
    join(short, WORLD_SIZE="2")


@error("The processes meet, but not on a network that they share")
def wrong_interface(folder):
    join(GLOO_SOCKET_IFNAME="no-such-interface")


@error("A node has fewer GPUs than processes")
def too_few_gpus(folder):
    with environment(LOCAL_RANK="1") as patch:
        patch.setattr(torch.cuda, "is_available", lambda: True)
        patch.setattr(torch.cuda, "device_count", lambda: 1)
        with process_group(Config({}), "pytorch"):
            pass


@error("A process of the job died")
def lost_process(folder):
    lost = RuntimeError("[gloo/transport/tcp/pair.cc] Connection closed by peer")
    raise RuntimeError(explain(lost))


@error("`sync_bn` on a CPU")
def sync_bn_on_a_cpu(folder):
    join({"sync_bn": "torch"})


@error("`sync_bn` of another library")
def sync_bn_of_mmcv(folder):
    join({"sync_bn": "mmcv"})


@error("MMEngine's sharded parameters")
def sharded_by_mmengine(folder):
    join({"model_wrapper_cfg": {"type": "MMFullyShardedDataParallel"}})


def shard(model, **options):
    """Up to where processes are needed."""
    ShardedModel(model, **options).shard()


@error("`modules` of `ShardedModel` names no part")
def no_such_sharded_part(folder):
    shard(nn.ModuleDict({"neck": nn.Linear(1, 1)}), modules=["nec"])


@error("`modules` of `ShardedModel` names a list of parts")
def sharded_list(folder):
    layers = nn.ModuleList([nn.Linear(1, 1)])
    shard(nn.ModuleDict({"layers": layers}), modules=["layers"])


@error("Sharded parameters that two parts share")
def shared_parameter(folder):
    first, second = nn.Linear(2, 2), nn.Linear(2, 2)
    second.weight = first.weight
    shard(nn.ModuleDict({"first": first, "second": second}), modules=["first"])


@error("Sharded parameters and `ChannelsLastHook`")
def channels_last(folder):
    layer = nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)
    shard(nn.ModuleDict({"neck": layer}))


@error("A parameter that is one number, sharded")
def one_number(folder):
    layer = nn.Linear(2, 2)
    layer.scale = nn.Parameter(torch.tensor(1.0))
    shard(nn.ModuleDict({"neck": layer}))


@error("Sharded parameters and a runner of MMEngine's")
def another_runner(folder):
    model = nn.Linear(2, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    ShardedModel(model).train_step({}, OptimWrapper(optimizer=optimizer))


@error("Sharded parameters and shares of pictures of unequal length")
def unequal_shares(folder):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sharded_runner, "all_gather_object", lambda found: [found, 2])
        sharded_runner._check_lengths([0, 1, 2], "val_dataloader")
