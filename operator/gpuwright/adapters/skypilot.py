"""A SkyPilot API server, and behind it the long tail of clouds (docs/providers/skypilot.md).

A cluster's name is unique at its server, and is the key of everything: the ids of requests are lost when the server
restarts. A launch that was taken is not made: it may wait, run for minutes, or fail and leave a machine that bills.
"""

import asyncio

from gpuwright.adapters.contract import Created, Deletion, Gate
from gpuwright.adapters.skypilot_answers import (
    CANNOT,
    NOT_FOUND,
    raise_before_create,
    raise_for_change,
    raise_for_failed_change,
    raise_for_failed_launch,
    raise_for_launch,
)
from gpuwright.adapters.skypilot_calls import Calls
from gpuwright.adapters.skypilot_machines import LAUNCH, START, Remembered, RequestState, Row, machine_of
from gpuwright.adapters.skypilot_request import launch_body
from gpuwright.adapters.skypilot_wire import Failed
from gpuwright.model.capabilities import Capabilities, CreateKey
from gpuwright.model.conditions import Reason
from gpuwright.model.errors import Blind, NotExecuted, Rejected, Unknown
from gpuwright.model.machine import Machine, Present, Sighting
from gpuwright.model.names import LABEL_CLUSTER
from gpuwright.model.request import MachineRequest
from gpuwright.model.skypilot_spec import SkyPilotSpec

LEAST_API_VERSION = 62
"""That of SkyPilot 0.14: the first of which it was seen that clusters are shown with their labels."""
LIMITS = "a machine that SkyPilot's server has forgotten, as when its database was lost, is not found any more"
CLEAR_SECONDS = 30.0  # for so long a look before a create holds
POWER_SECONDS = 5.0  # for so long a power call waits for a refusal


