"""The hands of the sweep: asks for owners, announces, looks again, and ends what has none."""

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gpuwright.adapters.contract import Adapter, Deletion, Gate
from gpuwright.kube.cache import ObjectCache
from gpuwright.kube.client import ApiError, Forbidden, KubeClient, NotFound
from gpuwright.kube.events import Recorder
from gpuwright.model.clock import Clock
from gpuwright.model.conditions import timestamp
from gpuwright.model.errors import Blind, ProviderError
from gpuwright.model.event_reasons import EventReason
from gpuwright.model.machine import Machine, Present, Snapshot
from gpuwright.model.names import Owner
from gpuwright.model.provider_spec import ProviderSpec
from gpuwright.model.provider_view import SEND_WINDOW_SECONDS
from gpuwright.model.resources import BY_KIND, CLUSTER_PROVIDERS, INSTANCES, PROVIDERS, Key, key_of
from gpuwright.model.sweep_spec import SweepMode
from gpuwright.provider.account import Account, Caller
from gpuwright.provider.departure import entries
from gpuwright.provider.ledger_watch import LedgerWatch, providers_in
from gpuwright.provider.parsing import parse_provider
from gpuwright.provider.sweep import (
    Named,
    Orphan,
    Standing,
    Times,
    after_sweep,
    are_too_many,
    may_be_asked_for,
    named_in,
    own_machines,
    standing_of,
    suspects,
    to_be_ended,
    with_endings,
)
from gpuwright.telemetry import Metrics

OWNERS_AT_ONCE = 8  # live reads of owners that are on their way together
NAMED_IN_EVENTS = 5

log = logging.getLogger(__name__)


