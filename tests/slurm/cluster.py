"""A real Slurm of two nodes, both of them this machine.

python tests/slurm/cluster.py install          Slurm's Debian packages, for root
python tests/slurm/cluster.py start FOLDER     prints the variable that clients need
python tests/slurm/cluster.py stop FOLDER

All that a cluster writes lies in its folder, keys, sockets and logs too, and its ports
are free ones: several clusters on one machine do not meet, and a Slurm or a munge of
the machine itself is left alone.
"""

from __future__ import annotations

import argparse
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

NODES = ("n1", "n2")
PARTITION = "debug"
CPUS = 4  # of each node, as Slurm counts them; the machine may have fewer
PACKAGES = ("slurm-wlm", "munge")
PROGRAMS = ("munged", "slurmctld", "slurmd", "srun", "sbatch")
START_SECONDS = 60

CONFIGURATION = """\
ClusterName=mmris
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SwitchType=switch/none
ReturnToService=2
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
KillWait=20
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool.%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdLogFile={folder}/log/slurmd.%n.log
SlurmdParameters=config_overrides
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs={cpus} \
RealMemory=4000 State=UNKNOWN
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs={cpus} \
RealMemory=4000 State=UNKNOWN
PartitionName={partition} Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP \
OverSubscribe=NO
"""


def missing_programs() -> list[str]:
    """What of Slurm this machine lacks."""
    path = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/sbin"))
    return [name for name in PROGRAMS if shutil.which(name, path=path) is None]


def install() -> str | None:
    """Install Slurm if it is not there.

    Returns:
        Why it is not there, None if it is.
    """
    if not missing_programs():
        return None
    if os.geteuid() != 0:
        return "installing Slurm takes root"
    if shutil.which("apt-get") is None:
        return "this machine has no apt-get"
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    for command in (
        ["update", "-qq"],
        ["install", "-y", "-qq", "--no-install-recommends", *PACKAGES],
    ):
        done = subprocess.run(
            ["apt-get", *command],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    if missing_programs():
        return f"apt-get installed no Slurm: {(done.stderr or done.stdout)[-300:]}"
    return None


def variables(folder: Path) -> dict[str, str]:
    """What the environment of srun, sbatch and the others needs."""
    return {"SLURM_CONF": str(folder / "slurm.conf")}


def start(folder: Path) -> None:
    """Start the daemons and wait until both nodes take jobs.

    Raises:
        RuntimeError: They did not come up in time.
    """
    for name in ("state", "log", *(f"spool.{node}" for node in NODES)):
        (folder / name).mkdir(parents=True)
    folder.chmod(0o755)
    key = folder / "munge.key"
    key.write_bytes(secrets.token_bytes(256))
    key.chmod(0o400)
    (folder / "slurm.conf").write_text(
        CONFIGURATION.format(
            host=socket.gethostname(),
            ports=free_ports(3),
            user="root" if os.geteuid() == 0 else os.environ["USER"],
            folder=folder,
            cpus=CPUS,
            partition=PARTITION,
        )
    )
    pids = [
        launch(
            folder,
            "munged",
            "--foreground",
            "--force",
            f"--socket={folder}/munge.socket",
            f"--key-file={key}",
            f"--log-file={folder}/log/munged.log",
            f"--pid-file={folder}/munged.pid",
            f"--seed-file={folder}/munged.seed",
        )
    ]
    try:
        wait_until((folder / "munge.socket").exists, "munged", folder)
        pids.append(launch(folder, "slurmctld", "-D"))
        pids += [launch(folder, "slurmd", "-D", "-N", node) for node in NODES]
        wait_until(lambda: is_ready(folder), "the nodes", folder)
    finally:
        (folder / "pids").write_text(" ".join(map(str, pids)))


def free_ports(number: int) -> list[int]:
    """Ports that nobody listens to."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def launch(folder: Path, *command: str) -> int:
    """Start a daemon in a session of its own; it outlives this process."""
    path = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/sbin"))
    with (folder / "log" / f"{command[0]}.out").open("ab") as file:
        process = subprocess.Popen(
            command,
            env=dict(os.environ, PATH=path, **variables(folder)),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    return process.pid


def is_ready(folder: Path) -> bool:
    """Whether both nodes are idle."""
    return client(folder, "sinfo", "-h", "-N", "-o", "%N %t").split() == [
        word for node in NODES for word in (node, "idle")
    ]


def client(folder: Path, *command: str) -> str:
    """What a client program prints; nothing if the controller does not answer."""
    environment = dict(os.environ, **variables(folder))
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False
    ).stdout


def wait_until(condition, what: str, folder: Path) -> None:
    """Wait for a daemon."""
    until = time.monotonic() + START_SECONDS
    while not condition():
        if time.monotonic() > until:
            logs = "".join(
                f"\n{path.name}: {path.read_text()[-1000:]}"
                for path in sorted((folder / "log").iterdir())
            )
            raise RuntimeError(f"{what} did not come up:{logs}")
        time.sleep(0.1)


def stop(folder: Path) -> None:
    """End all jobs, then the daemons."""
    client(folder, "scancel", "--user", str(os.geteuid()), "--signal=KILL")
    client(folder, "scancel", "--user", str(os.geteuid()))
    pids = [int(pid) for pid in (folder / "pids").read_text().split()]
    # munged last: the others speak through it.
    for pid in reversed(pids):
        try:
            os.kill(pid, signal.SIGTERM)
        except ProcessLookupError:
            continue
        wait_for_end(pid)


def wait_for_end(pid: int) -> None:
    """Wait for a process, child or not; force it after ten seconds."""
    until = time.monotonic() + 10
    while is_running(pid):
        if time.monotonic() > until:
            os.kill(pid, signal.SIGKILL)
            return
        time.sleep(0.05)


def is_running(pid: int) -> bool:
    """Whether a process is there; a child that has ended is reaped."""
    try:
        if os.waitpid(pid, os.WNOHANG)[0] == pid:
            return False
    except ChildProcessError:
        pass
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def main() -> int:
    """Run as a program."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("action", choices=["install", "start", "stop"])
    parser.add_argument("folder", type=Path, nargs="?")
    args = parser.parse_args()
    if args.action == "install":
        reason = install()
        if reason is not None:
            sys.stdout.write(f"{reason}\n")
        return 0 if reason is None else 1
    if args.folder is None:
        parser.error(f"{args.action} needs a folder")
    folder = args.folder.resolve()
    if args.action == "stop":
        stop(folder)
    else:
        start(folder)
        for name, value in variables(folder).items():
            sys.stdout.write(f"export {name}={value}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
