"""The path of one provider: credentials, probe, list, protection, status. One pass makes at most one list and one
status write.
"""

import logging
from collections.abc import Mapping
from typing import Any

from gpuwright.kube.cache import ObjectCache
from gpuwright.kube.client import ApiError, Conflict, Forbidden, KubeClient, NotFound
from gpuwright.kube.events import Recorder
from gpuwright.kube.merge_patch import merge_patch
from gpuwright.model.clock import Clock
from gpuwright.model.conditions import ConditionType
from gpuwright.model.event_reasons import EventReason
from gpuwright.model.names import ANNOTATION_RECONCILE
from gpuwright.model.provider_spec import ClusterProviderSpec
from gpuwright.model.resources import BY_KIND, NAMESPACES, Key
from gpuwright.provider.account import Account
from gpuwright.provider.breaker import Breaker, BreakerState
from gpuwright.provider.capacity import resumed
from gpuwright.provider.desk import Desk
from gpuwright.provider.index import InstanceIndex
from gpuwright.provider.keeper import Keeper
from gpuwright.provider.looker import Looker
from gpuwright.provider.parsing import parse_provider
from gpuwright.provider.report import provider_status
from gpuwright.provider.sweeper import Sweeper
from gpuwright.telemetry import Metrics

COUNT_SECONDS = 10.0  # between writes of the counts of instances
RELEASE_SECONDS = 60.0  # without any instance, before the finalizers go; deleted ones are released at once

log = logging.getLogger(__name__)


