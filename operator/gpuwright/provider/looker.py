"""Looks at a provider: probes it, lists its machines, and judges what a list says about the provider itself."""

import logging
from collections.abc import Callable, Mapping

from gpuwright.kube.cache import ObjectCache
from gpuwright.kube.events import Recorder
from gpuwright.model.clock import Clock
from gpuwright.model.errors import Blind
from gpuwright.model.event_reasons import EventReason
from gpuwright.model.machine import Machine, Snapshot
from gpuwright.model.provider_spec import ProviderSpec
from gpuwright.model.provider_view import longest_unsettled
from gpuwright.model.resources import Key
from gpuwright.provider.account import Account, Caller
from gpuwright.provider.index import InstanceIndex, expected_in_lists
from gpuwright.provider.sweeper import Sweeper
from gpuwright.telemetry import Metrics

LIST_SPACING_SECONDS = 1.0  # between lists that are asked for; polls come at the spec's period
REJECTED_SECONDS = 600.0  # between probes with credentials that were refused

log = logging.getLogger(__name__)


class Looker:
    """At most one read a pass: a probe or a list, whichever is due. `mark` hears of each instance that it concerns."""

    def __init__(
        self,
        cache: ObjectCache,
        index: InstanceIndex,
        sweeper: Sweeper,
        caller: Caller,
        recorder: Recorder,
        clock: Clock,
        metrics: Metrics,
        *,
        mark: Callable[[Key], None],
    ) -> None:
        self._cache = cache
        self._index = index
        self._sweeper = sweeper
        self._caller = caller
        self._recorder = recorder
        self._clock = clock
        self._metrics = metrics
        self._mark = mark

    async def look(self, account: Account) -> None:
        """Probe or list, whichever is due. A list that is answered is a probe, too."""
        now = self._clock.monotonic()
        adapter, spec = account.adapter, account.spec
        if adapter is None or spec is None or now < account.slots.budget.paused_until:
            return
        if account.credentials.rejected:
            if now - account.probed_at >= REJECTED_SECONDS:
                await self._probe(account)
            return
        if not account.breaker.closed:
            if account.breaker.may_probe(now):
                account.breaker = account.breaker.probing()
                await self._probe(account)
            return
        if adapter.capabilities.reads and self._list_due(account, now):
            await self._list(account)
        elif not account.online or (
            not self._is_polled(account) and now - account.probed_at >= spec.probe.period_seconds
        ):
            await self._probe(account)

    def _is_polled(self, account: Account) -> bool:
        """Return whether lists tell of the provider's health anyway."""
        return account.adapter is not None and account.adapter.capabilities.reads and bool(self._index.of(account.key))

    def _list_due(self, account: Account, now: float) -> bool:
        if account.spec is None:
            return False
        polled = bool(self._index.of(account.key)) and now - account.list_began >= account.spec.poll.period_seconds
        asked = bool(account.waiters) and now - account.list_began >= LIST_SPACING_SECONDS
        sweep_at = self._sweeper.list_at(account)
        return polled or asked or (sweep_at is not None and now >= sweep_at)

    async def _probe(self, account: Account) -> None:
        adapter = account.adapter
        if adapter is None:
            return
        account.probed_at = self._clock.monotonic()
        try:
            await self._caller.call(account, "probe", adapter.probe())
        except Blind as error:
            self._blind(account, error)
        else:
            self._answered(account, account.probed_at)

    async def _list(self, account: Account) -> None:
        adapter = account.adapter
        if adapter is None:
            return
        began = account.list_began = self._clock.monotonic()
        waiters, account.waiters = account.waiters, {}
        try:
            machines = await self._caller.call(account, "list", adapter.list())
        except Blind as error:
            account.waiters = {**waiters, **account.waiters}
            self._blind(account, error)
            return
        self._answered(account, began)
        self._metrics.last_list.labels(str(account.key)).set(self._clock.wall().timestamp())
        old, account.snapshot = account.snapshot, Snapshot.of(began, machines)
        self._judge_absence(account)
        self._confirm_account(account)
        for key in (*waiters, *self._changed(account.key, old, account.snapshot)):
            self._mark(key)

    def _answered(self, account: Account, began: float) -> None:
        account.refused = ""
        if began < account.credentials.rejected_at:
            return  # our credentials were refused while this was on its way
        account.credentials.rejected = ""
        account.credentials.checked = True

    def _blind(self, account: Account, error: Blind) -> None:
        if error.rejected:
            account.probed_at = self._clock.monotonic()
            if not account.credentials.rejected:
                account.credentials.read_at = -1e9  # the Secret may have changed already
            account.credentials.rejected = error.message
            account.credentials.rejected_at = self._clock.monotonic()
        if not error.unhealthy:
            log.info("a read was not answered in full", extra={"provider": str(account.key), "error": error.message})
        account.refused = error.message if error.forbidden else ""

    def _judge_absence(self, account: Account) -> None:
        if account.snapshot is None or account.spec is None:
            return
        holdings = [holding for _key, holding in self._index.holdings(account.key)]
        wall = self._clock.wall().timestamp()
        expected, fresh = expected_in_lists(holdings, account.key, wall, longest_unsettled(account.spec))
        before = account.absence.missing
        account.absence = account.absence.after_list(expected, account.snapshot.by_id, fresh)
        if account.absence.missing and not before:
            body = self._cache.get(account.key)
            missing = len(account.absence.missing)
            note = f"{missing} of {len(expected)} machines are missing from one list: nothing is concluded from it"
            log.warning(note, extra={"provider": str(account.key)})
            if body is not None:
                self._recorder.emit(body, EventReason.MASS_ABSENCE, note, "Warning")
        if account.absence.missing != before:
            self.mark_instances(account.key)

    def _confirm_account(self, account: Account) -> None:
        """Seeing a machine that is on record proves that these credentials show the account in which it was made.
        Where none is on record nothing can be missed, unless a record was lost.
        """
        if account.confirmed_version == account.credentials.version or account.snapshot is None:
            return
        holdings = [holding for _key, holding in self._index.holdings(account.key) if account.key in holding.home]
        recorded = [holding.machine_id for holding in holdings if holding.machine_id]
        nothing = not recorded and not self._index.any_bare(account.key)
        if nothing or any(machine_id in account.snapshot.by_id for machine_id in recorded):
            account.confirmed_version = account.credentials.version
            self.mark_instances(account.key)

    def _changed(self, provider: Key, old: Snapshot | None, new: Snapshot) -> list[Key]:
        """Return the instances of which the two lists say different things; all of them where there was no list
        before.
        """
        keys = self._index.of(provider)
        if old is None:
            return list(keys)
        uids = {
            uid for uid in old.by_owner.keys() | new.by_owner.keys() if old.by_owner.get(uid) != new.by_owner.get(uid)
        }
        changed = []
        for key in keys:
            holding = self._index.get(key)
            if holding and (holding.uid in uids or _differs(holding.machine_id, old.by_id, new.by_id)):
                changed.append(key)
        return changed

    def next_calls(self, account: Account, spec: ProviderSpec, now: float) -> list[float]:
        """Return when calls are due; only such as `look` would make then, or passes would follow upon each other."""
        return [max(at, account.slots.budget.paused_until) for at in self._calls_wanted(account, spec, now)]

    def _calls_wanted(self, account: Account, spec: ProviderSpec, now: float) -> list[float]:
        if account.adapter is None:
            return []
        if account.credentials.rejected:
            return [account.probed_at + REJECTED_SECONDS]
        if not account.breaker.closed:
            return [account.breaker.probe_at]
        due = [] if account.online else [now + 1.0]
        if account.adapter.capabilities.reads and account.waiters:
            due.append(account.list_began + LIST_SPACING_SECONDS)
        if self._is_polled(account):
            due.append(account.list_began + spec.poll.period_seconds)
        sweep_at = self._sweeper.next_at(account)
        return due if sweep_at is None else [*due, sweep_at]

    def mark_instances(self, provider: Key) -> None:
        """Have every instance of the provider looked at."""
        for key in self._index.of(provider):
            self._mark(key)


def _differs(machine_id: str, old: Mapping[str, Machine], new: Mapping[str, Machine]) -> bool:
    return bool(machine_id) and old.get(machine_id) != new.get(machine_id)
