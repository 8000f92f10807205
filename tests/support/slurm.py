"""A cluster of Slurm on this host: munged, slurmctld and slurmd with everything of theirs in one folder."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "squeue", "sbatch", "scancel")
PLACE = Path("/etc/slurm/slurm.conf")
"""Where a job looks that Snakemake started, which leaves it no variables of Slurm."""
_CONFIGURATION = """\
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort=16817
SlurmdPort=16818
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
ReturnToService=2
SlurmUser=root
SlurmdUser=root
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
SlurmdSpoolDir={folder}/spool
StateSaveLocation={folder}/state
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
KillWait=2
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=16000 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""
# cgroups are not to be had in a container: linuxproc tracks processes, and no task is bound to a core.


def can_be_had() -> bool:
    """True where the programs are installed for no cluster, and this is root, as whom they start jobs."""
    path = os.pathsep.join([os.environ["PATH"], "/usr/sbin"])
    return os.geteuid() == 0 and not PLACE.exists() and all(shutil.which(name, path=path) for name in PROGRAMS)


@contextmanager
def cluster(folder: Path) -> Iterator[dict[str, str]]:
    """Bring up a cluster of this host alone; it ends with the context.

    Yields: the variables that its clients need.
    """
    host = subprocess.check_output(["hostname", "-s"], text=True).strip()
    for name in ("spool", "state"):
        (folder / name).mkdir(parents=True)
    key, configuration = folder / "munge.key", folder / "slurm.conf"
    key.write_bytes(secrets.token_bytes(128))
    key.chmod(0o400)
    configuration.write_text(_CONFIGURATION.format(host=host, folder=folder, cpus=os.cpu_count()))
    variables = {"SLURM_CONF": str(configuration), "PATH": os.pathsep.join([os.environ["PATH"], "/usr/sbin"])}
    socket = folder / "munge.socket"
    munge = ["munged", "--force", "--foreground", f"--key-file={key}", f"--socket={socket}"]
    munge += [f"--{name}-file={folder}/munge.{name}" for name in ("log", "seed", "pid")]
    with ExitStack() as running:
        PLACE.parent.mkdir(parents=True, exist_ok=True)
        running.callback(PLACE.unlink)
        PLACE.symlink_to(configuration)
        for command in (
            munge,
            ["slurmctld", "-D", "-f", str(configuration)],
            ["slurmd", "-D", "-f", str(configuration)],
        ):
            output = running.enter_context((folder / f"{command[0]}.out").open("wb"))
            process = subprocess.Popen(command, env=os.environ | variables, stdout=output, stderr=output)
            running.callback(process.wait)
            running.callback(process.terminate)
            if command[0] == "munged":
                _wait(socket.exists)
        _wait(lambda: "idle" in said(["sinfo", "--noheader", "--format", "%T"], variables))
        yield variables


def said(command: list[str], variables: dict[str, str]) -> str:
    """What a client of the cluster prints; nothing where it fails."""
    return subprocess.run(command, env=os.environ | variables, capture_output=True, text=True).stdout


def _wait(condition, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the cluster did not come up in time"
        time.sleep(0.2)