class SkyPilot:
    """The adapter for one API server and token. `seconds`: the longest that one verb may take from its first byte."""

    def __init__(self, spec: SkyPilotSpec, calls: Calls, cluster: str, *, seconds: float, promises: bool) -> None:
        self._spec = spec
        self._calls = calls
        self._cluster = cluster
        self._seconds = seconds
        self._promises = promises
        self._remembered = Remembered()
        self._clear: dict[str, float] = {}  # name -> when nothing was there, on the loop's clock
        self._cannot_stop = False

    @property
    def capabilities(self) -> Capabilities:
        """Return what the server can do. Some clouds cannot stop a machine, and the server says so when asked to."""
        return Capabilities(
            create_key=CreateKey.UNIQUE_NAME,
            reads=True,
            power=bool(self._spec.cloud) and not self._cannot_stop,
            spot=True,
            node_join=True,
            user_data="Shell",
            ports=True,
            limits=LIMITS,
        )

    async def create(self, request: MachineRequest, gate: Gate) -> Created:
        """Return the machine as soon as the server shows it; see Adapter.create. One launch, never repeated here."""
        body = launch_body(request, self._spec)
        held = await self._held(request, gate)
        if held is not None:
            return Created(held, adopted=True)
        deadline = asyncio.get_running_loop().time() + self._seconds
        request_id = await self._calls.send("/launch", body, gate, raise_for_launch)
        words = f"SkyPilot took the launch as request {request_id}, and shows nothing of it yet"
        return await self._calls.followed(deadline, lambda: self._made(request, request_id), words)

    async def _held(self, request: MachineRequest, gate: Gate) -> Machine | None:
        """Return what is there under the name already: a launch would run its setup anew, on whosever machine it is.

        The answer holds for a while, or a slow server would use up the send window again and again.
        """
        now = asyncio.get_running_loop().time()
        self._clear = {name: at for name, at in self._clear.items() if now - at < CLEAR_SECONDS}
        if request.name in self._clear:
            return None
        row = await self._calls.before(raise_before_create, lambda: self._calls.row(request.name, gate))
        if row is None:
            self._clear[request.name] = now
            return None
        return self._ours(request, row)

    async def _made(self, request: MachineRequest, request_id: str) -> Created | None:
        """Return the machine, or None while neither it nor the end of its launch shows."""
        state = await self._calls.request(request_id)
        row = await self._calls.row(request.name)
        if row is not None:
            self._clear.pop(request.name, None)
            return Created(self._ours(request, row, state))
        if state is None or state.active:
            return None  # pending, or not registered yet: no failure
        if state.status == "FAILED":
            await self._raise_why(request_id)
        raise Unknown(f"SkyPilot's launch has ended as {state.status}, and no machine is shown")

    async def _raise_why(self, request_id: str) -> None:
        try:
            await self._calls.result(request_id)
        except Failed as error:
            raise_for_failed_launch(error.failure, promises=self._promises)

    def _ours(self, request: MachineRequest, row: Row, state: RequestState | None = None) -> Machine:
        machine = machine_of(row, [state] if state else [])
        if machine.owner_uid not in {"", request.owner.uid}:
            words = f"the name {request.name} belongs to another owner's machine {machine.id}"
            raise Rejected(words, Reason.NAME_CONFLICT)
        self._remembered.saw(row)
        return machine

    async def list(self) -> tuple[Machine, ...]:
        """Return all machines of this cluster; see Adapter.list. Without asking the clouds: the server does, often."""
        async with self._calls.reading():
            # Requests before clusters: a launch that ends in between would otherwise show in neither.
            active = await self._calls.requests()
            rows = [row for row in await self._calls.rows(None) if row.labels.get(LABEL_CLUSTER) == self._cluster]
            machines = []
            for row in rows:
                about = [found for found in active if found.cluster == row.name]
                machines.append(machine_of(row, about or await self._history(row)))
                self._remembered.saw(row)
        return tuple(machines)

    async def _history(self, row: Row) -> tuple[RequestState, ...]:
        """Return what became of the requests for a cluster, where its own word does not say how it is."""
        if row.status != "INIT":
            return ()
        return await self._calls.history(row.name)

    async def look(self, name: str, gate: Gate) -> Sighting:  # noqa: ARG002 - a look is a read here
        """Return what is there under the name; see Adapter.look. Blind while a launch of it waits."""
        async with self._calls.reading():
            requests = await self._calls.history(name)
            row = await self._calls.row(name)
        if row is not None:
            self._remembered.saw(row)
            return Present(machine_of(row, requests))
        if any(found.active and found.name in {LAUNCH, START} for found in requests):
            raise Blind(f"SkyPilot has a launch of {name} that has not begun")
        return self._remembered.sighting(name, requests)

    async def delete(self, name: str, gate: Gate) -> Deletion:
        """Ask for the end of what is there under the name; see Adapter.delete. It undoes a launch on its way, too."""
        deadline = asyncio.get_running_loop().time() + self._seconds
        request_id = await self._calls.send("/down", {"cluster_name": name}, gate, raise_for_change)
        words = f"SkyPilot took the terminate as request {request_id}, and shows nothing under the name"
        return await self._calls.followed(deadline, lambda: self._going(name, request_id), words)

    async def _going(self, name: str, request_id: str) -> Deletion | None:
        state = await self._calls.request(request_id)
        if state is not None and not state.active:
            return await self._ended(request_id, state)
        return None if await self._calls.row(name) is None else Deletion.ACCEPTED

    async def _ended(self, request_id: str, state: RequestState) -> Deletion:
        if state.status == "SUCCEEDED":
            return Deletion.ACCEPTED
        try:
            await self._calls.result(request_id)
        except Failed as error:
            if error.failure.type == NOT_FOUND:
                return Deletion.NOT_FOUND
            raise_for_failed_change(error.failure)
        raise Unknown(f"SkyPilot's terminate has ended as {state.status}")

    async def power(self, name: str, *, on: bool, gate: Gate) -> None:
        """Start or stop the machine; see Adapter.power. Returns when the server is at it, or has done it."""
        row, busy = await self._calls.before(raise_for_change, lambda: self._standing(name, gate))
        if row is None:
            raise Rejected(f"SkyPilot has no machine {name}", Reason.REQUEST_REJECTED)
        if busy or row.status == "INIT":
            raise NotExecuted(f"SkyPilot is still at work on {name}", Reason.WAITING)
        path = "/start" if on else "/stop"
        request_id = await self._calls.send(path, {"cluster_name": name}, gate, raise_for_change)
        try:
            async with asyncio.timeout(POWER_SECONDS):
                await self._calls.repeated(lambda: self._powered(request_id))
        except TimeoutError:
            return
        except Failed as error:
            # A cloud that stops no spot machine (sky/clouds/aws.py, read 2026-11-22) may stop every other.
            self._cannot_stop = self._cannot_stop or (not on and not row.spot and error.failure.type == CANNOT)
            raise_for_failed_change(error.failure)
        except Blind as error:
            raise Unknown(error.message, unhealthy=error.unhealthy) from error

    async def _standing(self, name: str, gate: Gate) -> tuple[Row | None, bool]:
        busy = await self._calls.requests(gate, cluster_name=name)
        return await self._calls.row(name, gate), bool(busy)

    async def _powered(self, request_id: str) -> bool | None:
        async with self._calls.reading(failed=True):
            state = await self._calls.request(request_id)
            if state is None or state.active:
                return None
            await self._calls.result(request_id)
        return True

    async def probe(self) -> None:
        """Return when the server is one that we can speak with, and takes our token; see Adapter.probe."""
        async with self._calls.reading():
            health = await self._calls.health()
            told = health if isinstance(health, dict) else {}
            if told.get("status") == "needs_auth":
                raise Blind("SkyPilot wants a token that it knows", rejected=True)
            version = str(told.get("api_version"))
            if told.get("status") != "healthy" or not version.isdecimal():
                raise Blind(f"SkyPilot's server says that it is {str(told.get('status') or 'nothing known')[:64]}")
            if int(version) < LEAST_API_VERSION:
                raise Blind(f"SkyPilot's API is version {version}, and at least {LEAST_API_VERSION} is needed")
            # Health alone is told to anybody.
            await self._calls.requests(limit="1")

    async def close(self) -> None:
        """Close the connections."""
        await self._calls.close()
