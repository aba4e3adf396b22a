"""A real SLURM on this machine: one node, with ports, keys and folders of its own."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.unit.service import Service
from tests.unit.tracking.servers import SYSTEM_RANDOM, closed_port

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "scancel", "scontrol", "squeue", "setpriv")
# Debian's package has the daemons in /usr/sbin, which is not in every user's PATH.
PATH = f"{os.environ['PATH']}{os.pathsep}/usr/sbin"
CONFIGURATION = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={node}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CryptoType=crypto/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=1,batch_sched_delay=0
MpiDefault=none
ReturnToService=2
KillWait=5
JobAcctGatherType=jobacct_gather/none
NodeName={host} NodeAddr=127.0.0.1 CPUs={cores} RealMemory=16000 State=UNKNOWN
PartitionName=short Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def missing_programs() -> list[str]:
    """Return the programs of SLURM that are not installed."""
    return [name for name in PROGRAMS if shutil.which(name, path=PATH) is None]


class Slurm(Service):
    """Controller and node of a SLURM; the context ends both, and all jobs.

    Args:
        cores: of the node, whatever the machine has.

    Attributes:
        folder: for all its files.
        variables: with which its programs reach it.
    """

    def __init__(self, cores: int = 4) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="seqproof-slurm-", dir="/tmp")
        self.folder = Path(self._temporary.name)
        self._configuration = self.folder / "slurm.conf"
        self._daemons: list[subprocess.Popen[bytes]] = []
        self.variables = {"SLURM_CONF": str(self._configuration), "PATH": PATH}
        self._configuration.write_text(
            CONFIGURATION.format(
                host=os.uname().nodename.partition(".")[0],
                controller=closed_port(),
                node=closed_port(),
                folder=self.folder,
                cores=cores,
            )
        )

    def call(self, *command: str) -> str:
        """Run a program of SLURM; return its output."""
        return subprocess.run(
            command,
            env={**os.environ, **self.variables},
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        ).stdout.strip()

    def jobs(self, *states: str) -> list[str]:
        """Return the numbers of the jobs in some states, or of all that have not ended."""
        options = ["--states", ",".join(states)] if states else []
        return self.call("squeue", "--noheader", "--format=%A", *options).split()

    def start(self) -> None:
        """Start the daemons and wait for the node."""
        for name in ("state", "spool"):
            (self.folder / name).mkdir()
        key, socket = self.folder / "munge.key", self.folder / "munge.socket"
        key.write_bytes(SYSTEM_RANDOM.randbytes(128))
        key.chmod(0o400)
        files = [f"--{name}={self.folder}/munge.{name}" for name in ("pid-file", "seed-file")]
        log = f"--log-file={self.folder}/munge.log"
        self._run(
            "munged",
            *("--foreground", "--force", f"--key-file={key}", f"--socket={socket}", *files, log),
        )
        self._wait_until(socket.exists)
        self._run("slurmctld", "-D", "-c", "-f", str(self._configuration))
        self._run("slurmd", "-D", "-f", str(self._configuration))
        self._wait_until(lambda: self._state() == "idle")

    def _run(self, *command: str) -> None:
        with (self.folder / f"{command[0]}.output").open("wb") as output:
            self._daemons.append(
                subprocess.Popen(
                    ["setpriv", "--pdeathsig", "KILL", *command],  # if this process is killed
                    env={**os.environ, **self.variables},
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                )
            )

    def _state(self) -> str:
        output = subprocess.run(
            ["sinfo", "--noheader", "--format=%T"],
            env={**os.environ, **self.variables},
            check=False,
            capture_output=True,
            text=True,
        ).stdout
        return output.strip()

    def _wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait until a condition holds; a daemon that has ended is an error."""
        while not condition():
            for daemon in self._daemons:
                if daemon.poll() is not None:
                    logs = "".join(
                        file.read_text(errors="replace") for file in self.folder.glob("*.output")
                    )
                    raise ChildProcessError(f"{daemon.args}: {logs}")
            time.sleep(0.05)

    def stop(self) -> None:
        """End all jobs and daemons, and remove their files."""
        try:
            self._end_jobs()
        finally:
            self._end_daemons()

    def _end_jobs(self) -> None:
        subprocess.run(
            ["scancel", "--signal=KILL", "--full", *self.jobs()],
            env={**os.environ, **self.variables},
            check=False,
            capture_output=True,
        )
        self._wait_until(lambda: not self.jobs())

    def _end_daemons(self) -> None:
        for daemon in self._daemons[::-1]:
            daemon.terminate()
        for daemon in self._daemons[::-1]:
            daemon.wait()
        self._temporary.cleanup()
