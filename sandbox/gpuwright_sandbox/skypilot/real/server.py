"""SkyPilot's API server as a child process, with a home of its own."""

import os
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Self

import psutil  # type: ignore[import-untyped]

from gpuwright_sandbox.controlplane.layout import LOOPBACK, free_port
from gpuwright_sandbox.loopback import ask
from gpuwright_sandbox.skypilot.real.slurm import CLUSTER, Slurm
from gpuwright_sandbox.started import Started, comes_up

START_SECONDS = 420.0  # 10 s on an idle machine, minutes on a busy one
GLANCE_SECONDS = 0.5
SSH = """Host {cluster}
  HostName {loopback}
  Port {port}
  User root
  IdentityFile {folder}/key
  StrictHostKeyChecking no
  UserKnownHostsFile /dev/null
"""
CATALOGUE = "AcceleratorName,Clouds\nH100,\"['slurm']\"\n"


class ServerError(Exception):
    """The server did not start; the message ends with what it printed."""


class RealServer(Started):
    """One API server that may drive one Slurm. It keeps what it knows in `folder`, over restarts."""

    def __init__(self, folder: Path, environment: Path, slurm: Slurm) -> None:
        self.folder = folder
        self.port = free_port()
        self._environment = environment
        self._slurm = slurm
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it listens, without a slash at the end."""
        return f"http://{LOOPBACK}:{self.port}"

    def __enter__(self) -> Self:
        (self.folder / ".slurm").mkdir(parents=True)
        words = {"cluster": CLUSTER, "loopback": LOOPBACK, "port": self._slurm.ssh_port, "folder": self._slurm.folder}
        (self.folder / ".slurm" / "config").write_text(SSH.format(**words))
        # Without it the server asks GitHub for its catalogues at every request for a GPU.
        catalogue = self.folder / ".sky" / "catalogs" / "v8" / "common"
        catalogue.mkdir(parents=True)
        (catalogue / "accelerators.csv").write_text(CATALOGUE)
        return super().__enter__()

    def start(self) -> None:
        """Start it and return when it is healthy. Raises ServerError."""
        variables = {
            **os.environ,
            "HOME": str(self.folder),
            "PATH": f"{self._environment}/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "SKYPILOT_DISABLE_USAGE_COLLECTION": "1",
            "SKYPILOT_API_SERVER_LOCAL_PORT": str(self.port),
        }
        variables.pop("PYTHONPATH", None)
        command = [f"{self._environment}/bin/sky", "api", "start", "--foreground"]
        command += ["--host", LOOPBACK, "--port", str(self.port)]
        with (self.folder / "server.out").open("ab") as out:
            self._child = subprocess.Popen(
                command, env=variables, cwd=self.folder, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
            )
        if not comes_up(self._child, self._is_healthy, START_SECONDS, GLANCE_SECONDS):
            raise ServerError(f"SkyPilot's server did not start:\n{self._said()}")

    def kill(self) -> None:
        """End it at once, and whatever its workers have become: orphans would keep its ports."""
        if self._child is not None:
            for process in self._family():
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            self._child.wait()
            self._child = None

    def close(self) -> None:
        """End it for good; its folder stays."""
        self.kill()

    def _family(self) -> list[psutil.Process]:
        """Return every process of this server's: its children, and those that have left it and still stand in its home.

        Workers that outlive their server keep the port of its queue, and the next one waits for that for ever.
        """
        found = {process.pid: process for process in psutil.process_iter() if self._stands_here(process)}
        if self._child is not None:
            with suppress(psutil.NoSuchProcess):
                parent = psutil.Process(self._child.pid)
                found |= {process.pid: process for process in (parent, *parent.children(recursive=True))}
        return list(found.values())

    def _stands_here(self, process: psutil.Process) -> bool:
        try:
            return Path(process.cwd()).is_relative_to(self.folder)
        except psutil.Error:
            return False

    def _is_healthy(self) -> bool:
        return ask(self.port, "/api/health", seconds=10)[0] == 200

    def _said(self) -> str:
        return (self.folder / "server.out").read_text(errors="replace")[-3000:]
