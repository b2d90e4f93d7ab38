"""What SkyPilot says of clusters and of requests, translated: states, labels, and what stands for "gone".

A cluster of ours has one node, and is a machine. Its id is SkyPilot's `cluster_hash`, which is another one when a
cluster of the same name is made again.
"""

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from gpuwright.adapters.skypilot_labels import decoded
from gpuwright.model.conditions import cut, timestamp
from gpuwright.model.errors import Blind
from gpuwright.model.machine import Absent, Machine, MachineState, Sighting, Tombstone

ENDED = frozenset({"SUCCEEDED", "FAILED", "CANCELLED"})
"""Any other word for a request means that it may still take effect, a word that nobody knows too."""
LAUNCH, DOWN, STOP, START = "launch", "down", "stop", "start"
LATEST = 253_402_300_800  # seconds; the year 10000, which no date can have
KEPT = 4096  # clusters that are remembered after they have gone

_STATES: Mapping[str, MachineState] = {
    "UP": MachineState.RUNNING,
    "STOPPED": MachineState.STOPPED,
    "PENDING": MachineState.PENDING,
}
_INIT, _AUTOSTOPPING, _UP = "INIT", "AUTOSTOPPING", "UP"


@dataclass(frozen=True, slots=True)
class RequestState:
    """One request at the server. `created` and `finished` are seconds of the server's clock; 0 where it says none."""

    id: str
    name: str
    cluster: str
    status: str
    created: float = 0.0
    finished: float = 0.0

    @property
    def active(self) -> bool:
        """Return whether it may still take effect."""
        return self.status not in ENDED


@dataclass(frozen=True, slots=True)
class Row:
    """One cluster in the server's list, as it is told there."""

    name: str
    hash: str
    status: str
    fields: Mapping[str, Any]

    @property
    def launched(self) -> float:
        """Return when it was launched, in seconds of the server's clock; 0 where it says nothing that can be read."""
        return _number(self.fields.get("launched_at"))

    @property
    def ever_up(self) -> bool:
        """Return whether it has been up."""
        return self.fields.get("cluster_ever_up") is True

    @property
    def spot(self) -> bool:
        """Return whether its machine may be taken away."""
        return "[Spot]" in _text(self.fields.get("resources_str_full"))

    @property
    def labels(self) -> dict[str, str]:
        """Return its labels as the rest of the operator knows them."""
        found = self.fields.get("labels")
        texts = {k: v for k, v in found.items() if isinstance(v, str)} if isinstance(found, Mapping) else {}
        return decoded(texts)


def requests_in(body: Any) -> tuple[RequestState, ...]:
    """Return the requests of an answer. Raises Blind where it is no list of requests."""
    if not isinstance(body, list):
        raise Blind("SkyPilot answered with something that is no list of requests")
    return tuple(_request(entry) for entry in body)


def _request(entry: Any) -> RequestState:
    fields = entry if isinstance(entry, Mapping) else {}
    words = [fields.get(key) for key in ("request_id", "name", "status")]
    identity, name, status = (word if isinstance(word, str) else "" for word in words)
    if not (identity and name and status):
        raise Blind("SkyPilot's list of requests holds something that is none")
    cluster = fields.get("cluster_name")
    return RequestState(
        id=identity,
        name=name.removeprefix("sky."),
        cluster=cluster if isinstance(cluster, str) else "",
        status=status,
        created=_number(fields.get("created_at")),
        finished=_number(fields.get("finished_at")),
    )


def rows_in(body: Any) -> tuple[Row, ...]:
    """Return the clusters of an answer. Raises Blind where it is no list of clusters."""
    if not isinstance(body, list):
        raise Blind("SkyPilot answered with something that is no list of clusters")
    return tuple(_row(entry) for entry in body)


def _row(entry: Any) -> Row:
    fields = entry if isinstance(entry, Mapping) else {}
    words = [fields.get(key) for key in ("name", "cluster_hash", "status")]
    name, identity, status = (word if isinstance(word, str) else "" for word in words)
    if not (name and identity and status):
        raise Blind("SkyPilot's list of clusters holds something that is none")
    return Row(name, identity, status, fields)


