"""The operator as the tests run it: a child process that is asked over HTTP, read in its log, and killed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gpuwright_sandbox.controlplane.layout import free_port
from gpuwright_sandbox.loopback import ask

LOOPBACK = "127.0.0.1"
START_SECONDS = 60.0
STOP_SECONDS = 60.0
GLANCE_SECONDS = 0.05


class OperatorProcess:
    """One operator; killed or ended it can be started again, with the same flags, on the same port.

    Args:
        kubeconfig: who it is towards the API server.
        log: its output over all its starts, one JSON object a line.
        flags: beside those that every test wants.
    """

    def __init__(self, kubeconfig: Path, log: Path, flags: Sequence[str] = ()) -> None:
        self._port = free_port()
        self._log = log
        self._environment = os.environ | {"KUBECONFIG": str(kubeconfig)}
        self._command = [sys.executable, "-m", "gpuwright", "--no-leader-elect"]
        self._command += ["--http-bind", f"{LOOPBACK}:{self._port}", "--allow-endpoint-cidr", "127.0.0.0/8"]
        self._command += ["--log-format", "json", "--log-level", "debug", *flags]
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """Whether the process runs."""
        return self._child is not None and self._child.poll() is None

    def start(self) -> None:
        """Start it and return when it is ready.

        Raises:
            AssertionError: it ended, or was not ready within a minute; the message ends with its log.
        """
        self.spawn()
        until = time.monotonic() + START_SECONDS
        while self.ask("/readyz")[0] != 200:
            if not self.running or time.monotonic() > until:
                raise AssertionError(f"the operator did not become ready:\n{self.logs()[-3000:]}")
            time.sleep(GLANCE_SECONDS)

    def spawn(self) -> None:
        """Start it without waiting for anything."""
        with self._log.open("ab") as output:
            self._child = subprocess.Popen(
                self._command, env=self._environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )

    def kill(self) -> None:
        """End it at once (SIGKILL)."""
        self._end(signal.SIGKILL)

    def terminate(self) -> int:
        """Ask it to end (SIGTERM), wait for that, and return its exit code."""
        return self._end(signal.SIGTERM)

    def ask_to_end(self) -> None:
        """Send SIGTERM and return at once; `wait` waits."""
        self._running().send_signal(signal.SIGTERM)

    def wait(self) -> int:
        """Return its exit code once it has ended by itself; it is killed after a minute."""
        return self._end(None)

    def restart(self) -> None:
        """Kill it and start it again."""
        self.kill()
        self.start()

    def close(self) -> None:
        """End it if it runs: in good order, or else at once."""
        if self._child is not None:
            self._end(signal.SIGTERM)

    def ask(self, path: str) -> tuple[int, str]:
        """Return status and text of one of its HTTP paths; status 0 where nothing answers."""
        return ask(self._port, path, 5.0)

    def metric(self, line: str) -> float:
        """Return the value of a metric, named with its labels as /metrics writes them; 0 where it is not there."""
        for entry in self.ask("/metrics")[1].splitlines():
            if entry.startswith(f"{line} "):
                return float(entry.rsplit(" ", 1)[1])
        return 0.0

    def logs(self) -> str:
        """Return all that it has printed, over all its starts."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def said(self, words: str, instance: str = "") -> list[dict[str, Any]]:
        """Return the log lines whose message has these words, about one instance or about any."""
        lines = [json.loads(line) for line in self.logs().splitlines() if line.startswith("{") and words in line]
        return [line for line in lines if words in line["msg"] and line.get("instance", "").endswith(instance)]

    def complaints(self) -> list[str]:
        """Return the lines that are errors, have a traceback, or are no JSON at all."""
        return [line for line in self.logs().splitlines() if line.strip() and _is_complaint(line)]

    def _running(self) -> "subprocess.Popen[bytes]":
        assert self._child is not None, "the operator was not started"
        return self._child

    def _end(self, number: signal.Signals | None) -> int:
        child = self._running()
        if number is not None:
            child.send_signal(number)
        try:
            child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
        code = child.wait()
        self._child = None
        return code


def _is_complaint(line: str) -> bool:
    try:
        entry = json.loads(line)
    except json.JSONDecodeError:
        return True
    return entry.get("level") in {"ERROR", "CRITICAL"} or "traceback" in entry
