"""One tenant's Secrets are of no use to another: whatever names are written, a value stays in its namespace.

Over any set of namespaces that use the same names for Secrets and providers, with some of them missing.
"""

import asyncio
import base64
from dataclasses import dataclass

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.builders import a_spec
from tests.engine.manual_clock import ManualClock
from tests.kube.fake_api import FakeApi, a_cluster_provider, a_provider, an_instance

from gpuwright.adapters.gateway import Gateway
from gpuwright.instance.observation import Unmet
from gpuwright.instance.secrets import SecretReader
from gpuwright.kube.cache import ObjectCache
from gpuwright.model.memory import ProviderRef
from gpuwright.model.provider_view import Hindrance
from gpuwright.model.resources import CLUSTER_PROVIDERS, INSTANCES, PROVIDERS, SECRETS, Key, key_of
from gpuwright.provider.account import Account, Caller
from gpuwright.provider.desk import Desk
from gpuwright.provider.index import InstanceIndex
from gpuwright.provider.keeper import Keeper
from gpuwright.provider.parsing import parse_provider
from gpuwright.telemetry import Metrics

OPERATORS = "gpuwright-system"
TENANTS = ["team-a", "team-a-b", "team-b", "default", OPERATORS]
NAMES = ["gateway-token", "token", "a.b", "run"]
KINDS = [PROVIDERS.kind, CLUSTER_PROVIDERS.kind]

several = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
secrets = st.sets(st.tuples(st.sampled_from(TENANTS), st.sampled_from(NAMES)), max_size=len(TENANTS) * len(NAMES))


def value_of(namespace: str, name: str) -> str:
    """Return the value of a Secret: it tells whose it is."""
    return f"{name}-of-{namespace}"


def an_api(held: set[tuple[str, str]]) -> FakeApi:
    api = FakeApi()
    for namespace, name in sorted(held):
        data = {"token": base64.b64encode(value_of(namespace, name).encode()).decode()}
        api.add(SECRETS, {"metadata": {"name": name, "namespace": namespace}, "data": data})
    return api


@dataclass(frozen=True, slots=True)
class Ground:
    """The provider side over an API server in memory."""

    api: FakeApi
    cache: ObjectCache
    desk: Desk
    keeper: Keeper


def a_ground(held: set[tuple[str, str]]) -> Ground:
    api, cache, index, clock = an_api(held), ObjectCache(), InstanceIndex(), ManualClock()
    desk = Desk(api, cache, index, Caller(clock, Metrics()), clock, mark=lambda _key: None)
    keeper = Keeper(api, cache, index, cluster="c", namespace=OPERATORS, allowed=(), secret_finalizers=True, watched=())
    return Ground(api, cache, desk, keeper)


async def an_account(ground: Ground, kind: str, namespace: str, secret: str) -> Account:
    """Return what is known of a provider that names a Secret, after its Secret was looked for."""
    block = {"credentialsSecretRef": {"name": secret, "key": "token"}}
    url = "http://gateway.example"
    body = (
        a_provider(url, namespace=namespace, gateway=block)
        if kind == PROVIDERS.kind
        else a_cluster_provider(url, name="gateway", gateway=block)
    )
    stored = ground.api.add(PROVIDERS if kind == PROVIDERS.kind else CLUSTER_PROVIDERS, body)
    ground.cache.put(kind, stored)
    account = ground.desk.account(key_of(kind, stored))
    account.spec, account.spec_error = parse_provider(kind, stored)
    assert account.spec is not None, account.spec_error
    await ground.keeper.refresh(account, 0.0)
    return account


