"""Credentials are kept fresh, and a provider and its Secret do not vanish under machines that need them."""

import pytest
from tests.kube.fake_api import a_provider
from tests.provider.ground import CLUSTER, GATEWAY, OPERATORS, SHARED, Ground

from gpuwright.adapters.gateway import Gateway
from gpuwright.kube.client import Conflict, NoAnswer
from gpuwright.model.conditions import Reason
from gpuwright.model.names import FINALIZER_IN_USE, provider_place
from gpuwright.model.resources import INSTANCES, PROVIDERS, SECRETS, Key
from gpuwright.provider.reconciler import RELEASE_SECONDS

SECRET = "/api/v1/namespaces/team-a/secrets/gateway-token"
PROVIDER = "/apis/gpuwright.dev/v1alpha1/namespaces/team-a/computeproviders/gateway"
LIST = "/apis/gpuwright.dev/v1alpha1/namespaces/team-a/computeinstances"


def finalized(ground: Ground) -> list[str]:
    """Return the paths of the objects whose finalizers were written, in their order."""
    return [write.path for write in ground.api.writes if "finalizers" in write.body.get("metadata", {})]


def written(ground: Ground, second: int, token: str = "sandbox") -> None:
    """Write the Secret's data as a real API server has it, which says in managedFields when that was."""
    ground.a_secret(token)
    entry = {"manager": "kubectl", "time": f"2026-11-22T00:00:{second:02}Z", "fieldsV1": {"f:data": {"f:token": {}}}}
    ground.api.change(SECRETS, "team-a", "gateway-token", {"metadata": {"managedFields": [entry]}})


class TestTheAccountIsStillTheOneThatIsKnown:
    async def confirmed(self, ground: Ground) -> Key:
        """Let there be a machine that was seen with the credentials, and is gone now."""
        ground.a_provider()
        written(ground, 1)
        asker = ground.an_instance("trainer-0", machine=ground.a_machine("trainer-0"))
        await ground.run(20)
        assert ground.view(asker).absence_counts
        for machine in ground.gateway.fleet.machines():
            ground.gateway.fleet.vanish(machine)
        return asker

    async def test_after_a_restart_while_its_secret_is_being_deleted(self, ground: Ground) -> None:
        asker = await self.confirmed(ground)
        ground.api.delete(SECRETS, "team-a", "gateway-token")
        await ground.restart()
        await ground.run(20)
        assert ground.view(asker).absence_counts, "or the object that waits for a proof waits for ever"

    async def test_not_after_a_restart_when_its_value_was_written_again(self, ground: Ground) -> None:
        asker = await self.confirmed(ground)
        written(ground, 2, "another")
        await ground.restart()
        await ground.run(20)
        assert not ground.view(asker).absence_counts

    async def test_not_with_another_value_that_was_written_in_the_same_second(self, ground: Ground) -> None:
        asker = await self.confirmed(ground)
        written(ground, 1, "another")
        await ground.run(70)
        assert not ground.view(asker).absence_counts


class TestProtection:
    async def test_begins_with_the_first_instance_and_with_the_secret(self, ground: Ground) -> None:
        ground.a_provider()
        await ground.run(60)
        assert [ground.is_protected(), ground.is_secret_protected()] == [False, False]
        ground.an_instance()
        await ground.reconcile()
        assert finalized(ground) == [SECRET, PROVIDER]
        assert ground.is_protected()
        assert ground.is_secret_protected()

    async def test_comes_before_anything_is_bought(self, ground: Ground) -> None:
        ground.a_provider()
        asker = ground.an_instance()
        ground.api.fail(Conflict("409"), "PATCH", "secrets")
        await ground.reconcile()
        hindrance = ground.hindrance(asker)
        assert hindrance is not None
        assert hindrance.message == "the provider and its Secret are being protected first"
        await ground.reconcile()
        assert ground.hindrance(asker) is None

    async def test_moves_to_the_secret_that_the_spec_names_now(self, ground: Ground) -> None:
        ground.a_provider()
        ground.a_secret(name="another-token")
        ground.an_instance()
        await ground.reconcile()
        ground.change({"spec": {"gateway": {"credentialsSecretRef": {"name": "another-token"}}}})
        await ground.reconcile()
        assert ground.is_secret_protected("another-token")
        assert not ground.is_secret_protected()

    async def test_is_put_back_on_a_secret_that_has_lost_it(self, ground: Ground) -> None:
        ground.a_provider()
        ground.an_instance()
        await ground.reconcile()
        ground.api.change(SECRETS, "team-a", "gateway-token", {"metadata": {"finalizers": None}})
        await ground.run(35)
        assert ground.is_secret_protected()

    async def test_keeps_the_finalizers_of_others(self, ground: Ground) -> None:
        ground.a_provider()
        for change in ({"metadata": {"finalizers": ["another.example/one"]}},):
            ground.change(change)
            ground.api.change(SECRETS, "team-a", "gateway-token", change)
        ground.an_instance()
        await ground.reconcile()
        secret = ground.api.now(SECRETS, "team-a", "gateway-token")
        assert secret is not None
        for body in (ground.now(), secret):
            assert body["metadata"]["finalizers"] == ["another.example/one", FINALIZER_IN_USE]

    async def test_is_not_written_again(self, ground: Ground) -> None:
        ground.a_provider()
        ground.an_instance()
        await ground.reconcile()
        await ground.restart()
        ground.api.writes.clear()
        await ground.run(300)
        assert finalized(ground) == []
        assert ground.account().protected

    async def test_leaves_secrets_alone_where_that_right_is_not_given(self) -> None:
        async with Ground(secret_finalizers=False) as ground:
            ground.a_provider()
            asker = ground.an_instance()
            await ground.reconcile()
            assert finalized(ground) == [PROVIDER]
            assert ground.hindrance(asker) is None

    @pytest.mark.parametrize("what", ["provider", "secret"])
    async def test_is_not_begun_for_what_is_being_deleted(self, ground: Ground, what: str) -> None:
        ground.a_provider()
        held = {"metadata": {"finalizers": ["another.example/one"]}}
        if what == "provider":
            ground.change(held)
            ground.api.delete(PROVIDERS, "team-a", "gateway")
        else:
            ground.api.change(SECRETS, "team-a", "gateway-token", held)
            ground.api.delete(SECRETS, "team-a", "gateway-token")
        asker = ground.an_instance()
        await ground.run(5)
        hindrance = ground.hindrance(asker)
        assert hindrance is not None
        assert hindrance.reason is Reason.PROVIDER_NOT_FOUND
        assert finalized(ground) == []