class ProviderReconciler:
    """Looks at each provider as often as its spec says, and sooner when an instance waits for a list."""

    def __init__(
        self,
        client: KubeClient,
        cache: ObjectCache,
        index: InstanceIndex,
        desk: Desk,
        keeper: Keeper,
        looker: Looker,
        sweeper: Sweeper,
        recorder: Recorder,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._client = client
        self._cache = cache
        self._index = index
        self._desk = desk
        self._keeper = keeper
        self._looker = looker
        self._sweeper = sweeper
        self._recorder = recorder
        self._clock = clock
        self._metrics = metrics

    async def reconcile(self, key: Key) -> float | None:
        """Bring one provider one pass further; return the seconds until it wants to be looked at again, or None."""
        body = self._cache.get(key)
        if body is None:
            account = self._desk.close(key)
            if account is not None:
                await self._keeper.drop(account)
                self._metrics.drop_provider(str(key))
                self._looker.mark_instances(key)
            return None
        account = self._desk.account(key)
        await self._take_in(account, body)
        await self._looker.look(account)
        await self._sweeper.judge(account)
        try:
            await self._guard(account, body)
            self._tell_instances(account)
            await self._publish(account)
            await self._sweeper.carry_out(account)
        except (Conflict, NotFound):
            await self._read_live(key)
            return 0.5
        return self._next(account)

    def _tell_instances(self, account: Account) -> None:
        """Have the instances look again where what they were told last is not so any more.

        Not: where this pass has changed it. A call of an instance may have closed the breaker in between.
        """
        standing = _standing(account)
        if standing != account.told:
            account.told = standing
            self._looker.mark_instances(account.key)

    async def _take_in(self, account: Account, body: Mapping[str, Any]) -> None:
        """Parse the spec, take over what an earlier process wrote, and read the Secret when it is time."""
        now = self._clock.monotonic()
        generation = int(body["metadata"].get("generation", 1))
        if generation != account.generation:
            if account.generation >= 0:
                account.promises = True  # the spec has changed: its promises are believed anew
            account.spec, account.spec_error = parse_provider(account.key.kind, body)
            account.generation = generation
            account.wanted_namespaces |= account.namespaces.keys()
            account.namespaces.clear()  # nobody is let in by what the spec said before
            account.credentials.value = ""
            account.credentials.read_at = -1e9
        if not account.resumed:
            _resume(account, body, now)
            account.no_room = resumed(
                (body.get("status") or {}).get("unavailableOffers") or (), now, self._clock.wall()
            )
        known = account.credentials.version
        asked = (body["metadata"].get("annotations") or {}).get(ANNOTATION_RECONCILE, "")
        period = float(account.spec.probe.period_seconds) if account.spec else 30.0
        if now - account.credentials.read_at >= period or asked != account.handled:
            users = {key.namespace for key in self._index.of(account.key)}
            account.namespaces = {name: known for name, known in account.namespaces.items() if name in users}
            account.wanted_namespaces |= account.namespaces.keys()
            await self._refresh(account, now)
        if asked != account.handled:
            self._confirm(account, asked, known)
        await self._find_namespaces(account)

    async def _refresh(self, account: Account, now: float) -> None:
        version, value = account.credentials.version, account.credentials.value
        await self._keeper.refresh(account, now)
        same_value = bool(value) and value == account.credentials.value
        if same_value and account.confirmed_version == version:
            # Only labels or finalizers of the Secret have changed: the account is still the one we know.
            account.confirmed_version = account.credentials.version
        if value and not same_value:
            account.probed_at = -1e9
            account.snapshot = None

    def _confirm(self, account: Account, asked: str, known: str) -> None:
        """A person has said that what is missing is gone, and that the credentials show the right account.

        `known`: the credentials that were in use before. Those that came with the request, as when both are applied at
        once, nobody can have seen at work.
        """
        account.handled = asked
        if asked:
            account.absence = account.absence.confirm()
            if account.credentials.version == known:
                account.confirmed_version = known
            account.probed_at = -1e9
            self._looker.mark_instances(account.key)

    async def _find_namespaces(self, account: Account) -> None:
        """Find out which of the namespaces that asked may use a cluster provider."""
        spec = account.spec
        wanted, account.wanted_namespaces = account.wanted_namespaces, set()
        if not isinstance(spec, ClusterProviderSpec):
            return
        before = dict(account.namespaces)
        for name in wanted:
            allowed = spec.allowed_namespaces
            labels: Mapping[str, str] = {}
            if allowed is not None and allowed.selector is not None and name not in allowed.names:
                labels = await self._labels_of(name)
            account.namespaces[name] = allowed is not None and allowed.admit(name, labels)
        if account.namespaces != before:
            self._looker.mark_instances(account.key)

    async def _labels_of(self, namespace: str) -> Mapping[str, str]:
        """Return a namespace's labels; none where it is gone or may not be read: only the selector {} lets it in."""
        try:
            found = await self._client.get(NAMESPACES, None, namespace)
        except (NotFound, Forbidden) as error:
            log.info("a namespace could not be read", extra={"error": str(error)})
            return {}
        return found["metadata"].get("labels") or {}

    async def _guard(self, account: Account, body: Mapping[str, Any]) -> None:
        """Keep the provider and its Secret while instances refer to them; let them go when none does."""
        users = len(self._index.of(account.key))
        deleting = "deletionTimestamp" in body["metadata"] or account.credentials.deleting
        now = self._clock.monotonic()
        if users:
            account.unreferenced_since = None
            if not account.protected and not deleting:
                await self._keeper.protect(account)
            if account.protected:
                await self._keeper.release_former(account)
            if deleting:
                note = (
                    f"{users} ComputeInstances still use this provider: it and its Secret are kept until they are gone"
                )
                self._recorder.emit(body, EventReason.IN_USE, note)
            return
        if account.unreferenced_since is None:
            account.unreferenced_since = now
        await self._keeper.release_former(account)
        due = deleting or now - account.unreferenced_since >= RELEASE_SECONDS
        if due and self._keeper.holds(account, body):
            account.unreferenced_since = now  # where it cannot be let go yet, it is tried again after as long
            await self._keeper.release(account)

    async def _publish(self, account: Account) -> None:
        body = self._cache.get(account.key)
        if body is None:
            return
        now = self._clock.monotonic()
        before = body.get("status") or {}
        if int(before.get("observedGeneration") or 0) > account.generation:
            return  # another process has told of a newer spec: that will have come by the next pass
        counts = before.get("instances") or {}
        if now - account.counted_at >= COUNT_SECONDS or not counts:
            counts = self._counts(account.key)
            account.counted_at = now
        status = provider_status(account, body, counts, account.handled, self._clock.wall())
        change = merge_patch(before, status)
        if change:
            resource = BY_KIND[account.key.kind]
            self._cache.put(account.key.kind, await self._client.patch(resource, body, {"status": change}, status=True))
            # Only now: where somebody was faster, the next pass would tell it a second time.
            self._tell(account, body, status)
        self._measure(account)

    def _measure(self, account: Account) -> None:
        label = str(account.key)
        self._metrics.provider_online.labels(label).set(1 if account.reachable else 0)
        self._metrics.credentials_rejected.labels(label).set(1 if account.credentials.rejected else 0)
        self._metrics.missing.labels(label).set(len(account.absence.missing))

    def _counts(self, provider: Key) -> dict[str, int]:
        holdings = [holding for key in self._index.of(provider) if (holding := self._index.get(key))]
        return {
            "total": len(holdings),
            "ready": sum(holding.ready for holding in holdings),
            "creating": sum(holding.creating for holding in holdings),
        }

    def _tell(self, account: Account, body: Mapping[str, Any], status: Mapping[str, Any]) -> None:
        """One Event and one log line for each transition of Online, none for each call."""
        self._tell_of_credentials(account, body, status)
        old = _condition(body.get("status") or {}, ConditionType.ONLINE)
        new = _condition(status, ConditionType.ONLINE)
        if old == new or new == "Unknown":
            return
        if new == "False":
            trouble = f": {account.trouble}" if account.trouble else ""  # none where an answer has come meanwhile
            note = f"the provider does not answer{trouble}. Nothing is created or concluded until it does"
            log.warning(note, extra={"provider": str(account.key)})
            self._recorder.emit(body, EventReason.PROVIDER_UNREACHABLE, note, "Warning")
        elif old == "False":
            log.info("the provider answers again", extra={"provider": str(account.key)})
            self._recorder.emit(body, EventReason.PROVIDER_ONLINE, "the provider answers again")

    def _tell_of_credentials(self, account: Account, body: Mapping[str, Any], status: Mapping[str, Any]) -> None:
        kind = ConditionType.CREDENTIALS_VALID
        if account.credentials.rejected and _condition(body.get("status") or {}, kind) != _condition(status, kind):
            note = f"the provider refuses our credentials: {account.credentials.rejected}"
            log.warning(note, extra={"provider": str(account.key)})
            self._recorder.emit(body, EventReason.CREDENTIALS_REJECTED, note, "Warning")

    def _next(self, account: Account) -> float:
        """Return the seconds until the next probe, list or Secret read, jittered a little so that providers do not
        march.
        """
        now = self._clock.monotonic()
        spec = account.spec
        if spec is None:
            return 300.0
        due = [account.credentials.read_at + spec.probe.period_seconds, *self._looker.next_calls(account, spec, now)]
        release_at = (account.unreferenced_since or 0.0) + RELEASE_SECONDS
        if account.unreferenced_since is not None and release_at > now:
            due.append(release_at)
        return max(0.02, min(due) - now)

    async def _read_live(self, key: Key) -> None:
        try:
            self._cache.put(key.kind, await self._client.get(BY_KIND[key.kind], key.namespace or None, key.name))
        except NotFound:
            known = self._cache.get(key)
            if known is not None:
                self._cache.remove(key.kind, known)
        except ApiError as error:
            log.info("a provider could not be read", extra={"provider": str(key), "error": str(error)})


def _resume(account: Account, body: Mapping[str, Any], now: float) -> None:
    """Take over what an earlier process wrote, so that a restart neither hammers a sick provider nor forgets a broken
    promise.
    """
    status = body.get("status") or {}
    account.resumed = True
    account.handled = str(status.get("lastHandledReconcileAt") or "")
    account.confirmed_version = str(status.get("credentialsVersion") or "")
    account.ever_reached = bool(account.confirmed_version) or _condition(status, ConditionType.ONLINE) == "True"
    breaker = status.get("breaker") or {}
    if breaker.get("state") == "Open":
        account.ever_reached = True
        opened = str(breaker.get("openedTime") or "")
        account.breaker = Breaker(BreakerState.OPEN, int(breaker.get("failures") or 0), opened, 0, now)
    broken = _condition(status, ConditionType.PROMISE_BROKEN) == "True"
    account.promises = not (broken and status.get("observedGeneration") == body["metadata"].get("generation"))


def _condition(status: Mapping[str, Any], kind: ConditionType) -> str:
    for condition in status.get("conditions") or ():
        if condition.get("type") == kind:
            return str(condition.get("status"))
    return "Unknown"


def _standing(account: Account) -> tuple[object, ...]:
    """Return what instances must hear of when it changes."""
    return (
        account.reachable,
        account.place,
        bool(account.credentials.rejected),
        account.credentials.problem,
        account.credentials.version,
        account.protected,
        account.generation,
        account.spec is not None and account.spec.draining,
    )
