"""The operator as this level runs it: a child process from a copy of the sources, killed, frozen and kept running.

A copy, so that a campaign of half an hour tests one version; a changed copy is a mutant.
"""

import os
import shutil
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.campaign.book import BUILD, ROOT
from tests.e2e.operator_process import OperatorProcess

_SOURCES = ROOT / "operator" / "gpuwright"
_GLANCE_SECONDS = 0.05


def copied(name: str = "operator", more: Mapping[str, str] | None = None) -> Path:
    """Return the folder of a fresh copy of the operator.

    Args:
        name: of the copy, below build/campaign.
        more: by path below gpuwright/, code for the end of the file, where it takes something away: a mutant.
    """
    folder = BUILD / name
    with suppress(FileNotFoundError):
        shutil.rmtree(folder)
    shutil.copytree(_SOURCES, folder / "gpuwright", ignore=shutil.ignore_patterns("__pycache__"))
    for path, code in (more or {}).items():
        with (folder / "gpuwright" / path).open("a") as source:
            source.write(f"\n\n{code}\n")
    # Where the operator runs this package is not installed; kopf imports it where it is, and starts slower.
    (folder / "kubernetes").mkdir()
    (folder / "kubernetes" / "__init__.py").write_text('raise ImportError("not installed where the operator runs")\n')
    return folder


class Operator(OperatorProcess):
    """One operator that is begun again whenever it has ended, as a cluster would do.

    Attributes:
        starts: how often it was begun.
        deaths: exit codes of ends that nobody here had caused.
    """

    def __init__(self, kubeconfig: Path, log: Path, sources: Path, letter: str, flags: Sequence[str]) -> None:
        super().__init__(kubeconfig, log, ("--log-level", "info", *flags))
        self._environment = {**os.environ, "KUBECONFIG": str(kubeconfig), "PYTHONPATH": str(sources)}
        self._letter = letter
        self._lock = threading.Lock()
        self._kept = False
        self._struck = False
        self._closed = threading.Event()
        self._keeper = threading.Thread(target=self._keep_running, name=f"keeper-{letter}", daemon=True)
        self.starts = 0
        self.deaths: list[int] = []
        self.told: list[Callable[[str, str], None]] = []

    def __enter__(self) -> Self:
        self._keeper.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed.set()
        self._keeper.join()
        with self._lock:
            if self._child is not None:
                self._child.kill()
                self._child.wait()

    @property
    def process(self) -> str:
        """The name of the process that runs now, in traces."""
        return f"{self._letter}{self.starts}"

    @property
    def pid(self) -> int:
        """Its process id; 0 while none runs."""
        child = self._child
        return child.pid if child is not None and child.poll() is None else 0

    def keep(self) -> None:
        """Begin it, and begin it again whenever it has ended."""
        self._kept = True

    def strike(self) -> None:
        """Kill it at this very moment (SIGKILL)."""
        with self._lock:
            self._struck = True
            if self._child is not None:
                self._child.send_signal(signal.SIGKILL)
        self._tell("killed")

    def put_down(self) -> None:
        """Kill it, and let it lie."""
        self._kept = False
        self.strike()

    def end_in_good_order(self) -> None:
        """Ask it to end (SIGTERM); it is begun again once it has ended."""
        with self._lock:
            self._struck = True
            self._running().send_signal(signal.SIGTERM)
        self._tell("stopped")

    def freeze(self) -> None:
        """Stop it where it stands (SIGSTOP)."""
        self._running().send_signal(signal.SIGSTOP)
        self._tell("frozen")

    def thaw(self) -> None:
        """Let it go on (SIGCONT)."""
        self._running().send_signal(signal.SIGCONT)
        self._tell("thawed")

    def is_ready(self) -> bool:
        """Return whether it says that it is ready."""
        return self.running and self.ask("/readyz")[0] == 200

    def _tell(self, what: str) -> None:
        for listener in self.told:
            listener(self.process, what)

    def _keep_running(self) -> None:
        while not self._closed.wait(_GLANCE_SECONDS):
            with self._lock:
                if not self._kept or self.running:
                    continue
                if self._child is not None and not self._struck:
                    self.deaths.append(self._child.returncode)
                self._struck = False
                self.starts += 1
                self.spawn()
            self._tell("began")


def socket_holder(port: int, door: int, operators: Sequence[Operator]) -> str:
    """Return which process calls the door from this port of loopback; empty where none of them does."""
    living = [operator for operator in operators if operator.pid]
    if len(living) == 1:
        return living[0].process
    wanted = f"socket:[{inode_of(port, door)}]"
    for operator in living:
        with suppress(OSError):
            if any(str(entry.readlink()) == wanted for entry in Path(f"/proc/{operator.pid}/fd").iterdir()):
                return operator.process
    return ""


def inode_of(port: int, door: int) -> str:
    """Return the socket of a connection; by both of its ends, because others may use the same port for other ends."""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        columns = line.split()
        if [int(end.rpartition(":")[2], 16) for end in columns[1:3]] == [port, door]:
            return columns[9]
    return ""
