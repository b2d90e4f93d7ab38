"""Which instances refer to which provider, and what they have there: kept up with the cache, so that nobody has to
search it.
"""

from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gpuwright.model.memory import ENDS_MACHINE
from gpuwright.model.names import FINALIZER_MACHINE
from gpuwright.model.resources import CLUSTER_PROVIDERS, Key
from gpuwright.model.times import age_since

_ENDS = frozenset(str(reason) for reason in ENDS_MACHINE)


@dataclass(frozen=True, slots=True)
class Holding:
    """What one instance has at its providers, as its status says."""

    uid: str
    refs: frozenset[Key]
    recorded: frozenset[Key]
    home: frozenset[Key]  # where its machine is, or its create: one, as far as its record tells
    machine_id: str
    shown: bool  # a look has shown the machine, as the record says
    listable: bool  # lists can show it: it carries our tag
    ending: bool
    ready: bool
    creating: bool
    intended: str
    bare: bool  # it carries our finalizer, and nothing is on record: a status that was lost, or a first pass


class InstanceIndex:
    """Holdings by instance, and instances by provider."""

    def __init__(self) -> None:
        self._holdings: dict[Key, Holding] = {}
        self._by_provider: dict[Key, dict[Key, None]] = {}

    def update(self, key: Key, body: Mapping[str, Any] | None) -> None:
        """Take note of an instance's newest body, or of its end."""
        old = self._holdings.pop(key, None)
        for ref in old.refs if old else ():
            self._by_provider.get(ref, {}).pop(key, None)
        if body is None:
            return
        holding = _holding(key, body)
        self._holdings[key] = holding
        for ref in holding.refs:
            self._by_provider.setdefault(ref, {})[key] = None

    def of(self, provider: Key) -> tuple[Key, ...]:
        """Return the instances that refer to the provider, in spec or on record."""
        return tuple(self._by_provider.get(provider, ()))

    def any_bare(self, provider: Key) -> bool:
        """Return whether an instance that refers to the provider may have a machine that its record does not name."""
        return any(self._holdings[key].bare for key in self._by_provider.get(provider, ()))

    def holdings(self, provider: Key) -> Iterator[tuple[Key, Holding]]:
        """Yield the instances that have something on record at the provider."""
        for key in self._by_provider.get(provider, ()):
            holding = self._holdings[key]
            if provider in holding.recorded:
                yield key, holding

    def get(self, key: Key) -> Holding | None:
        """Return one instance's holding."""
        return self._holdings.get(key)

    def lane(self, key: Key) -> Hashable:
        """Return what the key's work may wait for: an instance's providers, and for anything else itself.

        As one, where there are several: who waits for a provider that hangs holds up nobody that needs another only.
        """
        holding = self._holdings.get(key)
        return holding.refs if holding else key

    def everything(self) -> Iterator[tuple[Key, Holding]]:
        """Yield all holdings."""
        yield from self._holdings.items()


def expected_in_lists(
    holdings: Iterable[Holding], provider: Key, now: float, settle_seconds: float
) -> tuple[frozenset[str], frozenset[str]]:
    """Return the ids that a provider's list must show by now, and those that it may not show yet. `now` is wall-clock
    seconds.

    A create's answer may say "running" before any look has: such a machine must show once its create has settled. The
    wall clock is good enough for that, because whoever is expected too early is only judged with more care.
    """
    due: set[str] = set()
    fresh: set[str] = set()
    for holding in holdings:
        if not holding.machine_id or holding.ending or not holding.listable or provider not in holding.home:
            continue
        age = age_since(holding.intended, now)
        old = age is not None and age > settle_seconds
        (due if holding.shown or old else fresh).add(holding.machine_id)
    return frozenset(due), frozenset(fresh)


def provider_key(ref: Mapping[str, Any], namespace: str) -> Key:
    """Return the key of the provider that a reference names; left out, its kind is the namespaced one."""
    kind = ref.get("kind") or "ComputeProvider"
    return Key(kind, "" if kind == CLUSTER_PROVIDERS.kind else namespace, ref["name"])


def provider_keys(refs: Iterable[Mapping[str, Any] | None], namespace: str) -> frozenset[Key]:
    """Return the keys of the providers that these references name.

    One that names nobody is left out: a status can be damaged from outside, and that must not stop the operator, which
    serves others, too.
    """
    return frozenset(provider_key(ref, namespace) for ref in refs if ref and ref.get("name"))


def wanted_refs(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the references of an instance's spec: to one provider, or to those of its placements in order."""
    spec = body.get("spec") or {}
    found = [spec.get("providerRef"), *(entry.get("providerRef") for entry in spec.get("placements") or ())]
    return [ref for ref in found if ref]


def _holding(key: Key, body: Mapping[str, Any]) -> Holding:
    status = body.get("status") or {}
    launch = status.get("launch") or {}
    machine = status.get("machine") or {}
    wanted = wanted_refs(body)
    recorded = provider_keys([entry.get("providerRef") for entry in status.get("residue") or ()], key.namespace)
    home = provider_keys([launch["providerRef"]] if launch.get("providerRef") else wanted, key.namespace)
    if launch.get("send") or machine.get("id"):
        recorded |= home
    refs = recorded | provider_keys(wanted, key.namespace)
    ending = launch.get("ending") or {}
    return Holding(
        uid=body["metadata"]["uid"],
        refs=refs,
        recorded=recorded,
        home=home,
        machine_id=str(machine.get("id") or ""),
        shown=bool(launch.get("settled")),
        listable=not launch.get("adopted"),
        ending=ending.get("reason") in _ENDS or "deletionTimestamp" in body["metadata"],
        ready=any(c.get("type") == "Ready" and c.get("status") == "True" for c in status.get("conditions") or ()),
        creating=launch.get("outcome") in {"Intended", "Unknown"},
        intended=str(launch.get("intendedTime") or ""),
        bare=not launch and FINALIZER_MACHINE in (body["metadata"].get("finalizers") or ()),
    )
