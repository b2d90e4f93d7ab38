"""An adapter of any class behind the contract: it tells what happened, as far as the fault of the moment lets it."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from tests.campaign.l1_faults import LAG_SECONDS, NEVER, Side, Strike
from tests.campaign.l1_provider import FarSide, Taken
from tests.campaign.l1_words import refusal, wire_verb, word_of, words_of
from tests.campaign.trace import Event, Received, Sent

from gpuwright.adapters.contract import Created, Deletion, Gate, NotAsked, NotLooked
from gpuwright.model.capabilities import Capabilities
from gpuwright.model.conditions import Reason, timestamp
from gpuwright.model.errors import Blind, NotCommitted, ProviderError, Rejected, Unknown
from gpuwright.model.machine import Absent, Machine, MachineState, Present, Sighting, Tombstone
from gpuwright.model.request import MachineRequest

T = TypeVar("T")
LATENCY_SECONDS = 0.05
SKEW_SECONDS = 3600.0
SLOW_SECONDS = 20.0


class Line(Protocol):
    """What an adapter's process and world do with each of its calls."""

    far: FarSide
    process: str
    flights: list[object]

    def tell(self, event: Event) -> None:
        """Add an event to the trace."""

    async def effect(self, label: str) -> int:
        """Take note that an effect is next, and return its number; a process that is to crash before it never goes
        on.
        """

    async def applied(self, number: int) -> None:
        """Take note that the effect is made."""

    def answered(self, number: int) -> None:
        """Take note that its answer is there."""

    def strike(self, verb: str, name: str) -> Strike:
        """Return what happens to this call."""

    def accepts(self, secret: str) -> bool:
        """Return whether the provider takes these credentials."""


