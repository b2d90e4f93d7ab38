"""Where a control plane keeps what, and which loopback ports it listens on."""

import errno
import itertools
import json
import random
import socket
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, TypeAlias

Component: TypeAlias = Literal["etcd", "kube-apiserver", "kube-controller-manager"]
COMPONENTS: tuple[Component, ...] = ("etcd", "kube-apiserver", "kube-controller-manager")

LOOPBACK = "127.0.0.1"
# Below the ranges from which Linux (32768) and macOS (49152) take the ports of outgoing connections: a port from
# there may be taken between its choice and the start of the server.
_PORTS = range(20000, 32000)
_KEPT_PORTS_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Layout:
    """The files of one control plane, all below one directory."""

    directory: Path

    @property
    def etcd_data(self) -> Path:
        """The store; it survives a stop."""
        return self.directory / "etcd"

    @property
    def pki(self) -> Path:
        """Certificates and keys."""
        return self.directory / "pki"

    @property
    def configuration(self) -> Path:
        """What the servers read at their start: audit policy, authentication, kubeconfig of the controller manager."""
        return self.directory / "configuration"

    @property
    def kubeconfigs(self) -> Path:
        """One file per identity that was asked for."""
        return self.directory / "kubeconfigs"

    @property
    def audit_log(self) -> Path:
        """One audit event per line, JSON, level Metadata."""
        return self.directory / "audit.log"

    @property
    def ports(self) -> Path:
        """The ports of the last start: taken again where they are free, so that kubeconfigs stay valid."""
        return self.directory / "ports.json"

    def log(self, component: Component) -> Path:
        """The output of one component, of all its starts."""
        return self.directory / "logs" / f"{component}.log"

    def create(self) -> None:
        """Make the folders, readable by their owner only: they hold keys."""
        self.directory.mkdir(parents=True, exist_ok=True)
        for folder in (self.etcd_data, self.pki, self.configuration, self.kubeconfigs, self.directory / "logs"):
            folder.mkdir(mode=0o700, exist_ok=True)


@dataclass(frozen=True, slots=True)
class Ports:
    """The loopback ports of the three components."""

    etcd: int
    apiserver: int
    controller_manager: int


def take_ports(path: Path) -> Ports:
    """Return the ports kept in the file if they are all free soon, else new free ones, kept there.

    Soon: a killed process counts as dead while its last threads still hold its sockets.
    """
    if path.exists():
        kept = Ports(**json.loads(path.read_text()))
        deadline = time.monotonic() + _KEPT_PORTS_SECONDS
        while not (free := all(is_free(port) for port in asdict(kept).values())) and time.monotonic() < deadline:
            time.sleep(0.05)
        if free:
            return kept
    ports = Ports(*_free_ports(3))
    path.write_text(json.dumps(asdict(ports)))
    return ports


def is_free(port: int) -> bool:
    """Return whether a server could listen on this loopback port now."""
    with socket.socket() as probe:
        # A server that ended a moment ago leaves connections in TIME_WAIT; they hinder nobody who listens.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            if error.errno in {errno.EADDRINUSE, errno.EACCES}:
                return False
            raise
    return True


def free_port() -> int:
    """Return a port on which nothing listens, and to which a process that ended can come back."""
    return _free_ports(1)[0]


def _free_ports(count: int) -> list[int]:
    candidates = random.sample(_PORTS, len(_PORTS))
    free = list(itertools.islice((port for port in candidates if is_free(port)), count))
    if len(free) < count:
        raise OSError(errno.EADDRINUSE, f"no {count} free ports on {LOOPBACK} from {_PORTS.start} to {_PORTS.stop}")
    return free
