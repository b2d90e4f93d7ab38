"""Keeps a provider's credentials fresh, and it and its Secret from vanishing under machines that need them."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from gpuwright.adapters.contract import Gate, Unbuildable
from gpuwright.adapters.registry import KINDS, AdapterContext
from gpuwright.kube.cache import ObjectCache
from gpuwright.kube.client import Forbidden, KubeClient, NotFound
from gpuwright.kube.secret_value import decoded
from gpuwright.model.addresses import AddressPolicy, Network, Proxy
from gpuwright.model.names import FINALIZER_IN_USE, provider_place
from gpuwright.model.resources import BY_KIND, CLUSTER_PROVIDERS, INSTANCES, SECRETS, Key
from gpuwright.provider.account import Account
from gpuwright.provider.budget import Budgets
from gpuwright.provider.index import InstanceIndex, provider_keys, wanted_refs
from gpuwright.provider.parsing import parse_provider

_DATA = frozenset({"f:data", "f:stringData"})

log = logging.getLogger(__name__)


class Keeper:
    """Reads the Secret of a provider, builds its adapter, and sets and removes the finalizer `gpuwright.dev/in-use`."""

    def __init__(
        self,
        client: KubeClient,
        cache: ObjectCache,
        index: InstanceIndex,
        *,
        cluster: str,
        namespace: str,
        allowed: tuple[Network, ...],
        secret_finalizers: bool,
        watched: Sequence[str],
        allowed_to_call: Gate = lambda: True,
        proxy: Proxy | None = None,
    ) -> None:
        """`allowed_to_call` is the gate of all adapters that are made here."""
        self._client = client
        self._cache = cache
        self._index = index
        self._allowed_to_call = allowed_to_call
        self._proxy = proxy
        self._cluster = cluster
        self._namespace = namespace
        self._allowed = allowed
        self._secret_finalizers = secret_finalizers
        self._watched = watched
        self._budgets = Budgets()

    async def refresh(self, account: Account, now: float) -> None:
        """Read the Secret and build the adapter anew if its value, or the spec, has changed. Raises ApiError."""
        spec = account.spec
        if spec is None:
            return
        credentials = account.credentials
        credentials.read_at = now
        self._move(account)
        secret = await self._secret(account)
        value = self._value(account, secret)
        if value is None or secret is None:
            await self._drop_adapter(account)
            return
        if credentials.value not in {"", value} and _version(secret) == credentials.version:
            credentials.ambiguous = credentials.version
        credentials.version = _version(secret, credentials.ambiguous)
        credentials.problem = ""
        credentials.protected = FINALIZER_IN_USE in (secret["metadata"].get("finalizers") or ())
        credentials.deleting = "deletionTimestamp" in secret["metadata"]
        if self._secret_finalizers and not credentials.protected:
            account.protected = False  # the spec names another Secret now, or somebody has taken the finalizer off
        if account.adapter is not None and value == credentials.value:
            return
        await self._drop_adapter(account)
        credentials.rejected, credentials.checked = "", False
        policy = AddressPolicy(self._allowed, private=account.key.kind == CLUSTER_PROVIDERS.kind, proxy=self._proxy)
        kind = KINDS[spec.type]
        context = AdapterContext(value, self._cluster, policy, account.promises, self._allowed_to_call)
        try:
            account.adapter = kind.make(spec, context)
        except Unbuildable as error:
            account.spec_error = str(error)
            return
        account.place = provider_place(str(spec.type), kind.endpoint(spec), "", self._cluster)
        credentials.value = value
        account.slots.budget = self._budgets.join(account.slots, account.place, value, now)

    def _move(self, account: Account) -> None:
        """Note which Secret is in use from now on, and which one is to be let go."""
        credentials, place = account.credentials, self._secret_place(account)[:2]
        if credentials.place is not None and credentials.place != place:
            credentials.former.add(credentials.place)
            credentials.protected = False
        credentials.former.discard(place)
        credentials.place = place

    async def drop(self, account: Account) -> None:
        """Close what an account of a provider that is gone holds open."""
        self._budgets.leave(account.slots)
        await self._drop_adapter(account)

    async def _drop_adapter(self, account: Account) -> None:
        adapter, account.adapter = account.adapter, None
        account.credentials.value = ""
        if adapter is not None:
            await adapter.close()

    def _secret_place(self, account: Account) -> tuple[str, str, str]:
        """Return namespace, name and key of the Secret."""
        if account.spec is None:
            raise ValueError("a spec that cannot be parsed names no Secret")
        ref = KINDS[account.spec.type].secret(account.spec)
        return account.key.namespace or self._namespace, ref.name, ref.key

    async def _secret(self, account: Account) -> dict[str, Any] | None:
        namespace, name = self._secret_place(account)[:2]
        try:
            return await self._client.get(SECRETS, namespace, name)
        except NotFound:
            account.credentials.problem = f"there is no Secret {name} in namespace {namespace}"
        except Forbidden:
            account.credentials.problem = f"the operator may not read Secret {name} in namespace {namespace}"
        return None

    def _value(self, account: Account, secret: dict[str, Any] | None) -> str | None:
        if secret is None:
            return None
        namespace, name, key = self._secret_place(account)
        value = decoded(secret, key)
        if not value:
            account.credentials.problem = f"Secret {name} in namespace {namespace} has no text under key {key}"
            return None
        return value.strip()

    async def protect(self, account: Account) -> None:
        """Put the finalizer on the Secret, then on the provider, before anything is bought there. Raises ApiError."""
        body = self._cache.get(account.key)
        if body is None or account.adapter is None:
            return
        if self._secret_finalizers and not account.credentials.protected:
            secret = await self._secret(account)
            if secret is None or "deletionTimestamp" in secret["metadata"]:
                return
            same_value = self._value(account, secret) == account.credentials.value
            answer = await self._finalize(SECRETS.kind, secret, add=True)
            account.credentials.protected = True
            if same_value:
                _move_version(account, _version(answer, account.credentials.ambiguous))
        if "deletionTimestamp" in body["metadata"]:
            return
        if FINALIZER_IN_USE not in (body["metadata"].get("finalizers") or ()):
            await self._finalize(account.key.kind, body, add=True)
        account.protected = True

    def holds(self, account: Account, body: Mapping[str, Any]) -> bool:
        """Return whether a finalizer of ours is left that nobody else needs."""
        if FINALIZER_IN_USE in (body["metadata"].get("finalizers") or ()):
            return True
        return account.credentials.protected and account.spec is not None and not self._others_use_secret(account)

    async def release(self, account: Account) -> bool:
        """Take the finalizers off once a live list shows that no instance refers to the provider; return whether they
        are off.
        """
        # From here on nothing new is begun: whoever decides next sees that the provider is not protected.
        account.protected = False
        if await self._is_referred_to(account.key):
            return False
        if account.spec is not None and not self._others_use_secret(account):
            await self._release_secret(account, self._secret_place(account)[:2])
            account.credentials.protected = False
        body = self._cache.get(account.key)
        if body is not None and FINALIZER_IN_USE in (body["metadata"].get("finalizers") or ()):
            await self._finalize(account.key.kind, body, add=False)
        return True

    async def release_former(self, account: Account) -> None:
        """Take the finalizer off the Secrets that an earlier spec named. Raises ApiError."""
        for place in sorted(account.credentials.former):
            if not self._others_use(account, place):
                await self._release_secret(account, place)
            account.credentials.former.discard(place)

    async def _release_secret(self, account: Account, place: tuple[str, str]) -> None:
        try:
            secret = await self._client.get(SECRETS, *place)
            if FINALIZER_IN_USE in (secret["metadata"].get("finalizers") or ()):
                await self._finalize(SECRETS.kind, secret, add=False)
        except (NotFound, Forbidden) as error:
            log.info(
                "a Secret's finalizer could not be removed", extra={"provider": str(account.key), "error": str(error)}
            )

    def _others_use_secret(self, account: Account) -> bool:
        return self._others_use(account, self._secret_place(account)[:2])

    def _others_use(self, account: Account, place: tuple[str, str]) -> bool:
        """Return whether another provider that is in use has its credentials in this Secret."""
        for kind in ("ComputeProvider", "ClusterComputeProvider"):
            for key, body in self._cache.of_kind(kind):
                if key != account.key and self._index.of(key) and self._secret_of(key, body) == place:
                    return True
        return False

    def _secret_of(self, key: Key, body: Mapping[str, Any]) -> tuple[str, str] | None:
        spec, _error = parse_provider(key.kind, body)
        if spec is None:
            return None
        return key.namespace or self._namespace, KINDS[spec.type].secret(spec).name

    async def _is_referred_to(self, provider: Key) -> bool:
        """Return whether any instance refers to the provider, by a live list, because the cache may lag."""
        scopes: list[str | None] = [provider.namespace] if provider.namespace else [*self._watched]
        for namespace in scopes or [None]:
            async for page in self._client.pages(INSTANCES, namespace):
                if any(provider in _providers_of(body) for body in page):
                    return True
        return False

    async def _finalize(self, kind: str, body: Mapping[str, Any], *, add: bool) -> Mapping[str, Any]:
        resource = BY_KIND.get(kind, SECRETS)
        others = [name for name in body["metadata"].get("finalizers") or () if name != FINALIZER_IN_USE]
        wanted = [*others, FINALIZER_IN_USE] if add else others
        try:
            answer = await self._client.patch(resource, body, {"metadata": {"finalizers": wanted}}, status=False)
        except NotFound:
            return body
        if kind in BY_KIND:
            self._cache.put(kind, answer)
        return answer


def _version(secret: Mapping[str, Any], ambiguous: str = "") -> str:
    """Return what stands for a Secret's value: when its data was written last, by its managedFields.

    Not its resourceVersion, where that can be helped: it moves with labels, finalizers and the Secret's own deletion,
    and a process that begins after such a move would take the account for another one. Those times have whole seconds;
    one that has stood for two values is `ambiguous`, and then the resourceVersion is taken all the same. Seen on the
    API server (2026-11-22): stringData that is applied stands there as f:stringData, and moves no f:data.
    """
    metadata = secret["metadata"]
    entries = metadata.get("managedFields") or ()
    written = [str(entry.get("time") or "") for entry in entries if _DATA & (entry.get("fieldsV1") or {}).keys()]
    by_data = f"{metadata['uid']}/{max(written)}" if written else ambiguous
    return by_data if by_data != ambiguous else f"{metadata['uid']}/{metadata['resourceVersion']}"


def _move_version(account: Account, version: str) -> None:
    """Take note of a version with the same value: whoever is sure of the old one is sure of the new one."""
    if account.confirmed_version == account.credentials.version:
        account.confirmed_version = version
    account.credentials.version = version


def _providers_of(body: Mapping[str, Any]) -> frozenset[Key]:
    namespace = body["metadata"]["namespace"]
    status = body.get("status") or {}
    refs = [*wanted_refs(body), (status.get("launch") or {}).get("providerRef")]
    refs += [entry.get("providerRef") for entry in status.get("residue") or ()]
    return provider_keys(refs, namespace)
