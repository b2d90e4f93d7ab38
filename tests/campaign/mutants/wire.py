"""The real gateway adapter in virtual time: in place of HTTP a wire that ends at the provider's truth.

L1 drives an adapter of its own, so what is wrong in adapters/gateway.py shows only here.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

from tests.campaign.l1_adapter import LATENCY_SECONDS, Line
from tests.campaign.l1_provider import FarSide, Taken
from tests.campaign.l1_words import word_of, words_of
from tests.campaign.trace import Received, Sent
from tests.engine.virtual_loop import LoopClock

from gpuwright.adapters.bearer import BearerToken
from gpuwright.adapters.contract import Created, Deletion, Gate, NotAsked, NotLooked
from gpuwright.adapters.gateway import Gateway
from gpuwright.adapters.gateway_answers import STATES
from gpuwright.adapters.registry import AdapterContext
from gpuwright.http_client import Answer, Interrupted, Unasked
from gpuwright.model.capabilities import Capabilities
from gpuwright.model.errors import Blind, ProviderError
from gpuwright.model.machine import Machine, MachineState, Sighting
from gpuwright.model.names import LABEL_OWNER_UID
from gpuwright.model.provider_spec import ProviderSpec
from gpuwright.model.request import MachineRequest

T = TypeVar("T")
_WORDS: Mapping[MachineState, str] = {state: word for word, state in STATES.items()}


Refused = Callable[[str, str], tuple[int, str] | None]
"""Gives the status and code with which a request, method and path, is refused; None for one that is not."""


@dataclass(slots=True)
class Tricks:
    """What the gateway does beside its duty."""

    page: int = 500  # machines a page
    lost_creates: int = 0  # of how many creates the answer is lost, though they are made
    refused: Refused | None = None
    hides: bool = False  # whether lists show nothing


class Wire:
    """Stands in for http_client.HttpClient."""

    def __init__(self, line: Line, tricks: Callable[[], Tricks]) -> None:
        self._line = line
        self._tricks = tricks
        self.number = -1  # of the effect that the newest request was

    async def call(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str],
        body: Any = None,
        gate: Gate = lambda: True,
    ) -> Answer:
        """See HttpClient.call."""
        split = urlsplit(path)
        verb, name = _asked(method, split.path)
        further = "cursor" in parse_qs(split.query)
        number = await self._line.effect(f"{verb} {name or str((body or {}).get('name', ''))}".strip())
        if not gate():
            raise Unasked("the send window was over")
        if not further:
            self._tell(verb, name, headers, body or {})
        await asyncio.sleep(LATENCY_SECONDS / 2)
        answer = self._answer(method, split.path, parse_qs(split.query), body, headers)
        await self._line.applied(number)
        await asyncio.sleep(LATENCY_SECONDS / 2)
        if verb == "create" and self._tricks().lost_creates:
            self._tricks().lost_creates -= 1
            raise Interrupted("the connection broke")
        self.number = number
        return answer

    async def call_once(self, method: str, path: str, *, headers: Mapping[str, str], body: Any, gate: Gate) -> Answer:
        """See HttpClient.call_once."""
        return await self.call(method, path, headers=headers, body=body, gate=gate)

    async def close(self) -> None:
        """See HttpClient.close."""

    def _tell(self, verb: str, name: str, headers: Mapping[str, str], body: Mapping[str, Any]) -> None:
        at, token = LoopClock().monotonic(), headers.get("idempotency-key", "")
        uid = str(body.get("labels", {}).get(LABEL_OWNER_UID, ""))
        self._line.tell(Sent(at, self._line.process, verb, name or str(body.get("name", "")), token, uid))

    def _answer(
        self, method: str, path: str, query: Mapping[str, list[str]], body: Any, headers: Mapping[str, str]
    ) -> Answer:
        tricks = self._tricks()
        refused = tricks.refused(method, path) if tricks.refused else None
        if refused is not None:
            return _refusal(*refused)
        name = _name(path)
        far = self._line.far
        if path == "/healthz":
            return Answer(200, {}, {})
        if method == "POST" and not name:
            return _made(far, body, headers)
        if not name:
            return self._page(far, query)
        return _deleted(far, name) if method == "DELETE" else _looked(far, name)

    def _page(self, far: FarSide, query: Mapping[str, list[str]]) -> Answer:
        key, _equals, value = query["label"][0].partition("=")
        tricks = self._tricks()
        listed = () if tricks.hides else far.listed()
        machines = [machine for machine in listed if machine.labels.get(key) == value]
        begin = int(query.get("cursor", ["0"])[0])
        end = begin + tricks.page
        items = [_described(machine) for machine in machines[begin:end]]
        return Answer(200, {}, {"items": items, "next_cursor": str(end) if len(machines) > end else ""})


def _asked(method: str, path: str) -> tuple[str, str]:
    """Return the verb of the trace, and the machine's name where the path has one."""
    name = _name(path)
    if path == "/healthz":
        return "probe", ""
    verbs = {"GET": "look" if name else "list", "POST": "power" if name else "create", "DELETE": "delete"}
    return verbs[method], name


