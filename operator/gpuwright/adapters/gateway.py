"""Compute gateways: any HTTP service that starts and stops machines by name (docs/gateway.md has the wire API).

Two dialects: Full has reads; CreateOnly has only POST and DELETE, so a look there is a DELETE.
"""

import re
from collections.abc import Mapping
from urllib.parse import quote, urlencode
from uuid import uuid4

from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from gpuwright.adapters.bearer import BearerToken
from gpuwright.adapters.contract import Created, Deletion, Gate, NotAsked, NotLooked
from gpuwright.adapters.gateway_answers import (
    NAME_CONFLICT,
    Refusal,
    holder,
    machine_of,
    raise_for_create,
    raise_for_delete,
    refusal_of,
)
from gpuwright.adapters.gateway_lists import KnownMachines, page_of, raise_blind
from gpuwright.adapters.gateway_request import create_body
from gpuwright.http_client import Answer, CallFailed, HttpClient, Interrupted, NotSent, Unasked
from gpuwright.model.capabilities import Capabilities, CreateKey
from gpuwright.model.conditions import Reason
from gpuwright.model.errors import Blind, EndpointRefused, NeverSent, NotExecuted, Rejected, Unknown
from gpuwright.model.machine import Absent, Machine, Present, Sighting, Tombstone
from gpuwright.model.names import LABEL_CLUSTER
from gpuwright.model.provider_spec import Dialect, GatewaySpec
from gpuwright.model.request import MachineRequest

PAGE = 500  # machines a page
MAX_PAGES = 1000
PROBE_NAME = "gpuwright-probe-never-created"
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")  # www.w3.org/TR/trace-context, 3.2.2

CREATE_ONLY_LIMITS = (
    "this gateway cannot be read: a machine that it made without recording its name cannot be found, "
    "and a machine that dies is not noticed"
)