class TestRelease:
    async def test_comes_when_the_last_instance_has_been_gone_for_a_while(self, ground: Ground) -> None:
        await self._used(ground)
        ground.api._remove(f"{LIST}/trainer-0")
        await ground.run(RELEASE_SECONDS - 1)
        assert ground.is_protected()
        await ground.run(35)
        assert [ground.is_protected(), ground.is_secret_protected()] == [False, False]

    async def test_begins_with_the_secret_and_only_after_a_live_list(self, ground: Ground) -> None:
        await self._used(ground)
        ground.api._remove(f"{LIST}/trainer-0")
        ground.api.writes.clear()
        ground.api.requests.clear()
        await ground.run(RELEASE_SECONDS + 35)
        assert finalized(ground) == [SECRET, PROVIDER]
        assert ground.api.requests.index(f"GET {LIST}") < ground.api.requests.index(f"PATCH {SECRET}")

    async def test_waits_for_an_instance_that_the_cache_has_not_seen(self, ground: Ground) -> None:
        await self._used(ground)
        ground.api._listeners = []
        ground.index.update(ground.index.of(GATEWAY)[0], None)
        await ground.run(RELEASE_SECONDS + 35)
        assert ground.is_protected()
        assert ground.is_secret_protected()

    async def test_waits_for_whatever_is_on_record_in_a_list(self, ground: Ground) -> None:
        ground.a_provider()
        user = ground.an_instance(machine="i-1")
        await ground.reconcile()
        ground.api._listeners = []
        ground.api.change(INSTANCES, "team-a", user.name, {"spec": {"providerRef": {"name": "another"}}})
        ground.index.update(user, None)
        await ground.run(RELEASE_SECONDS + 35)
        assert ground.is_protected(), "its launch is recorded here"

    async def test_that_cannot_be_proven_does_not_come(self, ground: Ground) -> None:
        await self._used(ground)
        ground.api._remove(f"{LIST}/trainer-0")
        ground.api.fail(NoAnswer("503"), "GET", "computeinstances", times=100)
        with pytest.raises(NoAnswer):
            await ground.run(RELEASE_SECONDS + 35)
        assert ground.is_protected()
        assert ground.is_secret_protected()

    async def test_comes_at_once_for_what_is_being_deleted(self, ground: Ground) -> None:
        await self._used(ground)
        ground.api.delete(PROVIDERS, "team-a", "gateway")
        await ground.run(30)
        assert ground.is_protected()
        assert ground.reasons == ["InUse"] * len(ground.reasons)
        ground.api._remove(f"{LIST}/trainer-0")
        await ground.run(5)
        assert ground.api.now(PROVIDERS, "team-a", "gateway") is None
        assert not ground.is_secret_protected()

    async def test_of_a_deleted_provider_leaves_no_ghost(self, ground: Ground) -> None:
        await self._used(ground)
        ground.api.delete(PROVIDERS, "team-a", "gateway")
        ground.api._remove(f"{LIST}/trainer-0")
        for _ in range(3):
            await ground.reconcile()
        assert ground.cache.get(GATEWAY) is None
        assert list(ground.desk.accounts()) == []

    async def test_of_a_deleted_secret_waits_for_the_machines(self, ground: Ground) -> None:
        await self._used(ground)
        ground.api.delete(SECRETS, "team-a", "gateway-token")
        await ground.run(120)
        assert ground.is_secret_protected()
        assert ground.conditions()["Online"] == ("True", "Answered"), "what is there is still watched and deletable"
        ground.api._remove(f"{LIST}/trainer-0")
        await ground.run(35)
        assert ground.api.now(SECRETS, "team-a", "gateway-token") is None

    async def test_leaves_a_secret_that_another_provider_needs(self, ground: Ground) -> None:
        await self._used(ground)
        twin = GATEWAY._replace(name="twin")
        ground.api.add(PROVIDERS, a_provider(ground.gateway.url, "twin"))
        ground.an_instance("other", provider=twin)
        await ground.reconcile(twin)
        ground.api._remove(f"{LIST}/trainer-0")
        await ground.run(RELEASE_SECONDS + 35)
        assert not ground.is_protected()
        assert ground.is_secret_protected()

    async def test_leaves_a_secret_that_a_cluster_provider_needs(self) -> None:
        async with Ground() as ground:
            ground.a_cluster_provider(allowedNamespaces={"selector": {}})
            ground.api.add(PROVIDERS, a_provider(ground.gateway.url, namespace=OPERATORS))
            mine = GATEWAY._replace(namespace=OPERATORS)
            ground.an_instance(namespace=OPERATORS, provider=mine)
            ground.an_instance(namespace="team-a", provider=SHARED)
            for key in (mine, SHARED):
                await ground.reconcile(key)
            ground.api._remove(f"/apis/gpuwright.dev/v1alpha1/namespaces/{OPERATORS}/computeinstances/trainer-0")
            await ground.run(RELEASE_SECONDS + 35, mine)
            assert not ground.is_protected(mine)
            assert ground.is_secret_protected(namespace=OPERATORS)

    async def test_of_a_cluster_provider_looks_into_the_watched_namespaces_only(self) -> None:
        async with Ground(watched=("team-a", "team-b")) as ground:
            ground.a_cluster_provider()
            ground.an_instance(provider=SHARED)
            await ground.reconcile(SHARED)
            ground.api._remove(f"{LIST}/trainer-0")
            ground.api.requests.clear()
            await ground.run(RELEASE_SECONDS + 35, SHARED)
            lists = [request for request in ground.api.requests if request.endswith("/computeinstances")]
            assert lists == [f"GET {LIST}", f"GET {LIST.replace('team-a', 'team-b')}"]
            assert not ground.is_protected(SHARED)

    async def test_does_not_bring_a_new_user_into_danger(self, ground: Ground) -> None:
        """From the first write of the release on nothing new is begun there."""
        await self._used(ground)
        ground.api._remove(f"{LIST}/trainer-0")
        late = []

        def come_late() -> None:
            late.append(ground.an_instance("late"))
            assert not ground.account().protected

        ground.api.before(come_late, "PATCH", "secrets")
        await ground.run(RELEASE_SECONDS + 35)
        await ground.run(35)
        assert ground.hindrance(late[0]) is None
        assert ground.is_protected()
        assert ground.is_secret_protected()

    @staticmethod
    async def _used(ground: Ground) -> None:
        ground.a_provider()
        ground.an_instance()
        await ground.run(30)
        assert ground.is_protected()


