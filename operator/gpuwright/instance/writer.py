"""Status writes of an instance: guarded, compared with what came back, and never dropped where they carry an
outcome.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

from gpuwright.instance.observation import Observation
from gpuwright.kube.cache import ObjectCache
from gpuwright.kube.client import ApiError, Conflict, Invalid, KubeClient, NotFound
from gpuwright.kube.merge_patch import merge_patch
from gpuwright.model.memory import EndingReason, Memory, Outcome
from gpuwright.model.resources import INSTANCES
from gpuwright.telemetry import Metrics

KEPT_ON_REFUSAL = ("launch", "machine", "residue", "replacements", "lastHandledReconcileAt")
RETRY_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0)

log = logging.getLogger(__name__)


class RecordNotKept(Exception):
    """The API server answered without what was written: its CRD is older than this operator, so nothing may be sent."""


class StatusWriter:
    """Writes the status of ComputeInstances and keeps the cache up with the answers."""

    def __init__(self, client: KubeClient, urgent: KubeClient, cache: ObjectCache, metrics: Metrics) -> None:
        """`urgent` has connections of its own: what must leave within a window waits in no queue of ours."""
        self._client = client
        self._urgent = urgent
        self._cache = cache
        self._metrics = metrics

    async def publish(self, seen: Observation, status: Mapping[str, Any]) -> Mapping[str, Any]:
        """Write the status if it differs; return the object as it is then. Raises ApiError."""
        return await self._differences(self._client, seen.instance.body, status)

    async def announce(self, seen: Observation, status: Mapping[str, Any]) -> None:
        """Write a record that something is about to be done on; check that it was kept.

        Raises:
            RecordNotKept: a field of the record did not come back.
            ApiError: it is not on record as far as we know.
        """
        answer = await self._differences(self._urgent, seen.instance.body, status)
        kept = (answer.get("status") or {}).get("launch") or {}
        for name, value in status["launch"].items():
            if kept.get(name) != value:
                raise RecordNotKept(f"status.launch.{name} was not kept: apply the CRDs of this version of gpuwright")

    async def insist(
        self, seen: Observation, status_for: Callable[[Mapping[str, Any]], Mapping[str, Any] | None]
    ) -> bool:
        """Write an outcome until it is written; return False where the object or the send is not ours any more.

        `status_for` is given the newest body and returns the status to write on top of it, or None where that is no
        longer ours.
        """
        body: Mapping[str, Any] | None = seen.instance.body
        tries = 0
        while body is not None:
            status = status_for(body)
            if status is None:
                return False
            if await self._written(seen, body, status, tries):
                return True
            tries += 1
            body = await self._read(seen)
        return False

    async def _written(self, seen: Observation, body: Mapping[str, Any], status: Mapping[str, Any], tries: int) -> bool:
        try:
            await self._differences(self._client, body, status)
        except (Conflict, NotFound):
            return False
        except ApiError as error:
            log.warning(
                "an outcome could not be written yet",
                extra={"instance": str(seen.instance.key), "error": str(error)},
            )
            await asyncio.sleep(RETRY_SECONDS[min(tries, len(RETRY_SECONDS) - 1)])
            return False
        return True

    async def _read(self, seen: Observation) -> Mapping[str, Any] | None:
        tries = 0
        while True:
            try:
                body = await self._client.get(INSTANCES, seen.instance.key.namespace, seen.instance.key.name)
            except NotFound:
                return None
            except ApiError:
                await asyncio.sleep(RETRY_SECONDS[min(tries, len(RETRY_SECONDS) - 1)])
                tries += 1
                continue
            return body if body["metadata"]["uid"] == seen.instance.owner.uid else None

    async def _differences(
        self, client: KubeClient, body: Mapping[str, Any], status: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        change = merge_patch(body.get("status") or {}, status)
        if not change:
            return body
        try:
            answer = await client.patch(INSTANCES, body, {"status": change}, status=True)
        except Invalid as error:
            # Our own write is wrong. What must not be lost is written alone; the rest is a defect of ours, counted and
            # logged.
            self._metrics.record_refused.inc()
            log.error("the API server refused a status", extra={"error": str(error)})  # noqa: TRY400 - no traceback of use
            smallest = {name: change[name] for name in KEPT_ON_REFUSAL if name in change}
            if not smallest or smallest == change:
                raise
            answer = await client.patch(INSTANCES, body, {"status": smallest}, status=True)
        self._cache.put(INSTANCES.kind, answer)
        return answer


def knows_more(body: Mapping[str, Any]) -> bool:
    """Return whether an operator that has taken over knows more of a send than the answer that its forerunner gets
    late, or gets none of: it has seen the machine, or has announced the end of whatever is under the name.
    """
    launch = _launch_of(body)
    settling = (launch.get("ending") or {}).get("reason") == EndingReason.SETTLING
    return settling or launch.get("outcome") == Outcome.COMMITTED


def same_send(body: Mapping[str, Any], memory: Memory) -> bool:
    """Return whether the object still has the send of this memory on record."""
    launch = _launch_of(body)
    return memory.launch is not None and launch.get("send") == memory.launch.send


def has_the_name(body: Mapping[str, Any], memory: Memory) -> bool:
    """Return whether the object's launch has the same name as this memory's, if in another send: what is under it is
    that launch's, and a terminate by it would end that.
    """
    launch = _launch_of(body)
    return memory.launch is not None and launch.get("name") == memory.launch.name


def _launch_of(body: Mapping[str, Any]) -> Mapping[str, Any]:
    launch: Mapping[str, Any] = (body.get("status") or {}).get("launch") or {}
    return launch
