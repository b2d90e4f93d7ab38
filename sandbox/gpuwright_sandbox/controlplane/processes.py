"""Child processes that end with their parent, whichever way the parent ends.

A `reaper` process waits for the end of a pipe that only the parent holds open, then ends what the ledger lists.
PR_SET_PDEATHSIG was rejected: the kernel sends it when the thread that forked ends, not the process (prctl(2), read
2026-11-22), so a control plane started in a worker thread would die with that thread; and it is Linux only.
A reaper that was killed as well leaves the ledger behind, and the next start on the directory cleans up.
"""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from gpuwright_sandbox.controlplane import identity, ownership
from gpuwright_sandbox.controlplane.errors import ControlPlaneError
from gpuwright_sandbox.controlplane.identity import Record, Usage

_KILL_WAIT_SECONDS = 10.0


class Children:
    """The child processes of one directory, by name; one owner at a time, and none outlives it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock: IO[str] | None = None
        self._reaper: subprocess.Popen[bytes] | None = None
        self._started: dict[str, tuple[subprocess.Popen[bytes], Record | None]] = {}

    def open(self) -> tuple[str, ...]:
        """Take the directory and end what a crashed run left there; return the names of what was ended.

        Raises:
            DirectoryInUseError: its owner is alive.
        """
        self._lock = ownership.take(self._directory)
        killed = ownership.end_leftovers(self._directory)
        self._reaper = _spawn_reaper(self._directory)
        return killed

    def spawn(self, name: str, command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None) -> None:
        """Start a program in a session of its own, its output appended to the log; in its owner's environment or this.

        Raises:
            ControlPlaneError: one of that name runs already, or `open` was not called.
        """
        if self._lock is None or self.is_running(name):
            raise ControlPlaneError(f"{name} cannot start: it runs already, or the control plane was not started")
        with log.open("ab") as output:
            # A session of its own keeps the terminal's Ctrl-C away: the owner stops its children in order.
            child = subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self._started[name] = (child, identity.identify(name, child.pid))
        self._record()

    def is_running(self, name: str) -> bool:
        """Return whether the program was started and has not ended; a stopped (SIGSTOP) one is running."""
        return name in self._started and self._started[name][0].poll() is None

    def exit_code(self, name: str) -> int | None:
        """Return how the program ended (negative: by that signal); None while it runs or was never started."""
        return self._started[name][0].poll() if name in self._started else None

    def pids(self) -> dict[str, int]:
        """Return the process ids of the running programs, in the order they were started."""
        return {name: child.pid for name, (child, _) in self._started.items() if child.poll() is None}

    def send(self, name: str, number: signal.Signals) -> None:
        """Send a signal to the program and whatever it started.

        Raises:
            ControlPlaneError: it is not running.
        """
        if not self.is_running(name):
            raise ControlPlaneError(f"{name} is not running: start it before sending {number.name}")
        os.killpg(self._started[name][0].pid, number)

    def end(self, names: Sequence[str], grace_seconds: float) -> None:
        """End programs together: SIGTERM, then SIGKILL to those that still run after the grace, which may be 0."""
        running = [self._started[name][0] for name in names if self.is_running(name)]
        if grace_seconds > 0:
            for child in running:
                # It may end between the two, or by itself. A stopped process sees SIGTERM only once it continues.
                with suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGTERM)
                    os.killpg(child.pid, signal.SIGCONT)
        for child in running:
            _wait_or_kill(child, grace_seconds)
        for name in names:
            self._started.pop(name, None)
        if self._lock is not None:
            self._record()

    def usage(self) -> dict[str, Usage]:
        """Return what each running program has used since its start, by name."""
        return {name: identity.measure(pid) for name, pid in self.pids().items()}

    def close(self) -> None:
        """Kill what still runs, let the reaper go, and free the directory."""
        self.end(tuple(self._started), grace_seconds=0)
        if self._reaper is not None:
            ownership.clear_ledger(self._directory)
            self._reaper.communicate()
            self._reaper = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _record(self) -> None:
        records = [record for _, record in self._started.values() if record is not None]
        ownership.write_ledger(self._directory, records)


def _wait_or_kill(child: subprocess.Popen[bytes], grace_seconds: float) -> None:
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(grace_seconds)
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait(_KILL_WAIT_SECONDS)


def _spawn_reaper(directory: Path) -> subprocess.Popen[bytes]:
    # -P keeps the working directory off the path: a folder there could hide the standard library.
    command = (sys.executable, "-P", "-m", "gpuwright_sandbox.controlplane.reaper", str(directory))
    with (directory / "reaper.log").open("ab") as log:
        # Not the owner's output: whoever reads that through a pipe would wait for the reaper as well.
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True)