class TestCredentials:
    async def test_make_an_adapter_and_a_place(self, ground: Ground) -> None:
        ground.a_provider()
        await ground.reconcile()
        account = ground.account()
        assert isinstance(account.adapter, Gateway)
        assert account.place == provider_place("Gateway", ground.gateway.url, "", CLUSTER)

    async def test_are_read_at_the_probes_pace(self, ground: Ground) -> None:
        ground.a_provider(probe={"periodSeconds": 20})
        ground.an_instance()
        await ground.run(205)
        reads = [request for request in ground.api.requests if request == f"GET {SECRET}"]
        assert 10 <= len(reads) <= 13

    async def test_with_space_around_them_are_the_same(self, ground: Ground) -> None:
        ground.a_provider()
        ground.a_secret(" sandbox\n")
        await ground.reconcile()
        assert ground.conditions()["CredentialsValid"] == ("True", "Authenticated")

    async def test_that_no_header_can_hold_are_told_without_being_shown(self, ground: Ground) -> None:
        ground.a_provider(probe={"failureThreshold": 1})
        ground.a_secret("canary-4f1d\nx")
        await ground.run(10)
        status = str(ground.now()["status"])
        assert "the header authorization would hold a character that HTTP does not carry" in status
        assert "canary" not in status

    async def test_that_are_gone_leave_no_adapter_behind(self, ground: Ground) -> None:
        ground.a_provider()
        asker = ground.an_instance()
        await ground.reconcile()
        ground.api._remove(SECRET)
        await ground.run(31)
        assert ground.account().adapter is None
        hindrance = ground.hindrance(asker)
        assert hindrance is not None
        assert hindrance.reason is Reason.SECRET_NOT_FOUND

    async def test_are_in_no_repr(self, ground: Ground) -> None:
        ground.a_provider()
        await ground.reconcile()
        assert "sandbox" not in repr(ground.account().credentials)
