"""moto's server as a child process on a loopback port."""

import os
import subprocess
import sys
import tempfile
import time
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import TracebackType
from typing import Self

from gpuwright_sandbox.gateway.door import LOOPBACK, answers

IMAGES = Path(__file__).parent / "images.json"
START_SECONDS = 60.0
GLANCE_SECONDS = 0.1


class MotoError(Exception):
    """moto did not start; the message ends with what it printed."""


class MotoProcess:
    """moto's server. It forgets everything when it ends; accounts in it know nothing of each other."""

    def __init__(self) -> None:
        self.port = _free_port()
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
        until = time.monotonic() + START_SECONDS
        while not (answers(self.port) and self._is_up()):
            if self._child.poll() is not None or time.monotonic() > until:
                raise MotoError(f"moto did not start:\n{self._said()}")
            time.sleep(GLANCE_SECONDS)

    def close(self) -> None:
        """End it."""
        if self._child is not None:
            self._child.kill()
            self._child.communicate()
            self._child = None
        self._output.close()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _is_up(self) -> bool:
        connection = HTTPConnection(LOOPBACK, self.port, timeout=START_SECONDS)
        try:
            connection.request("GET", "/moto-api/data.json")
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()

    def _said(self) -> str:
        self._output.seek(0)
        return self._output.read().decode(errors="replace")[-3000:]


def _free_port() -> int:
    # Not 0: moto prints the port that it was given, not the one that it got.
    from socket import socket  # noqa: PLC0415

    with socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port
