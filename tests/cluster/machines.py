"""Machines on this machine: each has a network, a disk and processes of its own.

Their networks are joined by a bridge. All see their own disk under the same path, and none sees
that of another: what one needs of another must go through the network.
"""

import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.unit.service import Service

PATH = f"{os.environ['PATH']}{os.pathsep}/usr/sbin{os.pathsep}/sbin"
PROGRAMS = ("ip", "mount", "setpriv", "unshare")
END_WITH_PARENT = ("setpriv", "--pdeathsig", "KILL")
# The disk takes the place of the folder of all disks.
ENTER = """\
set -e
mount --bind "$1/$2" /mnt
mount -t tmpfs tmpfs "$1"
mkdir "$1/disk"
mount --move /mnt "$1/disk"
mkdir -p "$1/disk/home"
cd "$1/disk"
shift 2
exec "$@"
"""
NUMBERS = itertools.count()


def missing_programs() -> list[str]:
    """Return the programs that machines need and that are not installed."""
    return [name for name in PROGRAMS if shutil.which(name, path=PATH) is None]


class Machine:
    """A machine of a network.

    Args:
        name: of its network namespace.
        address: of its network.
        disks: folder of all disks.

    Attributes:
        disk: its disk, as the tests see it.
        inner_disk: path under which its processes see it.
    """

    def __init__(self, name: str, address: str, disks: Path) -> None:
        self.address = address
        self.disk, self.inner_disk = disks / name, disks / "disk"
        self.disk.mkdir()
        self._enter = ("ip", "netns", "exec", name)
        self._unshare = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
        self._shell = ("sh", "-c", ENTER, "sh", str(disks), name)
        self._processes: list[subprocess.Popen[str]] = []

    def start(
        self, command: Sequence[str], folder: str = "", variables: Mapping[str, str] | None = None
    ) -> "subprocess.Popen[str]":
        """Start a command; killing its process kills all that it has started.

        Its output is in `<program>.log` of the disk.

        Args:
            command: program and arguments.
            folder: below the disk.
            variables: environment variables.
        """
        home = self.inner_disk / "home"
        env = {key: value for key, value in os.environ.items() if not key.startswith("DVC_")}
        env |= {"PATH": PATH, "HOME": str(home), "TMPDIR": str(home)} | dict(variables or {})
        inside = ("env", "-C", str(self.inner_disk / folder), *command)
        with self.log(command[0]).open("wb") as log:
            process = subprocess.Popen(
                [*END_WITH_PARENT, *self._enter, *self._unshare, *self._shell, *inside],
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        self._processes.append(process)
        return process

    def log(self, program: str) -> Path:
        """Return the file with the output of a program."""
        return self.disk / f"{Path(program).name}.log"

    def kill(self) -> None:
        """Kill all processes of the machine, as the loss of its power does."""
        for process in self._processes:
            process.kill()
            process.wait()
        self._processes.clear()


class Network(Service):
    """Machines that reach each other, and nothing else; the context ends them all."""

    def __init__(self) -> None:
        self._prefix = f"seqproof{os.getpid()}-{next(NUMBERS)}"
        self._bridge = f"{self._prefix}-bridge"
        self._temporary = tempfile.TemporaryDirectory(prefix="seqproof-disks-", dir="/tmp")
        self._names: list[str] = []
        self._machines: list[Machine] = []

    def machine(self) -> Machine:
        """Add a machine."""
        number = len(self._machines) + 1
        name, address = f"{self._prefix}-{number}", f"10.77.0.{number}"
        self._add(name)
        port = f"port{number}"
        veth = ("link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", name)
        self._ip("-n", self._bridge, *veth)
        self._ip("-n", self._bridge, "link", "set", port, "master", "bridge", "up")
        self._ip("-n", name, "address", "add", f"{address}/24", "dev", "eth0")
        self._ip("-n", name, "link", "set", "eth0", "up")
        self._machines.append(Machine(name, address, Path(self._temporary.name)))
        return self._machines[-1]

    def _add(self, name: str) -> None:
        self._ip("netns", "add", name)
        self._names.append(name)
        self._ip("-n", name, "link", "set", "lo", "up")

    def _ip(self, *arguments: str) -> None:
        process = subprocess.run(
            ["ip", *arguments],
            env={**os.environ, "PATH": PATH},
            check=False,
            capture_output=True,
            text=True,
        )
        if process.returncode:
            raise ChildProcessError(f"ip {' '.join(arguments)}: {process.stderr.strip()}")

    def start(self) -> None:
        """Make the bridge."""
        self._add(self._bridge)
        self._ip("-n", self._bridge, "link", "add", "bridge", "type", "bridge")
        self._ip("-n", self._bridge, "link", "set", "bridge", "up")

    def stop(self) -> None:
        """Kill all machines, and remove their networks and disks."""
        for machine in self._machines:
            machine.kill()
        for name in self._names:
            self._ip("netns", "delete", name)
        self._temporary.cleanup()
