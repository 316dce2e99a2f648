"""Where the processes of a job meet, by what their launcher left in the environment."""

from __future__ import annotations

import re
import socket
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

Launcher = Literal["none", "pytorch", "slurm", "mpi"]

DEFAULT_PORT = 29500
# Ports of Slurm's jobs: below those that systems give to outgoing connections.
_SLURM_PORTS = range(20000, 29000)


@dataclass(frozen=True)
class _Variables:
    """Names of a launcher's environment variables, and how to start it properly."""

    rank: str
    world_size: str
    local_rank: str
    remedy: str


_VARIABLES = {
    "pytorch": _Variables(
        "RANK",
        "WORLD_SIZE",
        "LOCAL_RANK",
        "Start with torchrun, as tools/dist_train.sh CONFIG NPROC does",
    ),
    # The step's number of tasks: the job's is also set where srun started nothing.
    "slurm": _Variables(
        "SLURM_PROCID",
        "SLURM_STEP_NUM_TASKS",
        "SLURM_LOCALID",
        "Start with srun, as tools/slurm_train.sh PARTITION JOB CONFIG WORK_DIR does",
    ),
    "mpi": _Variables(
        "OMPI_COMM_WORLD_RANK",
        "OMPI_COMM_WORLD_SIZE",
        "OMPI_COMM_WORLD_LOCAL_RANK",
        "Start with mpirun of Open MPI",
    ),
}


def set_rendezvous_variables(
    launcher: Launcher, environment: MutableMapping[str, str]
) -> None:
    """Write the variables that torch reads from those of the launcher.

    A ``MASTER_ADDR`` and a ``MASTER_PORT`` that are already there are kept.

    Args:
        launcher: ``"pytorch"``, ``"slurm"`` or ``"mpi"``.
        environment: The environment variables, changed in place.

    Raises:
        RuntimeError: A variable of the launcher is missing.
        ConnectionError: The address of the first process cannot be found out.
    """
    names = _VARIABLES[launcher]
    for target, source in (
        ("RANK", names.rank),
        ("WORLD_SIZE", names.world_size),
        ("LOCAL_RANK", names.local_rank),
    ):
        if source not in environment:
            raise RuntimeError(
                f"--launcher {launcher} needs the environment variable {source}, which "
                f"is not set. {names.remedy}, or leave --launcher out"
            )
        environment[target] = environment[source]
    if "MASTER_ADDR" not in environment:
        environment["MASTER_ADDR"] = _first_address(launcher, environment)
    port = _slurm_port(environment) if launcher == "slurm" else DEFAULT_PORT
    environment.setdefault("MASTER_PORT", str(port))


def check_alone(environment: Mapping[str, str]) -> None:
    """Refuse to run once for each of several processes that know nothing of each other.

    Args:
        environment: The environment variables of a process without a launcher.

    Raises:
        RuntimeError: A launcher started several.
    """
    for launcher, names in _VARIABLES.items():
        number = environment.get(names.world_size, "1")
        if names.rank in environment and number not in ("", "0", "1"):
            raise RuntimeError(
                f"{number} processes were started ({names.world_size}={number}), each "
                f"of which would do the same. Add --launcher {launcher}, or start one"
            )


def _slurm_port(environment: Mapping[str, str]) -> int:
    """A port of its own for each step of each job: they may share a node."""
    job = int(environment.get("SLURM_JOB_ID", 0))
    step = int(environment.get("SLURM_STEP_ID", 0))
    return _SLURM_PORTS[(10 * job + step) % len(_SLURM_PORTS)]


def _first_address(launcher: Launcher, environment: Mapping[str, str]) -> str:
    """Address of the node with rank 0."""
    if launcher == "mpi":
        local = environment.get("OMPI_COMM_WORLD_LOCAL_SIZE")
        one_node = local == environment["WORLD_SIZE"]
    else:
        nodes_of_step = environment.get(
            "SLURM_STEP_NUM_NODES", environment.get("SLURM_NNODES")
        )
        one_node = launcher == "pytorch" or nodes_of_step == "1"
    if one_node:
        return "127.0.0.1"
    nodes = environment.get("SLURM_STEP_NODELIST", environment.get("SLURM_NODELIST"))
    for address in _addresses_in_slurm(nodes) if nodes else ():
        if resolves(address):
            return address
    how = "mpirun -x MASTER_ADDR=..." if launcher == "mpi" else "export MASTER_ADDR=..."
    known = f" (the nodes are {nodes}, and this one knows no address of the first)"
    raise ConnectionError(
        "the processes run on several nodes and MASTER_ADDR is not set"
        f"{known if nodes else ''}. Give the name or address of the first node to all "
        f"of them: {how}"
    )


def _addresses_in_slurm(nodes: str) -> list[str]:
    """Names and addresses of the first node, the likeliest first."""
    name = first_of_nodes(nodes)
    # Inside a container there is often no scontrol; the name has to do then.
    try:
        shown = subprocess.check_output(
            ["scontrol", "show", "node", name], text=True, stderr=subprocess.DEVNULL
        )
    except (OSError, subprocess.CalledProcessError):
        return [name]
    return [name, *re.findall(r"\bNodeAddr=(\S+)", shown)]


def first_of_nodes(nodes: str) -> str:
    """The first name of a list of nodes as Slurm writes it.

    Args:
        nodes: Such as ``"gpu[07-08,11],login1"``.

    Returns:
        The name, ``"gpu07"``.
    """
    first = re.sub(r"\[([^\],-]*)[^\]]*\]", r"\1", nodes)
    return first.split(",")[0]


def resolves(address: str) -> bool:
    """Whether this machine knows a name, or it is an address.

    Args:
        address: The name or address.
    """
    try:
        socket.getaddrinfo(address, None)
    except OSError:
        return False
    return True
