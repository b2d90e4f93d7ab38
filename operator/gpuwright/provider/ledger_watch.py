"""Watches what stands in a provider's ledgers, with the lists of the sweep and a direct look at the end."""

import logging
from collections.abc import Mapping
from typing import Any

from gpuwright.adapters.contract import Adapter
from gpuwright.kube.cache import ObjectCache
from gpuwright.model.clock import Clock
from gpuwright.model.errors import Blind
from gpuwright.model.machine import Snapshot
from gpuwright.model.provider_spec import ProviderSpec
from gpuwright.model.provider_view import SEND_WINDOW_SECONDS
from gpuwright.model.resources import CLUSTER_PROVIDERS, INSTANCES, PROVIDERS, Key
from gpuwright.provider.account import Account, Caller
from gpuwright.provider.departure import Entry, after_list, entries
from gpuwright.provider.sweep import named_in

log = logging.getLogger(__name__)


class LedgerWatch:
    """Finds out which leaks, and which of the machines that are retained, are gone; see departure.py."""

    def __init__(self, cache: ObjectCache, caller: Caller, clock: Clock) -> None:
        self._cache = cache
        self._caller = caller
        self._clock = clock

    async def judge(self, account: Account, spec: ProviderSpec, snapshot: Snapshot) -> None:
        """Note what this list says of each entry, and look directly at what seems gone."""
        sweep, status = account.sweep, (self._cache.get(account.key) or {}).get("status") or {}
        counts = self._is_sure(account, status, snapshot) and not account.absence.missing
        timeouts, settle = spec.timeouts, spec.settle_seconds
        sweep.watches = after_list(
            sweep.watches,
            entries(status),
            snapshot,
            now=self._clock.monotonic(),
            settled_after=SEND_WINDOW_SECONDS + timeouts.connect_seconds + timeouts.request_seconds + settle,
            counts=counts,
        )
        for entry, watch in list(sweep.watches.items()):
            if account.adapter is not None and watch.is_due(settle, snapshot.began):
                await self._look(account, account.adapter, entry)

    async def _look(self, account: Account, adapter: Adapter, entry: Entry) -> None:
        _ledger, machine_id, name, _uid = entry
        if not name:
            return  # nothing to look for: a person has to clear it
        try:
            seen = await self._caller.call(account, "look", adapter.look(name, lambda: True))
        except Blind:
            return
        watch = account.sweep.watches[entry].after_look(seen)
        account.sweep.watches[entry] = watch
        if watch.gone:
            extra = {"provider": str(account.key), "machine_id": machine_id, "names": name}
            log.info("a machine that was let go is proven gone", extra=extra)

    def _is_sure(self, account: Account, status: Mapping[str, Any], snapshot: Snapshot) -> bool:
        """Return whether these credentials show the account in which the ledgers' machines are.

        They do once a list of theirs has shown a machine that is known here, or a person has said so. Another account
        would make everything look gone, and what was retained an orphan as soon as the right token is back.
        """
        sweep, value = account.sweep, account.credentials.value
        asked = account.handled != sweep.handled
        sweep.handled = account.handled
        known = {str(entry.get("id")) for name in ("leaks", "retained", "orphans") for entry in status.get(name) or ()}
        instances = [body for _key, body in self._cache.of_kind(INSTANCES.kind)]
        known |= named_in(instances, providers_in(self._cache), account.place).kept
        if asked or any(machine_id in snapshot.by_id for machine_id in known):
            sweep.sure_value = value
        return bool(value) and sweep.sure_value == value


def providers_in(cache: ObjectCache) -> dict[Key, Mapping[str, Any]]:
    """Return the bodies of all providers that are known."""
    return {key: body for resource in (PROVIDERS, CLUSTER_PROVIDERS) for key, body in cache.of_kind(resource.kind)}
