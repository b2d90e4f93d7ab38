"""The operator as a child process, as an administrator would start it; it ends with the demo, however that ends."""

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from gpuwright_sandbox.controlplane.layout import LOOPBACK, free_port
from gpuwright_sandbox.controlplane.processes import Children
from gpuwright_sandbox.loopback import ask

_NAME = "operator"
_GRACE_SECONDS = 5.0
_TIMEOUT_SECONDS = 2.0
_TAIL_LINES = 12


class OperatorProcess:
    """`python -m gpuwright` in a directory of its own; killed and started again at will, on the same port.

    Args:
        directory: for its log; must exist.
        kubeconfig: who it is towards the API server.
    """

    def __init__(self, directory: Path, kubeconfig: Path) -> None:
        self.log = directory / "operator.log"
        self.pid_file = directory / "operator.pid"
        self._kubeconfig = kubeconfig
        self._port = free_port()
        self._children = Children(directory)
        self._children.open()

    @property
    def pid(self) -> int | None:
        """The id of the process that runs; None when none does."""
        return self._children.pids().get(_NAME)

    @property
    def command(self) -> tuple[str, ...]:
        """How it is started. -P keeps the working directory off the path: a folder there could hide a library."""
        flags = ("--no-leader-elect", "--http-bind", f"{LOOPBACK}:{self._port}")
        allowed = ("--allow-endpoint-cidr", "127.0.0.0/8", "--log-format", "json")
        return (sys.executable, "-P", "-m", "gpuwright", *flags, *allowed)

    def spawn(self) -> None:
        """Start it without waiting; its output goes to the one log of all its starts."""
        with _environment({"KUBECONFIG": str(self._kubeconfig)}):
            self._children.spawn(_NAME, self.command, self.log)
        self.pid_file.write_text(f"{self.pid}\n")

    def kill(self) -> None:
        """End it at once (SIGKILL) and return once it is gone."""
        self._children.end((_NAME,), grace_seconds=0)

    def close(self) -> None:
        """End it in good order, or at once when that takes over 5 s."""
        self._children.end((_NAME,), _GRACE_SECONDS)
        self._children.close()

    def is_ready(self) -> bool:
        """Return whether it says on /readyz that it is ready, now."""
        return ask(self._port, "/readyz", _TIMEOUT_SECONDS)[0] == 200

    def log_tail(self) -> str:
        """Return the last lines of its log; empty when it never ran."""
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-_TAIL_LINES:])


@contextlib.contextmanager
def _environment(changes: Mapping[str, str]) -> Iterator[None]:
    """Let children see these variables, and none that would set the operator otherwise."""
    kept = dict(os.environ)
    for name in [name for name in kept if name.startswith("GPUWRIGHT_")]:
        del os.environ[name]
    os.environ.update(changes)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(kept)