class FakeAdapter:
    """Implements adapters.contract.Adapter for one process and one value of the credentials."""

    def __init__(self, line: Line, secret: str, *, promises: bool) -> None:
        self._line = line
        self._secret = secret
        self._promises = promises
        self._traits = line.far.traits

    @property
    def capabilities(self) -> Capabilities:
        """See Adapter."""
        return self._traits.capabilities

    async def create(self, request: MachineRequest, gate: Gate) -> Created:
        """See Adapter."""

        def act(strike: Strike) -> Created:
            far = self._line.far
            far.reuses_ids = far.reuses_ids or strike.side is Side.REUSE_ID
            lag, listed = _lags(strike.side)
            skew = SKEW_SECONDS if strike.side is Side.SKEW else 0.0
            try:
                vm, adopted = far.make(request.name, request.labels, request.token, lag=lag, listed=listed, skew=skew)
            except Taken:
                return self._taken(request)
            return Created(_described(vm.described(), strike.side), adopted)

        return await self._call("create", request.name, act, gate, request.token, request.owner.uid)

    def _taken(self, request: MachineRequest) -> Created:
        """A name that is taken: find out by whom, as adapters/gateway.py does."""
        living, _dead = self._line.far.found(request.name) if self._traits.reads else (None, None)
        if living is None:
            raise Unknown("409 and nobody to be seen", conflict=True)
        if living.billed().uid != request.owner.uid:
            raise Rejected("the name is somebody else's", Reason.NAME_CONFLICT)
        return Created(living.described(), adopted=True)

    async def list(self) -> tuple[Machine, ...]:
        """See Adapter."""
        return await self._call("list", "", self._listed, None)

    def _listed(self, strike: Strike) -> tuple[Machine, ...]:
        self._rename(strike, "")
        machines = self._line.far.listed(LAG_SECONDS if strike.side is Side.STALE else 0.0)
        if strike.side is Side.HIDDEN:
            return ()
        times = 2 if strike.side is Side.DUPLICATES else 1
        return tuple(_described(machine, strike.side) for machine in machines) * times

    async def look(self, name: str, gate: Gate) -> Sighting:
        """See Adapter."""
        if self._traits.reads:
            return await self._call("look", name, lambda strike: self._found(name, strike), None)

        def act(strike: Strike) -> Sighting:
            if not self._is_hidden(name, strike) and self._line.far.end(name):
                raise Blind("there is still something under this name")
            return Absent()

        try:
            return await self._call("look", name, act, gate)
        except NotAsked as error:
            raise NotLooked(error.message) from error

    def _found(self, name: str, strike: Strike) -> Sighting:
        self._rename(strike, name)
        far = self._line.far
        if self._traits.looks_by_list:
            under = [
                machine for machine in self._listed(replace(strike, side=_of_list(strike.side))) if machine.name == name
            ]
            return Present(max(under[::-1], key=lambda machine: machine.alive)) if under else Absent()
        ago = LAG_SECONDS if strike.side is Side.STALE else 0.0
        living, dead = far.found(name, ago)
        if living is not None:
            machine = living.described()
            if not machine.alive and living.ended is not None:
                machine = replace(machine, state=MachineState.RUNNING)  # what was true a while ago
            return Absent() if strike.side is Side.HIDDEN else Present(_described(machine, strike.side))
        return Tombstone(dead.id) if dead is not None and self._traits.tombstones else Absent()

    def _is_hidden(self, name: str, strike: Strike) -> bool:
        """Return whether this delete does not find what is under the name, because that is fresh."""
        found = self._line.far.alive_under(name)
        return strike.side is Side.FRESH_HIDDEN and any(_now() - vm.born < LAG_SECONDS for vm in found)

    def _rename(self, strike: Strike, name: str) -> None:
        """Let somebody rename the machine under this name; any of ours where no name is given."""
        if strike.side is Side.RENAME:
            self._line.far.rename(name)

    async def delete(self, name: str, gate: Gate) -> Deletion:
        """See Adapter."""
        far = self._line.far

        def act(strike: Strike) -> Deletion:
            self._rename(strike, name)
            if self._is_hidden(name, strike):
                return Deletion.NOT_FOUND
            if strike.side is Side.SLOW_END:
                return _deletion(far.end(name, SLOW_SECONDS, MachineState.UNKNOWN))
            return _deletion(far.end(name, afterglow=LAG_SECONDS if strike.side is Side.AFTERGLOW else 0.0))

        deletion = await self._call("delete", name, act, gate)
        return deletion or Deletion.ACCEPTED  # a proxy's page with a 200 is an answer, too

    async def power(self, name: str, *, on: bool, gate: Gate) -> None:
        """See Adapter."""
        await self._call("power", name, lambda _strike: self._line.far.power(name, on=on), gate)

    async def probe(self) -> None:
        """See Adapter."""
        await self._call("probe", "", lambda _strike: None, None)

    async def close(self) -> None:
        """See Adapter."""

    async def _call(
        self,
        verb: str,
        name: str,
        act: Callable[[Strike], T],
        gate: Gate | None,
        token: str = "",
        uid: str = "",
    ) -> T:
        """Make one call: out, applied, back, each with what may go wrong there."""
        line = self._line
        number = await line.effect(f"{verb} {name}".strip())
        if gate is not None and not gate():
            raise NotAsked("the window is over")
        strike = line.strike(verb, name)
        if strike.sent:
            # At a gateway without reads a look is a delete.
            line.tell(Sent(_now(), line.process, wire_verb(verb, self._traits.reads), name, token, uid))
        try:
            result = await self._there_and_back(number, verb, act, strike)
        except (ProviderError, Blind) as error:
            self._received(verb, name, word_of(error))
            raise
        self._received(verb, name, words_of(result))
        line.answered(number)
        return result

    async def _there_and_back(self, number: int, verb: str, act: Callable[[Strike], T], strike: Strike) -> T:
        line = self._line
        await asyncio.sleep(LATENCY_SECONDS / 2)
        if not line.accepts(self._secret):
            raise refusal(verb)
        result: T | None = None
        failed: Exception | None = None
        if strike.applies == 0.0:
            try:
                result = act(strike)
            except (ProviderError, Blind) as error:
                failed = error
        elif strike.applies != NEVER:
            flight = object()
            line.flights.append(flight)
            asyncio.get_running_loop().call_later(strike.applies, self._land, act, strike, flight)
        await line.applied(number)
        await asyncio.sleep(strike.after or LATENCY_SECONDS / 2)
        if strike.error is not None:
            raise self._told(strike.error)
        if failed is not None:
            raise failed
        return result  # type: ignore[return-value]  # a call that was not applied and ends well has nothing to tell

    def _told(self, error: ProviderError | Blind) -> ProviderError | Blind:
        """Return the error as it is told: a promise that was broken once counts no more."""
        if isinstance(error, NotCommitted) and not self._promises:
            return Unknown(error.message)
        return error

    def _land(self, act: Callable[[Strike], T], strike: Strike, flight: object) -> None:
        self._line.flights.remove(flight)
        with suppress(ProviderError, Blind):
            act(strike)

    def _received(self, verb: str, name: str, words: str) -> None:
        line = self._line
        line.tell(Received(_now(), line.process, wire_verb(verb, self._traits.reads), name, words))


def _described(machine: Machine, side: Side) -> Machine:
    if side is Side.SKEW:
        born = datetime.fromisoformat(machine.created) + timedelta(seconds=SKEW_SECONDS)
        return replace(machine, created=timestamp(born))
    if side is Side.STRANGE_WORD:
        return replace(machine, state=MachineState.UNKNOWN, word="warming")
    return machine


def _deletion(ended: bool) -> Deletion:
    return Deletion.ACCEPTED if ended else Deletion.NOT_FOUND


def _lags(side: Side) -> tuple[float, float]:
    """Return for how long looks and lists do not show what is made."""
    looks = LAG_SECONDS if side is Side.LAG else 0.0
    return looks, LAG_SECONDS if side in {Side.LAG, Side.LIST_LAG} else 0.0


def _of_list(side: Side) -> Side:
    return Side.NOTHING if side is Side.RENAME else side


def _now() -> float:
    return asyncio.get_running_loop().time()