class Sweeper:
    """Judges the newest list of a provider every `sweep.periodSeconds`, and carries out what was announced."""

    def __init__(
        self,
        client: KubeClient,
        cache: ObjectCache,
        caller: Caller,
        recorder: Recorder,
        clock: Clock,
        metrics: Metrics,
        *,
        cluster: str,
        watched: Sequence[str],
    ) -> None:
        self._client = client
        self._cache = cache
        self._ledgers = LedgerWatch(cache, caller, clock)
        self._caller = caller
        self._recorder = recorder
        self._clock = clock
        self._metrics = metrics
        self._cluster = cluster
        self._watched = watched

    def due_at(self, account: Account) -> float | None:
        """Return when the next sweep is due (monotonic seconds); None where there is nothing to look for."""
        if account.spec is None or account.adapter is None or not account.adapter.capabilities.reads:
            return None
        if account.sweep.judged_at is None:
            return None
        status = self._status(account)
        if account.spec.sweep.mode is SweepMode.DISABLED and not (entries(status) or account.sweep.orphans):
            return None
        return account.sweep.judged_at + account.spec.sweep.period_seconds

    def next_at(self, account: Account) -> float | None:
        """Return when the provider is to be looked at for the next sweep; None while it does not answer anyway."""
        if not account.reachable:
            return None
        list_at = self.list_at(account)
        return self.due_at(account) if list_at is None else list_at

    def list_at(self, account: Account) -> float | None:
        """Return when a list is wanted for it; None where the newest one will do.

        One from before the sweep was due will not: where nobody polls, it shows what has ended properly since.
        """
        due = self.due_at(account)
        if due is None or account.spec is None:
            return None
        if account.snapshot is not None and account.snapshot.began >= due:
            return None
        # A list that fails is not asked for again at once.
        return max(due, account.list_began + account.spec.poll.period_seconds)

    async def judge(self, account: Account) -> None:
        """Make a sweep if one is due, on the newest list; what it finds stands in `account.sweep`."""
        now = self._clock.monotonic()
        if account.sweep.judged_at is None:
            # The first is made one period after the start, not in the midst of it.
            account.sweep.judged_at = now
            account.sweep.handled = str(self._status(account).get("lastHandledReconcileAt") or "")
        due, spec, snapshot = self.due_at(account), account.spec, account.snapshot
        if due is None or now < due or spec is None or snapshot is None or not account.reachable:
            return
        if snapshot.began < due or account.credentials.rejected:
            return
        account.sweep.judged_at = now
        await self._ledgers.judge(account, spec, snapshot)
        await self._judge_orphans(account, spec, snapshot)
        account.sweep.done = True
        self._metrics.last_sweep.labels(str(account.key)).set(self._clock.wall().timestamp())

    async def _judge_orphans(self, account: Account, spec: ProviderSpec, snapshot: Snapshot) -> None:
        sweep = account.sweep
        if spec.sweep.mode is SweepMode.DISABLED:
            sweep.orphans, sweep.doomed, sweep.too_many = {}, (), False
            return
        own = own_machines(snapshot.machines, self._cluster, account.key.namespace)
        instances = [body for _key, body in self._cache.of_kind(INSTANCES.kind)]
        named = named_in(instances, providers_in(self._cache), account.place)
        living = frozenset(str(body["metadata"]["uid"]) for body in instances)
        found = suspects(own, living, named)
        standings = await self._standings({machine.owner for machine in found if machine.owner is not None})
        findings = [(machine, standings[machine.owner]) for machine in found if machine.owner is not None]
        moment = timestamp(self._clock.wall())
        shown = self._status(account).get("orphans") or ()
        told = {str(entry.get("id")): str(entry.get("firstSeenTime") or moment) for entry in shown}
        after = after_sweep(sweep.orphans, findings, named, Times(snapshot.began, moment, told))
        sweep.doomed = to_be_ended(after, spec.sweep, len(own), snapshot.began)
        was_too_many, sweep.too_many = sweep.too_many, are_too_many(len(after), len(own))
        fresh = [orphan for key, orphan in after.items() if key not in sweep.orphans and key not in told]
        sweep.orphans = with_endings(after, sweep.doomed, moment)
        self._tell(account, fresh, too_many=sweep.too_many and not was_too_many)

    def _tell(self, account: Account, fresh: Sequence[Orphan], *, too_many: bool) -> None:
        body = self._cache.get(account.key)
        if fresh and body is not None:
            names = ", ".join(orphan.machine.name for orphan in fresh[:NAMED_IN_EVENTS])
            more = f" and {len(fresh) - NAMED_IN_EVENTS} more" if len(fresh) > NAMED_IN_EVENTS else ""
            note = f"machines whose ComputeInstance is gone bill on: {names}{more}"
            log.warning(note, extra={"provider": str(account.key), "count": len(fresh)})
            self._recorder.emit(body, EventReason.ORPHAN_FOUND, note, "Warning")
        deletes = account.spec is not None and account.spec.sweep.mode is SweepMode.DELETE
        if too_many and deletes and body is not None:
            note = f"{len(account.sweep.orphans)} machines look orphaned, more than is likely: none is terminated"
            log.warning(note, extra={"provider": str(account.key), "count": len(account.sweep.orphans)})
            self._recorder.emit(body, EventReason.TOO_MANY_ORPHANS, note, "Warning")

    async def _standings(self, owners: Iterable[Owner]) -> dict[Owner, Standing]:
        """Ask for each owner, live; after a request that was not answered no other is made."""
        away = asyncio.Event()
        turns = asyncio.Semaphore(OWNERS_AT_ONCE)

        async def ask(owner: Owner) -> Standing:
            async with turns:
                return Standing.NOT_KNOWN if away.is_set() else await self._standing(owner, away)

        known = list(owners)
        return dict(zip(known, await asyncio.gather(*(ask(owner) for owner in known)), strict=True))

    async def _standing(self, owner: Owner, away: asyncio.Event | None = None) -> Standing:
        if not may_be_asked_for(owner, self._watched):
            return Standing.NOT_KNOWN
        try:
            body = await self._client.get(INSTANCES, owner.namespace, owner.name)
        except NotFound as error:
            # Where the kind itself is not served the answer is 404, too, but names no object.
            named = (error.body.get("details") or {}).get("name")
            return Standing.GONE if named == owner.name else Standing.NOT_KNOWN
        except ApiError as error:
            log.info("an owner could not be read", extra={"instance": owner.label, "error": str(error)})
            if away is not None and not isinstance(error, Forbidden):
                away.set()
            return Standing.NOT_KNOWN
        return standing_of(owner, body)

    async def carry_out(self, account: Account) -> None:
        """End what was announced, one machine after the other, each looked at again right before."""
        doomed, account.sweep.doomed = account.sweep.doomed, ()
        account.sweep.watches = {entry: watch for entry, watch in account.sweep.watches.items() if not watch.gone}
        self._measure(account)
        adapter = account.adapter
        if not doomed or adapter is None:
            return
        try:
            named = await self._named_live(account)
            for orphan in doomed:
                if orphan.machine.id not in named.kept | named.adopting:
                    await self._end(account, adapter, orphan.machine)
        except (ApiError, Blind, ProviderError) as error:
            # The rest waits for the next sweep: where one call fails, others would keep the provider's pass waiting.
            log.warning("a sweep was broken off", extra={"provider": str(account.key), "error": str(error)})

    async def _named_live(self, account: Account) -> Named:
        """Return the ids that objects speak for, by live lists, because the cache may lag. Raises ApiError."""
        instances: list[Mapping[str, Any]] = []
        providers: dict[Key, Mapping[str, Any]] = {}
        for namespace in self._watched or (None,):
            async for page in self._client.pages(INSTANCES, namespace):
                instances += page
            async for page in self._client.pages(PROVIDERS, namespace):
                providers |= {key_of(PROVIDERS.kind, body): body for body in page}
        try:
            async for page in self._client.pages(CLUSTER_PROVIDERS):
                providers |= {key_of(CLUSTER_PROVIDERS.kind, body): body for body in page}
        except Forbidden:
            if not self._watched:
                raise
        return named_in(instances, providers, account.place)

    async def _end(self, account: Account, adapter: Adapter, machine: Machine) -> None:
        """Look at the machine, then at its announcement and its owner, and end it. Raises ApiError, Blind,
        ProviderError.
        """
        seen = await self._caller.call(account, "look", adapter.look(machine.name, lambda: True))
        if not (isinstance(seen, Present) and seen.machine.id == machine.id and seen.machine.alive):
            return
        owner = seen.machine.owner
        if owner is None or owner != machine.owner:
            return
        gate = self._window()
        if not await self._is_announced(account, machine):
            return
        if await self._standing(owner) not in {Standing.GONE, Standing.REPLACED}:
            return
        answer = await self._caller.call(account, "delete", adapter.delete(machine.name, gate))
        if answer is Deletion.ACCEPTED and machine.id not in account.sweep.ended:
            account.sweep.ended.add(machine.id)
            self._tell_of_the_end(account, machine)

    def _window(self) -> Gate:
        """Return the check made right before the first byte: the live reads are no older than the send window."""
        boottime = self._clock.boottime() + SEND_WINDOW_SECONDS
        wall = self._clock.wall().timestamp() + SEND_WINDOW_SECONDS
        return lambda: self._clock.boottime() < boottime and self._clock.wall().timestamp() < wall

    async def _is_announced(self, account: Account, machine: Machine) -> bool:
        """Return whether the provider object, as it is now, still wants and announces this. Raises ApiError."""
        key = account.key
        body = await self._client.get(BY_KIND[key.kind], key.namespace or None, key.name)
        spec, _error = parse_provider(key.kind, body)
        status = body.get("status") or {}
        if spec is None or spec.sweep.mode is not SweepMode.DELETE:
            return False
        if any(entry.get("id") == machine.id for entry in status.get("retained") or ()):
            return False
        return any(
            entry.get("id") == machine.id and entry.get("endingTime") and not entry.get("keptBecause")
            for entry in status.get("orphans") or ()
        )

    def _tell_of_the_end(self, account: Account, machine: Machine) -> None:
        note = f"machine {machine.id} ({machine.name}) had no ComputeInstance any more: terminated by the sweep"
        log.warning(note, extra={"provider": str(account.key), "machine_id": machine.id, "names": machine.name})
        self._metrics.swept.labels(str(account.key)).inc()
        body = self._cache.get(account.key)
        if body is not None:
            self._recorder.emit(body, EventReason.ORPHAN_TERMINATED, note, "Warning")

    def _measure(self, account: Account) -> None:
        status, label = self._status(account), str(account.key)
        self._metrics.orphans.labels(label).set(int(status.get("orphanCount") or 0))
        self._metrics.leaks.labels(label).set(int(status.get("leakCount") or 0))
        self._metrics.retained.labels(label).set(len(status.get("retained") or ()))

    def _status(self, account: Account) -> Mapping[str, Any]:
        return (self._cache.get(account.key) or {}).get("status") or {}
