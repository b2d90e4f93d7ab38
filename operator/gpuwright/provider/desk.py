"""The one desk at which instances ask for machines: it hands out views, slots, lists and calls, and keeps each
provider's health.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import islice

from gpuwright.adapters.contract import Adapter, Created, Deletion, Gate, NotAsked
from gpuwright.adapters.desk import LedgerEntry
from gpuwright.kube.cache import ObjectCache
from gpuwright.kube.client import Conflict, KubeClient, NotFound
from gpuwright.model.clock import Clock
from gpuwright.model.conditions import Reason, timestamp
from gpuwright.model.errors import NeverSent, NotCommitted, Unauthenticated
from gpuwright.model.machine import Sighting
from gpuwright.model.memory import ProviderRef
from gpuwright.model.names import ANNOTATION_ADOPT
from gpuwright.model.placement_spec import words_of
from gpuwright.model.provider_spec import Adoption, ClusterProviderSpec, ProviderSpec
from gpuwright.model.provider_view import Hindrance, ProviderView, Room
from gpuwright.model.request import MachineRequest
from gpuwright.model.resources import BY_KIND, CLUSTER_PROVIDERS, Key
from gpuwright.provider.account import Account, Caller
from gpuwright.provider.capacity import CapacityMemory
from gpuwright.provider.index import InstanceIndex
from gpuwright.provider.ledger import with_entry
from gpuwright.provider.slots import Slots

LEDGER_TRIES = 5
LONGEST_TURN_SECONDS = 30.0  # whoever waits for its turn looks again after this, should its wake-up get lost


class Desk:
    """Implements adapters.desk.ProviderDesk over the accounts of all providers."""

    def __init__(
        self,
        client: KubeClient,
        cache: ObjectCache,
        index: InstanceIndex,
        caller: Caller,
        clock: Clock,
        *,
        mark: Callable[[Key], None],
    ) -> None:
        self._client = client
        self._cache = cache
        self._index = index
        self._caller = caller
        self._clock = clock
        self._mark = mark
        self._accounts: dict[Key, Account] = {}

    def account(self, key: Key) -> Account:
        """Return the account of a provider, made at first sight."""
        if key not in self._accounts:

            def holding(left_out: frozenset[Key]) -> int:
                return sum(1 for instance, _holding in self._index.holdings(key) if instance not in left_out)

            self._accounts[key] = Account(key, Slots(holding, self._clock.monotonic()))
        return self._accounts[key]

    def accounts(self) -> Iterator[Account]:
        """Yield all accounts."""
        yield from list(self._accounts.values())

    def close(self, key: Key) -> Account | None:
        """Forget the account of a provider that is gone; return it, so that its connections can be closed."""
        return self._accounts.pop(key, None)

    def view(self, ref: ProviderRef, asker: Key) -> ProviderView | Hindrance | None:
        """See ProviderDesk.view."""
        key = _key(ref, asker)
        body = self._cache.get(key)
        if body is None:
            return None
        account = self.account(key)
        if account.adapter is None or account.spec is None:
            return self._not_usable(account)
        holds = any(key in holding.recorded for holding in [self._index.get(asker)] if holding)
        namespace = self._namespace_hindrance(account, asker)
        if namespace is not None and not holds:
            return namespace
        return self._picture(account, account.adapter, account.spec, ref, asker, namespace)

    def _not_usable(self, account: Account) -> Hindrance:
        self._mark(account.key)
        if account.spec_error:
            return Hindrance(Reason.PROVIDER_NOT_FOUND, f"the provider's spec is not valid: {account.spec_error}")
        if account.credentials.problem:
            return Hindrance(Reason.SECRET_NOT_FOUND, account.credentials.problem)
        return Hindrance(Reason.WAITING, "the provider has not been looked at yet")

    def _namespace_hindrance(self, account: Account, asker: Key) -> Hindrance | None:
        if account.key.kind != CLUSTER_PROVIDERS.kind:
            return None
        allowed = account.namespaces.get(asker.namespace)
        if allowed is None:
            account.wanted_namespaces.add(asker.namespace)
            self._mark(account.key)
            return Hindrance(Reason.WAITING, "finding out whether this namespace may use the provider")
        if allowed:
            return None
        words = f"{account.key.kind} {account.key.name} is not open to namespace {asker.namespace}: ask its owner"
        return Hindrance(Reason.NAMESPACE_NOT_ALLOWED, words, stalls=True)

    def _picture(
        self,
        account: Account,
        adapter: Adapter,
        spec: ProviderSpec,
        ref: ProviderRef,
        asker: Key,
        namespace: Hindrance | None,
    ) -> ProviderView:
        status = (self._cache.get(account.key) or {}).get("status") or {}
        rejected = bool(account.credentials.rejected)
        return ProviderView(
            ref=ref,
            spec=spec,
            place=account.place,
            capabilities=adapter.capabilities,
            hindrance=namespace or self._hindrance(account, spec),
            reachable=account.reachable,
            ever_reached=account.ever_reached,
            credentials_rejected=rejected,
            room=self._room(account, spec, asker),
            snapshot=account.snapshot,
            visible_seconds=account.visible_seconds,
            absence_counts=not adapter.capabilities.reads or account.confirmed_version == account.credentials.version,
            mass_absent=account.absence.missing,
            retained_ids=frozenset(entry.get("id", "") for entry in status.get("retained") or ()),
            leaked_names=frozenset(entry.get("name", "") for entry in status.get("leaks") or ()),
            adoption_allowed=not isinstance(spec, ClusterProviderSpec) or spec.adoption is Adoption.ALLOWED,
            cluster_scoped=account.key.kind == CLUSTER_PROVIDERS.kind,
            message=account.credentials.rejected or account.trouble,
            credentials_version=account.credentials.version,
            recorded_elsewhere=self._recorded_elsewhere(account, asker),
            no_room=account.no_room.until,
        )

    def _hindrance(self, account: Account, spec: ProviderSpec) -> Hindrance | None:
        body = self._cache.get(account.key) or {"metadata": {}}
        if "deletionTimestamp" in body["metadata"] or account.credentials.deleting:
            return Hindrance(Reason.PROVIDER_NOT_FOUND, "the provider or its Secret is being deleted: no new machines")
        if account.refused:
            return Hindrance(Reason.PROVIDER_UNREACHABLE, account.refused)
        if account.credentials.rejected:
            return Hindrance(Reason.CREDENTIALS_REJECTED, account.credentials.rejected, stalls=True)
        if not account.breaker.closed:
            return Hindrance(Reason.PROVIDER_UNREACHABLE, account.trouble or "the provider does not answer")
        if spec.draining:
            return Hindrance(Reason.PROVIDER_DRAINING, "the provider is draining (planned work): no new machines")
        if not account.online:
            return Hindrance(Reason.WAITING, "the provider has not answered yet")
        if not account.protected:
            self._mark(account.key)
            return Hindrance(Reason.WAITING, "the provider and its Secret are being protected first")
        return None

    def _room(self, account: Account, spec: ProviderSpec, asker: Key) -> Room:
        now = self._clock.monotonic()
        room = account.slots.room(asker, spec.limits, now)
        if room.free or room.reason is Reason.LIMIT_REACHED:
            account.queue.pop(asker, None)
            return room
        holding = self._index.get(asker)
        if holding is None or (holding.machine_id and not holding.ending):
            account.queue.pop(asker, None)
            return room  # it has its machine, here or at another placement: nothing for it to wait for
        account.turns += 1
        turn = account.queue.setdefault(asker, account.turns)
        ahead = turn - next(iter(account.queue.values()))
        wait = room.retry_seconds + ahead * 60 / spec.limits.creates_per_minute
        return replace(room, retry_seconds=min(LONGEST_TURN_SECONDS, wait))

    def _recorded_elsewhere(self, account: Account, asker: Key) -> Mapping[str, str]:
        body = self._cache.get(asker) or {"metadata": {}}
        if ANNOTATION_ADOPT not in (body["metadata"].get("annotations") or {}):
            return {}
        holdings = self._index.holdings(account.key)
        here = [(key, holding) for key, holding in holdings if account.key in holding.home and key != asker]
        recorded = {holding.machine_id: str(key) for key, holding in here if holding.machine_id}
        # What the sweep is about to end is nobody's to take over any more.
        doomed = [orphan.machine.id for orphan in account.sweep.orphans.values() if orphan.ending]
        first = {wanted: f"{key}, which asks for it first" for key, wanted in self._asking_before(account, asker)}
        return first | dict.fromkeys(doomed, f"the sweep of {account.key}, which ends it") | recorded

    def _asking_before(self, account: Account, asker: Key) -> Iterator[tuple[Key, str]]:
        """Yield the objects without a record that come before this one, and the machine that each wants to adopt.

        Several that wait for the same machine see it in the same list, before any of them has it on record.
        """
        for key in self._index.of(account.key):
            body = self._cache.get(key)
            if body is None or str(key) >= str(asker) or "deletionTimestamp" in body["metadata"]:
                continue
            wanted = (body["metadata"].get("annotations") or {}).get(ANNOTATION_ADOPT)
            if wanted and not (body.get("status") or {}).get("launch"):
                yield key, wanted

    def reserve(self, ref: ProviderRef, asker: Key) -> bool:
        """See ProviderDesk.reserve."""
        account = self.account(_key(ref, asker))
        if account.spec is None:
            return False
        return account.slots.reserve(asker, account.spec.limits, self._clock.monotonic())

    def release(self, ref: ProviderRef, asker: Key) -> None:
        """See ProviderDesk.release."""
        account = self.account(_key(ref, asker))
        account.slots.release(asker)
        account.queue.pop(asker, None)
        for other in self._accounts.values():
            if other.spec is not None and other.slots.budget is account.slots.budget:
                free = other.slots.free(other.spec.limits)
                for following in list(islice(other.queue, max(0, free))):
                    self._mark(following)

    def ask_list(self, ref: ProviderRef, asker: Key) -> None:
        """See ProviderDesk.ask_list."""
        account = self.account(_key(ref, asker))
        account.waiters[asker] = None
        self._mark(account.key)

    async def create(self, ref: ProviderRef, asker: Key, request: MachineRequest, gate: Gate) -> Created:
        """See ProviderDesk.create."""
        account, adapter = self._usable(ref, asker)
        if request.wishes.machine.size is not None:
            raise NotAsked(f"nobody knows what size {request.wishes.machine.size} is")
        what = words_of(request.wishes.machine)
        try:
            created = await self._caller.call(account, "create", adapter.create(request, gate))
        except NotCommitted as error:
            if error.reason is Reason.CAPACITY_UNAVAILABLE:
                now, wall = self._clock.monotonic(), self._clock.wall()
                self._remember(account, account.no_room.refused(what, error.message, now, wall))
            raise
        except Unauthenticated as error:
            account.credentials.rejected = error.message
            account.credentials.rejected_at = self._clock.monotonic()
            self._mark(account.key)
            raise
        self._remember(account, account.no_room.made(what))
        return created

    def _remember(self, account: Account, memory: CapacityMemory) -> None:
        """Keep what there is no room for, and have it shown in status where it has changed."""
        if memory is not account.no_room:
            account.no_room = memory
            self._mark(account.key)

    async def look(self, ref: ProviderRef, asker: Key, name: str, gate: Gate) -> tuple[float, Sighting]:
        """See ProviderDesk.look."""
        account, adapter = self._usable(ref, asker)
        began = self._clock.monotonic()
        return began, await self._caller.call(account, "look", adapter.look(name, gate))

    async def delete(self, ref: ProviderRef, asker: Key, name: str, gate: Gate) -> Deletion:
        """See ProviderDesk.delete."""
        account, adapter = self._usable(ref, asker)
        return await self._caller.call(account, "delete", adapter.delete(name, gate))

    async def power(self, ref: ProviderRef, asker: Key, name: str, gate: Gate, *, on: bool) -> None:
        """See ProviderDesk.power."""
        account, adapter = self._usable(ref, asker)
        await self._caller.call(account, "power", adapter.power(name, on=on, gate=gate))

    def _usable(self, ref: ProviderRef, asker: Key) -> tuple[Account, Adapter]:
        account = self.account(_key(ref, asker))
        if account.adapter is None:
            raise NeverSent("the provider has no usable credentials at the moment")
        return account, account.adapter

    async def enter(self, ref: ProviderRef, asker: Key, entry: LedgerEntry) -> None:
        """See ProviderDesk.enter. Raises ApiError, LedgerFull."""
        key = _key(ref, asker)
        resource = BY_KIND[key.kind]
        for _try in range(LEDGER_TRIES):
            try:
                body = await self._client.get(resource, key.namespace or None, key.name)
            except NotFound:
                return  # no provider, no ledger; the Event and the metric remain
            change = with_entry(body.get("status") or {}, entry, timestamp(self._clock.wall()))
            try:
                self._cache.put(key.kind, await self._client.patch(resource, body, {"status": change}, status=True))
            except Conflict:
                continue
            return
        raise Conflict(f"{key}: the ledger changes too fast to be written to")

    def promise_broken(self, ref: ProviderRef, asker: Key, note: str) -> None:
        """See ProviderDesk.promise_broken."""
        account = self.account(_key(ref, asker))
        account.promises = False
        account.trouble = note
        account.credentials.value = ""  # the adapter is built anew, without its promises
        account.credentials.read_at = -1e9
        self._mark(account.key)


def _key(ref: ProviderRef, asker: Key) -> Key:
    return ref.key(asker.namespace)