class Gateway:
    """The adapter for one gateway endpoint and token."""

    def __init__(
        self, spec: GatewaySpec, token: BearerToken, cluster: str, http: HttpClient, *, promises: bool
    ) -> None:
        self._spec = spec
        self._promises = promises
        self._cluster = cluster
        self._http = http
        self._known = KnownMachines()
        self._auth = token.header

    @property
    def capabilities(self) -> Capabilities:
        """Return what the dialect can do."""
        full = self._spec.dialect is Dialect.FULL
        return Capabilities(
            create_key=CreateKey.TOKEN if self._spec.idempotency_keys else CreateKey.UNIQUE_NAME,
            reads=full,
            power=full,
            spot=True,
            node_join=full,
            user_data="CloudInit",
            ports=True,
            limits="" if full else CREATE_ONLY_LIMITS,
        )

    async def create(self, request: MachineRequest, gate: Gate) -> Created:
        """Return the machine; see Adapter.create. One POST, never repeated here."""
        headers = {**self._headers(request.traceparent), "idempotency-key": request.token}
        try:
            answer = await self._http.call_once(
                "POST", "/api/instances", headers=headers, body=create_body(request), gate=gate
            )
        except Unasked as error:
            raise NotAsked(str(error)) from error
        except (NotSent, EndpointRefused) as error:
            raise NeverSent(str(error)) from error
        except Interrupted as error:
            raise Unknown(f"no answer to the create: {error}", unhealthy=True) from error
        machine = _made(answer.json, request.name) if 200 <= answer.status < 300 else None
        if machine is not None and machine.name == request.name:
            return Created(machine)
        if 200 <= answer.status < 300:
            raise Unknown(f"the gateway answered {answer.status} without a machine that can be read")
        refusal = refusal_of(answer)
        if refusal.code == NAME_CONFLICT and refusal.shaped:
            return await self._taken(request, refusal, answer)
        raise_for_create(refusal, self._spec, resent=request.resent, promises=self._promises)

    async def _taken(self, request: MachineRequest, refusal: Refusal, answer: Answer) -> Created:
        """Find out who holds the name, from the answer or by a look."""
        found = holder(answer.json)
        if found is not None and found.name != request.name:
            found = None
        if found is None and self.capabilities.reads:
            try:
                sighting = await self.look(request.name, lambda: True)
            except Blind as error:
                raise Unknown(f"the name is taken, and a look was not answered: {error.message}") from error
            found = sighting.machine if isinstance(sighting, Present) else None
        if found is None:
            raise Unknown(refusal.message or "the name is taken, and nothing can be found under it", conflict=True)
        if found.owner_uid == request.owner.uid:
            return Created(found, adopted=True)
        raise Rejected(f"the name {request.name} belongs to another owner's machine {found.id}", Reason.NAME_CONFLICT)

    async def list(self) -> tuple[Machine, ...]:
        """Return all machines of this cluster, over all pages; see Adapter.list."""
        machines: list[Machine] = []
        cursor = ""
        seen = {cursor}
        for _page in range(MAX_PAGES):
            query = {"label": f"{LABEL_CLUSTER}={self._cluster}", "limit": str(PAGE)}
            answer = await self._read(f"/api/instances?{urlencode(query | ({'cursor': cursor} if cursor else {}))}")
            items, cursor = page_of(answer, self._known)
            machines.extend(items)
            if not cursor:
                self._known.forget_the_rest()
                return tuple(machines)
            if cursor in seen:
                break
            seen.add(cursor)
        raise Blind("the gateway's list of machines does not end")

    async def look(self, name: str, gate: Gate) -> Sighting:
        """Return what is there under the name; see Adapter.look."""
        if not self.capabilities.reads:
            return await self._look_by_delete(name, gate)
        answer = await self._read(f"/api/instances/{_segment(name)}")
        if answer.status == 200:
            machine = machine_of(answer.json)
            if machine is None or machine.name != name:
                raise Blind("the gateway answered a look with something that is not that machine")
            return Present(machine)
        refusal = refusal_of(answer)
        if refusal.shaped and answer.status == 404:
            return Absent()
        if refusal.shaped and answer.status == 410:
            return Tombstone(refusal.id) if refusal.id else Absent()
        return raise_blind(answer)

    async def _look_by_delete(self, name: str, gate: Gate) -> Sighting:
        """2xx: still there. 204, 404, 410: absent (docs/protocol.md, create-only providers)."""
        answer = await self._delete(name, gate)
        if answer.status in {204, 404, 410} and (answer.status == 204 or refusal_of(answer).shaped):
            return Absent()
        if 200 <= answer.status < 300:
            raise Blind("the gateway still has something under this name")
        return raise_blind(answer)

    async def delete(self, name: str, gate: Gate) -> Deletion:
        """Ask for the end of the machine with this name; see Adapter.delete."""
        try:
            answer = await self._delete(name, gate)
        except NotLooked as error:
            raise NotAsked(error.message) from error
        except Blind as error:
            raise Unknown(error.message, unhealthy=error.unhealthy) from error
        if 200 <= answer.status < 300:
            return Deletion.ACCEPTED
        refusal = refusal_of(answer)
        if refusal.shaped and answer.status in {404, 410}:
            return Deletion.NOT_FOUND
        raise_for_delete(refusal)

    async def power(self, name: str, *, on: bool, gate: Gate) -> None:
        """Start or stop the machine; see Adapter.power."""
        path = f"/api/instances/{_segment(name)}/{'start' if on else 'stop'}"
        try:
            answer = await self._http.call_once("POST", path, headers=self._headers(), body=None, gate=gate)
        except Unasked as error:
            raise NotAsked(str(error)) from error
        except (NotSent, EndpointRefused) as error:
            raise NeverSent(str(error)) from error
        except Interrupted as error:
            raise Unknown(str(error), unhealthy=True) from error
        if 200 <= answer.status < 300:
            return
        refusal = refusal_of(answer)
        if refusal.shaped and answer.status == 409:
            raise NotExecuted(refusal.message, Reason.WAITING)  # not possible in this state: look again
        raise_for_delete(refusal)

    async def probe(self) -> None:
        """Return when the gateway answers and takes the token; see Adapter.probe."""
        try:
            # Any HTTP answer will do: a gateway without /healthz is online when it answers at all.
            await self._http.call("GET", "/healthz", headers=self._headers())
        except (CallFailed, EndpointRefused) as error:
            raise Blind(str(error), forbidden=isinstance(error, EndpointRefused), unhealthy=True) from error
        if self.capabilities.reads:
            query = urlencode({"label": f"{LABEL_CLUSTER}=probe", "limit": "1"})
            page_of(await self._read(f"/api/instances?{query}"), KnownMachines())
            return
        answer = await self._delete(PROBE_NAME, lambda: True)
        if answer.status not in {204, 404, 410}:
            raise_blind(answer)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()

    async def _read(self, path: str) -> Answer:
        answer = await self._repeated("GET", path, lambda: True)
        if answer.status >= 500 or answer.status in {401, 403, 429}:
            raise_blind(answer)
        return answer

    async def _delete(self, name: str, gate: Gate) -> Answer:
        return await self._repeated("DELETE", f"/api/instances/{_segment(name)}", gate)

    async def _repeated(self, method: str, path: str, gate: Gate) -> Answer:
        """Call, and once more after a connection that broke: a kept-alive one may have been closed under us."""
        attempts = AsyncRetrying(
            stop=stop_after_attempt(2),
            wait=wait_random_exponential(multiplier=0.1, max=1),
            retry=retry_if_exception_type(_Broken),
            reraise=True,
        )
        try:
            async for attempt in attempts:
                with attempt:
                    return await self._called(method, path, gate)
        except Unasked as error:
            raise NotLooked(str(error)) from error
        except (CallFailed, EndpointRefused) as error:
            raise Blind(str(error), forbidden=isinstance(error, EndpointRefused), unhealthy=True) from error
        raise AssertionError("tenacity ends by a result or an exception")

    async def _called(self, method: str, path: str, gate: Gate) -> Answer:
        try:
            return await self._http.call(method, path, headers=self._headers(), gate=gate)
        except Interrupted as error:
            if error.timed_out:
                raise
            raise _Broken(str(error)) from error

    def _headers(self, traceparent: str = "") -> dict[str, str]:
        # It comes from an annotation, which anybody may fill with anything.
        traced = {"traceparent": traceparent} if _TRACEPARENT.fullmatch(traceparent) else {}
        return {**self._auth, "x-request-id": _request_id(), **traced}


class _Broken(Interrupted):
    """The connection broke: worth one more try of something that may be repeated."""


def _segment(name: str) -> str:
    """Return the name as one step of a path; one of dots alone would be a step up, and lead to something else."""
    encoded = quote(name, safe="")
    return encoded.replace(".", "%2E") if encoded.strip(".") == "" else encoded


def _made(body: object, name: str) -> Machine | None:
    """Return the machine that a create's answer describes; a gateway that says no more than its id means this name."""
    return machine_of({"name": name, **body}) if isinstance(body, Mapping) else None


def _request_id() -> str:
    return uuid4().hex
