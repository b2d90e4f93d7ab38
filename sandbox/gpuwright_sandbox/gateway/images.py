"""Snapshots and templates: what a machine can be made from besides its image."""

from dataclasses import dataclass

from gpuwright_sandbox.gateway.shapes import Json, read
from gpuwright_sandbox.gateway.store import Journal


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A stored machine; its labels are not kept, they must be sent again with a restore."""

    id: str
    account: str
    machine_id: str
    image: str


@dataclass(frozen=True, slots=True)
class MachineConfig:
    """A size for which a template is prepared: cores and GiB."""

    cpu: float
    memory_gb: float


@dataclass(frozen=True, slots=True)
class Template:
    """An image that boots faster once it has been prepared for these sizes."""

    account: str
    image: str
    machine_configs: tuple[MachineConfig, ...]


class Images:
    """The snapshots that were taken and the templates that were built."""

    def __init__(self, journal: Journal | None = None) -> None:
        self._journal = journal
        self._snapshots: dict[str, Snapshot] = {}
        self._templates: list[Template] = []

    def take(self, account: str, machine_id: str, image: str) -> Snapshot:
        """Return a new snapshot of a machine."""
        snapshot = Snapshot(
            id=f"snap-{len(self._snapshots) + 1:06d}", account=account, machine_id=machine_id, image=image
        )
        self._keep("snapshot", snapshot)
        self._snapshots[snapshot.id] = snapshot
        return snapshot

    def find(self, account: str, snapshot_id: str) -> Snapshot | None:
        """Return a snapshot of this account; None when there is none of that id."""
        snapshot = self._snapshots.get(snapshot_id)
        return snapshot if snapshot is not None and snapshot.account == account else None

    def build(self, template: Template) -> None:
        """Prepare a template."""
        self._keep("template", template)
        self._templates.append(template)

    def snapshots(self) -> tuple[Snapshot, ...]:
        """Return all snapshots, oldest first."""
        return tuple(self._snapshots.values())

    def templates(self) -> tuple[Template, ...]:
        """Return all templates, oldest first."""
        return tuple(self._templates)

    def restore(self, kind: str, record: Json) -> None:
        """Take back one line of the journal; lines of other kinds are somebody else's."""
        if kind == "snapshot":
            snapshot = read(Snapshot, record)
            self._snapshots[snapshot.id] = snapshot
        elif kind == "template":
            self._templates.append(read(Template, record))

    def reset(self) -> None:
        """Forget everything."""
        self._snapshots.clear()
        self._templates.clear()

    def _keep(self, kind: str, record: object) -> None:
        if self._journal is not None:
            self._journal.append(kind, record)
