"""The calls about machines: create, get, list, delete, stop, start."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from gpuwright_sandbox.gateway.answers import Answer, RefusedError, refusal, represent
from gpuwright_sandbox.gateway.calls import Bend, Call
from gpuwright_sandbox.gateway.fleet import Fleet, Order
from gpuwright_sandbox.gateway.listing import hidden, page_of, read_query
from gpuwright_sandbox.gateway.machines import Machine, MachineState
from gpuwright_sandbox.gateway.orders import read_create
from gpuwright_sandbox.gateway.replays import Replay, Replays, fingerprint
from gpuwright_sandbox.gateway.shapes import Json


class InstanceCalls:
    """Carries these calls out; each takes the call, the account of its token, and how the call is bent."""

    def __init__(self, fleet: Fleet, replays: Replays) -> None:
        self._fleet = fleet
        self._replays = replays

    def show(self, machine: Machine) -> dict[str, Json]:
        """Return a machine as clients see it."""
        return represent(machine, self._fleet.settings.skew_seconds)

    def create(self, call: Call, account: str, bend: Bend) -> Answer:
        """POST /api/instances."""
        order = read_create(call.json, account)
        if not (self._fleet.settings.idempotency and call.idempotency_key):
            return Answer(201, self.show(self.make(order, bend)))
        seen = self._replays.find(account, call.idempotency_key)
        if seen is not None:
            return self._repeat(seen, call)
        machine = self.make(order, bend)
        self._replays.keep(Replay(account, call.idempotency_key, fingerprint(call.payload), machine.serial))
        return Answer(201, self.show(machine))

    def make(self, order: Order, bend: Bend) -> Machine:
        """Return a new machine.

        Raises:
            NameTakenError: the name is not free.
            RefusedError: there is no quota or no room for it.
        """
        self._fleet.check_name(order.account, order.name)
        self._check_quota(order)
        self._check_capacity(order)
        return self._fleet.create(replace(order, indexed=bend.indexed, id=bend.id))

    def get(self, call: Call, account: str, bend: Bend) -> Answer:
        """GET /api/instances/{name}."""
        machine = self.read(call, account)
        if hidden(machine, bend, self._fleet.now):
            raise _never_heard_of(call.target)
        return Answer(200, self.show(machine))

    def read(self, call: Call, account: str) -> Machine:
        """Return the machine that the path names.

        Raises:
            RefusedError: there is none (404), or no longer (410).
        """
        machine = self._fleet.find(account, call.target)
        if machine is None or self._forgotten(machine):
            raise _never_heard_of(call.target)
        if machine.state is MachineState.GONE:
            raise _gone(machine)
        return machine

    def list(self, call: Call, account: str, bend: Bend) -> Answer:
        """GET /api/instances."""
        query = read_query(call, self._fleet.settings.page_size)
        page = page_of(self._fleet.shown(account, query.cursor.after), query, bend, self._fleet.now)
        items: list[Json] = [self.show(machine) for machine in page.machines]
        return Answer(200, {"items": items, "next_cursor": page.next_cursor})

    def delete(self, call: Call, account: str, bend: Bend) -> Answer:
        """DELETE /api/instances/{name}."""
        del bend
        machine = self._fleet.find(account, call.target)
        if machine is None or self._forgotten(machine):
            raise _never_heard_of(call.target)
        if machine.state is not MachineState.GONE:
            machine = self._fleet.delete(machine)
        return Answer(204) if machine.state is MachineState.GONE else Answer(202, self.show(machine))

    def stop(self, call: Call, account: str, bend: Bend) -> Answer:
        """POST /api/instances/{name}/stop."""
        del bend
        return self._power(call, account, (MachineState.RUNNING, MachineState.STOPPED), self._fleet.stop)

    def start(self, call: Call, account: str, bend: Bend) -> Answer:
        """POST /api/instances/{name}/start."""
        del bend
        return self._power(call, account, (MachineState.STOPPED, MachineState.RUNNING), self._fleet.start)

    def _power(
        self, call: Call, account: str, turn: tuple[MachineState, MachineState], carry_out: Callable[[Machine], Machine]
    ) -> Answer:
        if not self._fleet.settings.power:
            raise refusal(501, "this gateway cannot stop and start machines", "not_supported")
        machine = self.read(call, account)
        since, until = turn
        if machine.state is since:
            machine = carry_out(machine)
        elif machine.state is not until and not _powering(machine, until):
            raise refusal(409, f"a machine that is {machine.state} cannot {call.kind}", "invalid_state")
        return Answer(202, self.show(machine))

    def _repeat(self, seen: Replay, call: Call) -> Answer:
        if seen.fingerprint != fingerprint(call.payload):
            raise refusal(422, "this Idempotency-Key came with another body before", "idempotency_mismatch")
        machine = self._fleet.at(seen.serial)
        if machine.state is MachineState.GONE:
            raise _gone(machine)
        return Answer(201, self.show(machine))

    def _forgotten(self, machine: Machine) -> bool:
        kept = self._fleet.settings.tombstone_seconds
        if kept is None or machine.state is not MachineState.GONE or machine.ended_at is None:
            return False
        return self._fleet.now - machine.ended_at >= timedelta(seconds=kept)

    def _check_quota(self, order: Order) -> None:
        settings = self._fleet.settings
        if settings.max_machines is None:
            return
        live = sum(machine.alive for machine in self._fleet.shown(order.account))
        if live >= settings.max_machines:
            raise refusal(settings.quota_status, f"{live} of {settings.max_machines} machines are used", "quota")

    def _check_capacity(self, order: Order) -> None:
        capacity = self._fleet.settings.capacity
        for kind in _kinds(order.request.instance_type, order.request.gpu.type if order.request.gpu else ""):
            if kind in capacity and self._live_of(kind) >= capacity[kind]:
                raise refusal(503, f"no node has room for {kind}", "no_placement")

    def _live_of(self, kind: str) -> int:
        return sum(
            kind in _kinds(machine.request.instance_type, machine.request.gpu.type if machine.request.gpu else "")
            for machine in self._fleet.machines()
            if machine.alive
        )


def _kinds(*kinds: str) -> tuple[str, ...]:
    return tuple(kind for kind in kinds if kind)


def _powering(machine: Machine, until: MachineState) -> bool:
    return machine.state in (MachineState.STOPPING, MachineState.STARTING) and machine.next_state is until


def _never_heard_of(name: str) -> RefusedError:
    return refusal(404, f"there is no machine {name}")


def _gone(machine: Machine) -> RefusedError:
    return refusal(410, f"the machine {machine.name} was deleted", id=machine.id, name=machine.name)