def machine_of(row: Row, requests: Iterable[RequestState]) -> Machine:
    """Return the machine that a row and the requests for its name describe."""
    fields = row.fields
    return Machine(
        id=cut(row.hash, 253),
        name=row.name,
        state=state_of(row, requests),
        word=cut(row.status, 1000),
        labels=row.labels,
        region=_text(fields.get("region")),
        zone=_text(fields.get("zone")),
        instance_type=_accelerators(fields.get("accelerators")),
        purchase="Spot" if row.spot else "OnDemand",
        created=timestamp(datetime.fromtimestamp(row.launched, UTC)) if 0 < row.launched < LATEST else "",
    )


def state_of(row: Row, requests: Iterable[RequestState]) -> MachineState:
    """Return the state. INIT alone says nothing: being launched, failed, or not known; the requests tell which."""
    mine = sorted((found for found in requests if found.cluster == row.name), key=lambda found: found.created)
    active = {found.name for found in mine if found.active}
    if DOWN in active:
        return MachineState.DELETING
    if row.status == _AUTOSTOPPING:
        return MachineState.DELETING if row.fields.get("to_down") is True else MachineState.STOPPING
    if row.status == _UP and STOP in active:
        return MachineState.STOPPING
    if row.status != _INIT:
        return _STATES.get(row.status, MachineState.UNKNOWN)
    if row.ever_up:
        # It may be out of the server's sight for a moment, or a later launch has failed on it: no deadline of a launch
        # and no failure of one may end it. SkyPilot itself stops it then, and ends only what was never up
        # (sky/backends/cloud_vm_ray_backend.py, read 2026-11-22).
        return MachineState.UNKNOWN
    launches = [found for found in mine if found.name == LAUNCH]
    if LAUNCH not in active and launches and launches[-1].status in {"FAILED", "CANCELLED"}:
        return MachineState.FAILED  # the machine of a launch that failed stays, and bills
    return MachineState.PROVISIONING


class Remembered:
    """Which clusters have been seen under which name, so that the end of one can be told with its id.

    Lost with the process: then a cluster that is gone is absent, which takes longer to prove.
    """

    def __init__(self) -> None:
        self._rows: dict[str, Row] = {}

    def saw(self, row: Row) -> None:
        """Take note of a cluster."""
        self._rows.pop(row.name, None)
        self._rows[row.name] = row
        if len(self._rows) > KEPT:
            del self._rows[next(iter(self._rows))]

    def sighting(self, name: str, requests: Iterable[RequestState]) -> Sighting:
        """Return what it means that no cluster is shown under a name: gone by the server's own word, or absent.

        A row alone that is missing is no tombstone: a server that has lost its database shows none either. But then it
        has lost its requests, too.
        """
        row = self._rows.get(name)
        if row is None or not row.launched:
            return Absent()
        ends = (found for found in requests if found.cluster == name and found.finished >= row.launched)
        return Tombstone(row.hash) if any(_ends(found, row) for found in ends) else Absent()


def _ends(request: RequestState, row: Row) -> bool:
    """Return whether a cluster that is not shown any more is gone because of this: ended, or its launch undone.

    A launch that fails undoes no cluster that was up before it.
    """
    if request.name == LAUNCH:
        return request.status == "FAILED" and not row.ever_up
    return (request.name, request.status) == (DOWN, "SUCCEEDED")


def _accelerators(value: Any) -> str:
    """Return such as H100:8; the server writes a Python dictionary as text."""
    try:
        found = ast.literal_eval(value) if isinstance(value, str) else value
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return ""
    if not isinstance(found, Mapping):
        return ""
    return cut(",".join(f"{name}:{count}" for name, count in found.items()), 253)


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0


def _text(value: Any) -> str:
    return cut(value, 1000) if isinstance(value, str) else ""