def _name(path: str) -> str:
    return unquote(path.split("/")[3]) if path.count("/") > 2 else ""


def _described(machine: Machine) -> dict[str, Any]:
    return {
        "id": machine.id,
        "name": machine.name,
        "state": _WORDS.get(machine.state, machine.word),
        "labels": dict(machine.labels),
        "created_at": machine.created,
    }


def _refusal(status: int, code: str, **more: Any) -> Answer:
    return Answer(status, {}, {"error": {"code": code, "message": code}, **more})


def _made(far: FarSide, body: Mapping[str, Any], headers: Mapping[str, str]) -> Answer:
    try:
        vm, _adopted = far.make(body["name"], body["labels"], headers.get("idempotency-key", ""))
    except Taken:
        return _refusal(409, "name_conflict")
    return Answer(201, {}, _described(vm.described()))


def _looked(far: FarSide, name: str) -> Answer:
    living, dead = far.found(name)
    if living is not None:
        return Answer(200, {}, _described(living.described()))
    return _refusal(410, "gone", id=dead.id) if dead is not None else _refusal(404, "not_found")


def _deleted(far: FarSide, name: str) -> Answer:
    return Answer(202, {}, {}) if far.end(name) else _refusal(404, "not_found")


class ToldGateway:
    """Implements adapters.contract.Adapter: the real one, and what came of each call goes into the trace."""

    def __init__(self, line: Line, spec: ProviderSpec, context: AdapterContext, tricks: Callable[[], Tricks]) -> None:
        self._line = line
        self._wire = Wire(line, tricks)
        credentials = BearerToken(context.secret)
        self._inner = Gateway(
            spec.gateway,
            credentials,
            context.cluster,
            self._wire,  # type: ignore[arg-type]  # it has all that an adapter calls
            promises=context.promises,
        )

    @property
    def capabilities(self) -> Capabilities:
        """See Adapter."""
        return self._inner.capabilities

    async def create(self, request: MachineRequest, gate: Gate) -> Created:
        """See Adapter."""
        return await self._told("create", request.name, self._inner.create(request, gate))

    async def list(self) -> tuple[Machine, ...]:
        """See Adapter."""
        return await self._told("list", "", self._inner.list())

    async def look(self, name: str, gate: Gate) -> Sighting:
        """See Adapter."""
        return await self._told("look", name, self._inner.look(name, gate))

    async def delete(self, name: str, gate: Gate) -> Deletion:
        """See Adapter."""
        return await self._told("delete", name, self._inner.delete(name, gate))

    async def power(self, name: str, *, on: bool, gate: Gate) -> None:
        """See Adapter."""
        await self._told("power", name, self._inner.power(name, on=on, gate=gate))

    async def probe(self) -> None:
        """See Adapter."""
        await self._inner.probe()

    async def close(self) -> None:
        """See Adapter."""

    async def _told(self, verb: str, name: str, call: Awaitable[T]) -> T:
        try:
            result = await call
        except (NotAsked, NotLooked):
            raise
        except (ProviderError, Blind) as error:
            self._received(verb, name, word_of(error))
            raise
        self._received(verb, name, words_of(result))
        self._line.answered(self._wire.number)
        return result

    def _received(self, verb: str, name: str, words: str) -> None:
        self._line.tell(Received(LoopClock().monotonic(), self._line.process, verb, name, words))