@several
@given(held=secrets, kind=st.sampled_from(KINDS), namespace=st.sampled_from(TENANTS), name=st.sampled_from(NAMES))
def test_a_provider_has_the_secret_of_its_own_namespace_or_none(
    held: set[tuple[str, str]], kind: str, namespace: str, name: str
) -> None:
    async def check() -> None:
        ground = a_ground(held)
        account = await an_account(ground, kind, namespace, name)
        home = namespace if kind == PROVIDERS.kind else OPERATORS
        assert account.credentials.value == (value_of(home, name) if (home, name) in held else "")
        assert bool(account.credentials.problem) is ((home, name) not in held)
        asked = {request for request in ground.api.requests if "/secrets/" in request}
        assert asked == {f"GET /api/v1/namespaces/{home}/secrets/{name}"}
        if account.adapter is not None:
            assert isinstance(account.adapter, Gateway)
            assert account.adapter._auth == {"authorization": f"Bearer {value_of(home, name)}"}
            await account.adapter.close()

    asyncio.run(check())


@several
@given(held=secrets, namespace=st.sampled_from(TENANTS), env=st.sampled_from(NAMES), user_data=st.sampled_from(NAMES))
def test_a_machine_is_told_secrets_of_its_own_namespace_or_nothing(
    held: set[tuple[str, str]], namespace: str, env: str, user_data: str
) -> None:
    async def check() -> None:
        api = an_api(held)
        bootstrap = {
            "env": [{"name": "KEY", "valueFrom": {"secretKeyRef": {"name": env, "key": "token"}}}],
            "userDataSecretRef": {"name": user_data, "key": "token"},
        }
        found = await SecretReader(api).wishes(namespace, a_spec(bootstrap=bootstrap))
        if isinstance(found, Unmet):
            assert not {(namespace, env), (namespace, user_data)} <= held
        else:
            assert found.env == {"KEY": value_of(namespace, env)}
            assert found.user_data == value_of(namespace, user_data)
        assert all(request.startswith(f"GET /api/v1/namespaces/{namespace}/secrets/") for request in api.requests)

    asyncio.run(check())


@several
@given(
    owners=st.sets(st.sampled_from(TENANTS), min_size=1),
    asker=st.sampled_from(TENANTS),
    open_to=st.sets(st.sampled_from(TENANTS)),
)
def test_an_instance_reaches_the_provider_of_its_own_namespace_or_one_that_is_open_to_it(
    owners: set[str], asker: str, open_to: set[str]
) -> None:
    """`open_to` is where a cluster provider of the same name lets instances in."""

    async def check() -> None:
        ground = a_ground({(namespace, "token") for namespace in {*owners, OPERATORS}})
        for namespace in sorted(owners):
            await an_account(ground, PROVIDERS.kind, namespace, "token")
        cluster = await an_account(ground, CLUSTER_PROVIDERS.kind, "", "token")
        cluster.namespaces = {namespace: namespace in open_to for namespace in TENANTS}
        key = key_of(INSTANCES.kind, ground.api.add(INSTANCES, an_instance(namespace=asker)))
        own = ground.desk.view(ProviderRef(PROVIDERS.kind, "gateway"), key)
        assert (own is not None) is (asker in owners)
        shared = ground.desk.view(ProviderRef(CLUSTER_PROVIDERS.kind, "gateway"), key)
        assert isinstance(shared, Hindrance) is (asker not in open_to)
        for account in ground.desk.accounts():
            if account.adapter is not None:
                await account.adapter.close()

    asyncio.run(check())


def test_a_name_cannot_lead_out_of_its_namespace() -> None:
    """The API server refuses such names; an object that holds one all the same is not parsed."""
    for name in ("../team-b/secrets/token", "..", "a/b", "%2e%2e", ""):
        block = {"credentialsSecretRef": {"name": name, "key": "token"}}
        spec, error = parse_provider(PROVIDERS.kind, a_provider("https://gateway.example", gateway=block))
        assert (spec, "must be the name of an object" in error) == (None, True), name


def test_the_key_of_a_provider_has_the_namespace_of_who_asks() -> None:
    for namespace in TENANTS:
        assert ProviderRef(PROVIDERS.kind, "gateway").key(namespace) == Key(PROVIDERS.kind, namespace, "gateway")
