"""The operator as a process: started, asked, measured, killed."""

import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

import orjson

from gpuwright_sandbox.bench.errors import BenchError
from gpuwright_sandbox.controlplane.identity import Usage, measure
from gpuwright_sandbox.controlplane.layout import LOOPBACK, free_port
from gpuwright_sandbox.loopback import ask
from gpuwright_sandbox.started import comes_up

START_SECONDS = 60.0
STOP_SECONDS = 60.0
_GLANCE_SECONDS = 0.02
_TIMEOUT_SECONDS = 5.0


class Subject:
    """The operator that is measured; its output goes to one log file over all its starts.

    Args:
        command: a Python with its options, such as `(python, "-X", "importtime")`; `-m gpuwright` and flags follow.
        environment: the environment variables of the process, all of them.
        log: made anew.
        election: the flags that say whether there is one.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        log: Path,
        election: Sequence[str] = ("--no-leader-elect",),
    ) -> None:
        self.log = log
        self._port = free_port()
        flags = [*election, "--http-bind", f"{LOOPBACK}:{self._port}"]
        flags += ["--allow-endpoint-cidr", "127.0.0.0/8", "--log-format", "json"]
        self._command = (*command, "-m", "gpuwright", *flags)
        self._environment = environment
        self._child: subprocess.Popen[bytes] | None = None
        self._output: IO[bytes] | None = None
        log.parent.mkdir(parents=True, exist_ok=True)
        log.unlink(missing_ok=True)

    def start(self) -> float:
        """Start it and return the seconds until it says that it is ready.

        Raises:
            BenchError: it ended, or was not ready within a minute; the message ends with its log.
        """
        began = time.monotonic()
        self.spawn()
        if not comes_up(self._running(), self.is_ready, START_SECONDS, _GLANCE_SECONDS):
            raise BenchError(f"the operator did not become ready:\n{self.log.read_text()[-3000:]}")
        return time.monotonic() - began

    def spawn(self) -> None:
        """Start it without waiting for anything."""
        self._output = self.log.open("ab")
        self._child = subprocess.Popen(
            self._command, env=self._environment, stdin=subprocess.DEVNULL, stdout=self._output, stderr=self._output
        )

    def kill(self) -> None:
        """End it at once (SIGKILL)."""
        self._end(signal.SIGKILL)

    def ask_to_end(self) -> None:
        """Send SIGTERM and return at once."""
        self._running().send_signal(signal.SIGTERM)

    def strike(self) -> None:
        """Send SIGKILL and return at once."""
        self._running().send_signal(signal.SIGKILL)

    def freeze(self) -> None:
        """Stop it where it stands (SIGSTOP)."""
        self._running().send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on (SIGCONT)."""
        self._running().send_signal(signal.SIGCONT)

    def has_ended(self) -> bool:
        """Return whether it was started and has ended by itself."""
        return self._child is not None and self._child.poll() is not None

    def wait(self) -> int:
        """Return its exit code once it has ended by itself. Raises BenchError after a minute."""
        try:
            code = self._running().wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            raise BenchError(f"the operator did not end:\n{self.log.read_text()[-3000:]}") from None
        self.stop()
        return code

    def stop(self) -> None:
        """End it in good order (SIGTERM), or at once when that takes over a minute; nothing when none runs."""
        self._end(signal.SIGTERM)

    def usage(self) -> Usage:
        """Return what the running process has used since its start.

        Raises:
            BenchError: it has ended by itself.
        """
        child = self._running()
        if child.poll() is not None:
            raise BenchError(f"the operator ended with code {child.returncode}:\n{self.log.read_text()[-3000:]}")
        return measure(child.pid)

    def is_ready(self) -> bool:
        """Return whether /readyz says so, now."""
        return self._ask("/readyz")[0] == 200

    def leads(self) -> bool:
        """Return whether it says that it leads, now."""
        return "\ngpuwright_leader 1.0\n" in self.metrics()

    def metrics(self) -> str:
        """Return what /metrics shows; empty when nothing answers."""
        return self._ask("/metrics")[1]

    def complaints(self) -> list[str]:
        """Return the lines of its log that are warnings or worse, or no JSON at all."""
        return [line for line in self.log.read_text(errors="replace").splitlines() if is_complaint(line)]

    def _ask(self, path: str) -> tuple[int, str]:
        return ask(self._port, path, _TIMEOUT_SECONDS)

    def _running(self) -> subprocess.Popen[bytes]:
        if self._child is None:
            raise BenchError("the operator was not started")
        return self._child

    def _end(self, number: signal.Signals) -> None:
        if self._child is None:
            return
        self._child.send_signal(number)
        try:
            self._child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._child = None
        if self._output is not None:
            self._output.close()


def is_complaint(line: str) -> bool:
    """Return whether a line of the operator's log is a warning or worse, or no JSON at all."""
    try:
        entry = orjson.loads(line)
    except orjson.JSONDecodeError:
        return bool(line.strip())
    return not isinstance(entry, dict) or entry.get("level") not in {"DEBUG", "INFO"}
