"""RunPod's pods, over its REST API v2 (docs/providers/runpod.md).

It has neither idempotency keys nor unique names: two creates are two pods that bill. What was made is found in one list
of all pods and by nothing else, so a create that got no clear answer is settled by lists, and is never sent before.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, NoReturn
from urllib.parse import quote

from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from gpuwright.adapters.bearer import BearerToken
from gpuwright.adapters.contract import Created, Deletion, Gate, NotAsked
from gpuwright.adapters.runpod_answers import (
    Meaning,
    Refusal,
    raise_before_create,
    raise_blind,
    raise_for_create,
    raise_for_delete,
    raise_for_start,
    raise_for_stop,
    refusal_of,
)
from gpuwright.adapters.runpod_gpus import Doubts, GpuType, affordable, candidates, types_in
from gpuwright.adapters.runpod_pods import machine_of, of_cluster, pods_in, sighting_of, under
from gpuwright.adapters.runpod_quota import Quota
from gpuwright.adapters.runpod_request import check, count_of, create_body, own_of
from gpuwright.http_client import Answer, CallFailed, HttpClient, Interrupted, NotSent, Unasked
from gpuwright.model.capabilities import Capabilities, CreateKey, PriceCeiling
from gpuwright.model.conditions import Reason
from gpuwright.model.errors import Blind, EndpointRefused, NeverSent, Rejected, Throttled, Unknown
from gpuwright.model.machine import Machine, Sighting
from gpuwright.model.names import attempt_of
from gpuwright.model.request import MachineRequest

PODS = "/v2/pods"
GPUS = "/v2/catalog/gpus"
CATALOGUE_SECONDS = 900.0
LIMITS = (
    "RunPod knows no unique names and no idempotency keys: a create that got no answer is settled by its list of pods "
    "alone, so a pod that stays out of that list for longer than settleSeconds is made a second time; the second one "
    "is ended as soon as both are listed. A pod that was stopped starts on its own host only: where that has no GPU "
    "left, the machine counts as broken and is replaced, without its disk"
)


class Runpod:
    """The adapter for one API key."""

    def __init__(self, token: BearerToken, cluster: str, http: HttpClient, *, promises: bool) -> None:
        self._headers = token.header
        self._cluster = cluster
        self._http = http
        self._promises = promises
        self._quota = Quota()
        self._doubts = Doubts()
        self._closed = Doubts()
        self._types: tuple[GpuType, ...] = ()
        self._types_until = 0.0  # on the loop's clock
        self._reading = asyncio.Lock()

    @property
    def capabilities(self) -> Capabilities:
        """Return what RunPod can do. A pod is a container without privileges: no kubelet runs in it."""
        return Capabilities(
            create_key=CreateKey.NONE,
            ends_by_id=True,
            reads=True,
            power=True,
            spot=False,
            node_join=False,
            user_data="None",
            ports=True,
            price_ceiling=PriceCeiling.EVERY,
            limits=LIMITS,
        )

    async def create(self, request: MachineRequest, gate: Gate) -> Created:
        """Return the machine; see Adapter.create. One POST, never repeated here.

        Where a name means several kinds of GPU, each attempt asks for the next one.
        """
        check(request.wishes)
        gpus = await self._candidates(request, gate)
        self._leave_a_reserve()
        gpu = gpus[(attempt_of(request.name) - 1) % len(gpus)]
        answer = await self._send("POST", PODS, gate, body=create_body(request, gpu), own=True)
        owner = request.owner.uid
        if 200 <= answer.status < 300:
            self._doubts.forget(owner)
            self._closed.forget(owner)
            return Created(_made(answer, request))
        refusal = refusal_of(answer)
        unclear = refusal.shaped and refusal.status == 400 and refusal.meaning is Meaning.UNCLEAR
        believed = unclear and self._doubts.believe(owner, gpu, gpus)
        others = refusal.shaped and refusal.status == 403 and self._has_others(owner, gpu, gpus)
        raise_for_create(refusal, promises=self._promises, believed=believed, others=others)

    async def list(self) -> tuple[Machine, ...]:
        """Return all machines of this cluster; see Adapter.list. It is one answer: RunPod has no pages."""
        return of_cluster(await self._pods(), self._cluster)

    async def look(self, name: str, gate: Gate) -> Sighting:  # noqa: ARG002 - a look is a read here
        """Return what is there under the name; see Adapter.look. There is no read by name, so this is a list, too."""
        return sighting_of(under(await self._pods(), name, self._cluster))

    async def delete(self, name: str, gate: Gate) -> Deletion:
        """Ask for the end of every pod under the name; see Adapter.delete."""
        ended = False
        for identity in await self._find(name, gate, raise_for_delete):
            answer = await self._send("DELETE", _path(identity), gate)
            if 200 <= answer.status < 300:
                ended = True
                continue
            refusal = refusal_of(answer)
            if not (refusal.shaped and refusal.status == 404):
                raise_for_delete(refusal)
        return Deletion.ACCEPTED if ended else Deletion.NOT_FOUND

    async def power(self, name: str, *, on: bool, gate: Gate) -> None:
        """Start or stop the pod; see Adapter.power."""
        refused = raise_for_start if on else raise_for_stop
        found = await self._find(name, gate, refused)
        if not found:
            raise Rejected(f"RunPod has no pod {name}", Reason.REQUEST_REJECTED)
        for identity in found:
            body = {"action": "start" if on else "stop"}
            answer = await self._send("POST", f"{_path(identity)}/action", gate, body=body, own=True)
            if not 200 <= answer.status < 300:
                refused(refusal_of(answer))

    async def probe(self) -> None:
        """Return when RunPod answers and takes our key; see Adapter.probe."""
        await self._pods()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()

    def _has_others(self, owner: str, gpu: str, gpus: tuple[str, ...]) -> bool:
        """Return whether another GPU is left to ask for after one that is closed to us. After a whole round none is, or
        a key that may buy nothing would never be told as one; then the next round begins.
        """
        if self._closed.believe(owner, gpu, gpus):
            self._closed.forget(owner)
            return False
        return len(gpus) > 1

    def _leave_a_reserve(self) -> None:
        wait = self._quota.wait(_now())
        if wait > 0:
            raise Throttled("RunPod's quota of calls is almost spent: the rest is kept for looks and terminates", wait)

    async def _candidates(self, request: MachineRequest, gate: Gate) -> tuple[str, ...]:
        """Return the ids of the GPUs that will do, cheapest first, and none that is dearer than asked."""
        wanted = request.wishes.machine
        cloud = own_of(wanted).hardware
        found: tuple[str, ...] = (wanted.instance_type or "",)
        if wanted.instance_type is None and wanted.gpu is not None:
            found = candidates(wanted.gpu, cloud, await self._table(gate))
        if wanted.ceiling is None:
            return found
        return affordable(found, count_of(wanted), cloud, wanted.ceiling, await self._table(gate))

    async def _table(self, gate: Gate) -> tuple[GpuType, ...]:
        async with self._reading:
            if _now() >= self._types_until:
                self._types = await self._catalogue(gate)
                self._types_until = _now() + CATALOGUE_SECONDS
            return self._types

    async def _catalogue(self, gate: Gate) -> tuple[GpuType, ...]:
        try:
            answer = await self._called("GET", GPUS, gate)
        except Unasked as error:
            raise NotAsked(str(error)) from error
        except (CallFailed, EndpointRefused) as error:
            raise NeverSent(f"RunPod's catalogue of GPUs: {error}") from error
        if answer.status != 200:
            raise_before_create(refusal_of(answer))
        found = types_in(answer.json)
        if not found:
            raise NeverSent("RunPod answered with something that is no catalogue of GPUs")
        return found

    async def _pods(self) -> tuple[Machine, ...]:
        """Return every pod of the account; asks once more after a connection that broke: a kept-alive one may have
        been closed under us.
        """
        attempts = AsyncRetrying(
            stop=stop_after_attempt(2),
            wait=wait_random_exponential(multiplier=0.1, max=1),
            retry=retry_if_exception(lambda error: isinstance(error, Interrupted) and not error.timed_out),
            reraise=True,
        )
        try:
            answer: Answer = await attempts(self._called, "GET", PODS, lambda: True)
        except (CallFailed, EndpointRefused) as error:
            raise Blind(str(error), forbidden=isinstance(error, EndpointRefused), unhealthy=True) from error
        if answer.status != 200:
            raise_blind(refusal_of(answer))
        return pods_in(answer.json)

    async def _find(self, name: str, gate: Gate, refused: Callable[[Refusal], NoReturn]) -> tuple[str, ...]:
        """Return the ids of what is alive under the name."""
        answer = await self._send("GET", PODS, gate)
        if answer.status != 200:
            refused(refusal_of(answer))
        try:
            found = under(pods_in(answer.json), name, self._cluster)
        except Blind as error:
            raise Unknown(error.message) from error
        return tuple(machine.id for machine in found if machine.alive)

    async def _send(
        self, method: str, path: str, gate: Gate, *, body: Mapping[str, Any] | None = None, own: bool = False
    ) -> Answer:
        """Call once; what gets no answer is told as an outcome."""
        try:
            return await self._called(method, path, gate, body=body, own=own)
        except Unasked as error:
            raise NotAsked(str(error)) from error
        except (NotSent, EndpointRefused) as error:
            raise NeverSent(str(error)) from error
        except Interrupted as error:
            raise Unknown(f"no answer from RunPod: {error}", unhealthy=True) from error

    async def _called(
        self, method: str, path: str, gate: Gate, *, body: Mapping[str, Any] | None = None, own: bool = False
    ) -> Answer:
        """Call; `own`: over a connection of its own, which giving up resets."""
        call = self._http.call_once if own else self._http.call
        answer = await call(method, path, headers=self._headers, body=body, gate=gate)
        self._quota.note(answer.headers.get("ratelimit"), _now())
        return answer


def _made(answer: Answer, request: MachineRequest) -> Machine:
    """Return the pod that a create was answered with. Raises Unknown where it is not the one that was asked for."""
    try:
        machine = machine_of(answer.json)
    except Blind as error:
        raise Unknown(f"RunPod answered {answer.status} without a pod that can be read") from error
    if machine.name != request.name or machine.owner_uid not in {"", request.owner.uid}:
        raise Unknown(f"RunPod answered a create with pod {machine.id}, which is not the one that was asked for")
    return machine


def _path(identity: str) -> str:
    """Return where a pod is; an id of dots alone would be a step up, and lead to something else."""
    return f"{PODS}/{quote(identity, safe='').replace('.', '%2E')}"


def _now() -> float:
    return asyncio.get_running_loop().time()
