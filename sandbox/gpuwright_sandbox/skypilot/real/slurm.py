"""A Slurm of one node with two GPUs that are not there: Debian's own programs, in a mount namespace of their own."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from socket import gethostname

from gpuwright_sandbox.controlplane.layout import LOOPBACK, free_port
from gpuwright_sandbox.started import Started

START_SECONDS = 60.0
GLANCE_SECONDS = 0.2
CLUSTER = "localslurm"
GPU = "h100"
GPUS = 2
CONF = """ClusterName={cluster}
SlurmctldHost={host}({loopback})
SlurmctldPort={ctld}
SlurmdPort={slurmd}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.sock
CredType=cred/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
ReturnToService=2
GresTypes=gpu
SlurmdParameters=config_overrides
MpiDefault=none
NodeName={host} NodeAddr={loopback} CPUs=8 RealMemory=64000 Gres=gpu:{gpu}:{gpus} State=UNKNOWN
PartitionName=gpu Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""
SSHD = """Port {port}
ListenAddress {loopback}
HostKey {folder}/host_key
PidFile {folder}/sshd.pid
AuthorizedKeysFile {folder}/key.pub
PermitRootLogin yes
PasswordAuthentication no
UsePAM no
StrictModes no
MaxSessions 100
MaxStartups 100
SetEnv SLURM_CONF={folder}/slurm.conf
Subsystem sftp internal-sftp
"""
# SkyPilot's node asks astral.sh for uv, and uv GitHub for a Python 3.10: neither is a package registry.
CURL = """#!/bin/bash
case "$*" in
  *astral.sh/uv*) echo 'mkdir -p "$HOME/.local/bin" && cp {folder}/uv "$HOME/.local/bin/uv"'; exit 0;;
esac
exec /usr/bin/curl "$@"
"""
UV = """#!/bin/bash
a=(); for x in "$@"; do [ "$x" = 3.10 ] && x=3.11; a+=("$x"); done
export SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt UV_HTTP_TIMEOUT=300 UV_PYTHON_DOWNLOADS=never
exec {uv} "${{a[@]}}"
"""


class SlurmError(Exception):
    """Slurm did not start; the message ends with what its programs logged."""


class Slurm(Started):
    """Munge, the controller, a node and an SSH server, all on loopback. `uv`: the program that the node gets."""

    def __init__(self, folder: Path, uv: Path) -> None:
        self.folder = folder
        self._uv = uv
        self.ssh_port, self._ctld, self._slurmd = (free_port() for _ in range(3))
        self._children: list[subprocess.Popen[bytes]] = []
        conf = {"SLURM_CONF": str(folder / "slurm.conf"), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
        self._environment = {**os.environ, **conf}

    def start(self) -> None:
        """Start all of it and return when the node takes jobs. Raises SlurmError."""
        self._write()
        folder = self.folder
        named = {"socket": "sock", "key-file": "key", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
        munge = ["--force", "--foreground", *(f"--{name}={folder}/munge.{end}" for name, end in named.items())]
        self._spawn("munged", "/usr/sbin/munged", *munge)
        self._wait("munge", (folder / "munge.sock").exists)
        self._spawn("slurmctld", "/usr/sbin/slurmctld", "-D", "-f", str(folder / "slurm.conf"))
        self._spawn("slurmd", *self._apart("/usr/sbin/slurmd -D -f " + str(folder / "slurm.conf")))
        Path("/run/sshd").mkdir(exist_ok=True)
        self._spawn("sshd", *self._apart(f"/usr/sbin/sshd -D -e -f {folder}/sshd_config"))
        self._wait("the node", lambda: "idle" in self._ask("sinfo", "--noheader", "--format=%T"))

    def jobs(self) -> list[str]:
        """Return the names of the jobs that hold something, or want to: the truth of what bills."""
        asked = self._ask("squeue", "--noheader", "--format=%j")
        return sorted(line.strip() for line in asked.splitlines() if line.strip())

    def cancel_all(self) -> None:
        """End every job behind everybody's back."""
        self._ask("scancel", "--user=root")

    def close(self) -> None:
        """End everything that was started, the jobs first."""
        if (self.folder / "slurm.conf").exists():
            subprocess.run(["/usr/bin/scancel", "--user=root"], env=self._environment, capture_output=True, check=False)
        for child in reversed(self._children):
            _end(child)
        self._children.clear()

    def _write(self) -> None:
        folder = self.folder
        for name in ("state", "spool", "home", "bin"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        place = {"folder": folder, "loopback": LOOPBACK, "host": gethostname()}
        words = {**place, "cluster": CLUSTER, "gpu": GPU, "gpus": GPUS}
        conf = CONF.format(**words, ctld=self._ctld, slurmd=self._slurmd)
        (folder / "slurm.conf").write_text(conf)
        devices = folder / "fakegpu"
        for number in range(GPUS):
            Path(f"{devices}{number}").touch()
        (folder / "gres.conf").write_text(f"Name=gpu Type={GPU} File={devices}[0-{GPUS - 1}]\n")
        (folder / "sshd_config").write_text(SSHD.format(**words, port=self.ssh_port))
        for name in ("key", "host_key"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
        for name, text in (("bin/curl", CURL), ("uv", UV)):
            (folder / name).write_text(text.format(folder=folder, uv=self._uv))
            (folder / name).chmod(0o755)
        key = folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o600)

    def _apart(self, command: str) -> list[str]:
        """Return the command with a home and programs of its own, which nobody else on this machine sees."""
        home = Path.home()
        mounts = f"mount --bind {self.folder}/home {home} && mount --bind {self.folder}/bin /usr/local/bin"
        return ["unshare", "--mount", "bash", "-c", f"{mounts} && exec {command}"]

    def _spawn(self, name: str, *command: str) -> None:
        with (self.folder / f"{name}.out").open("wb") as out:
            child = subprocess.Popen(
                command, env=self._environment, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
            )
        self._children.append(child)

    def _ask(self, *command: str) -> str:
        answer = subprocess.run(command, env=self._environment, capture_output=True, text=True, check=False, timeout=60)
        return answer.stdout

    def _wait(self, what: str, there: Callable[[], bool]) -> None:
        until = time.monotonic() + START_SECONDS
        while not there():
            if time.monotonic() > until:
                raise SlurmError(f"{what} did not start:\n{self._said()}")
            time.sleep(GLANCE_SECONDS)

    def _said(self) -> str:
        logs = [*self.folder.glob("*.out"), *self.folder.glob("*.log")]
        return "\n".join(f"{path.name}: {path.read_text(errors='replace')[-600:]}" for path in logs)


def _end(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGTERM)
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait(10)
