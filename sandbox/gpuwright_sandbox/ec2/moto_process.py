"""moto's server as a child process on a loopback port."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from gpuwright_sandbox.controlplane.layout import free_port
from gpuwright_sandbox.gateway.door import LOOPBACK, answers
from gpuwright_sandbox.loopback import ask
from gpuwright_sandbox.started import Started, comes_up

IMAGES = Path(__file__).parent / "images.json"
START_SECONDS = 60.0
GLANCE_SECONDS = 0.1


class MotoError(Exception):
    """moto did not start; the message ends with what it printed."""


class MotoProcess(Started):
    """moto's server. It forgets everything when it ends; accounts in it know nothing of each other."""

    def __init__(self) -> None:
        # Not 0: moto prints the port that it was given, not the one that it got.
        self.port = free_port()
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it listens, without a slash at the end."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def pid(self) -> int | None:
        """The id of the process; None while none runs."""
        return None if self._child is None else self._child.pid

    def start(self) -> None:
        """Start it and return when it answers. Raises MotoError."""
        # The images that moto knows by itself take seconds to load, in every account anew.
        environment = os.environ | {"MOTO_AMIS_PATH": str(IMAGES)}
        command = [sys.executable, "-m", "gpuwright_sandbox.ec2.moto_child", LOOPBACK, str(self.port)]
        self._child = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=self._output, stderr=subprocess.STDOUT
        )
        if not comes_up(self._child, self._is_up, START_SECONDS, GLANCE_SECONDS):
            raise MotoError(f"moto did not start:\n{self._said()}")

    def close(self) -> None:
        """End it."""
        if self._child is not None:
            self._child.kill()
            self._child.communicate()
            self._child = None
        self._output.close()

    def _is_up(self) -> bool:
        return answers(self.port) and ask(self.port, "/moto-api/data.json", START_SECONDS)[0] == 200

    def _said(self) -> str:
        self._output.seek(0)
        return self._output.read().decode(errors="replace")[-3000:]
