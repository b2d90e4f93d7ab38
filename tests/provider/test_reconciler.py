"""One provider's path, over an API server in memory and the sandbox gateway."""

import asyncio
import socket
from typing import Any

import pytest
from tests.adapters.contract import a_request, opened
from tests.adapters.raw_server import RawServer
from tests.kube.fake_api import a_provider
from tests.provider.ground import GATEWAY, SHARED, Ground, says

from gpuwright import http_guard
from gpuwright.kube.client import Conflict, Forbidden
from gpuwright.model.conditions import Reason
from gpuwright.model.errors import Rejected
from gpuwright.model.resources import CLUSTER_PROVIDERS, INSTANCES, NAMESPACES, PROVIDERS, SECRETS
from gpuwright.provider.breaker import Breaker, BreakerState
from gpuwright_sandbox.gateway import Dialect, Settings

ONLINE = {
    "Accepted": ("True", "Accepted"),
    "CredentialsValid": ("True", "Authenticated"),
    "Online": ("True", "Answered"),
    "Ready": ("True", "Ready"),
    "Reconciling": ("False", "Settled"),
    "Stalled": ("False", "NotStalled"),
}
BAD_PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"


class TestAProvider:
    async def test_is_online_after_one_pass(self, ground: Ground) -> None:
        ground.a_provider()
        await ground.reconcile()
        assert ground.conditions() == ONLINE
        status = ground.now()["status"]
        assert (status["summary"], status["observedGeneration"]) == ("Online", 1)
        assert status["place"]
        assert status["capabilities"]["reads"] is True

    async def test_waits_for_its_secret(self, ground: Ground) -> None:
        ground.a_provider()
        ground.api.delete(SECRETS, "team-a", "gateway-token")
        await ground.reconcile()
        assert ground.conditions()["Accepted"] == ("False", "SecretNotFound")
        assert ground.conditions()["Stalled"] == ("False", "NotStalled")
        ground.a_secret()
        await ground.run(31)
        assert ground.conditions() == ONLINE

    @pytest.mark.parametrize("data", [{}, {"other": "eA=="}, {"token": ""}, {"token": "/w=="}], ids=repr)
    async def test_waits_for_a_secret_that_holds_text_under_its_key(self, ground: Ground, data: dict[str, str]) -> None:
        ground.a_provider()
        ground.api.change(SECRETS, "team-a", "gateway-token", {"data": {"token": None, **data}})
        await ground.reconcile()
        assert ground.conditions()["CredentialsValid"] == ("False", "SecretNotFound")

    async def test_whose_secret_may_not_be_read_says_so(self, ground: Ground) -> None:
        ground.a_provider()
        ground.api.fail(Forbidden("403"), "GET", "secrets")
        await ground.reconcile()
        (accepted, *_others) = ground.now()["status"]["conditions"]
        assert accepted["message"] == "the operator may not read Secret gateway-token in namespace team-a"

    async def test_whose_spec_is_not_valid_says_what_to_mend(self, ground: Ground) -> None:
        ground.a_provider(settleSeconds=10)
        await ground.reconcile()
        assert ground.conditions()["Stalled"] == ("True", "InvalidSpec")
        ground.change({"spec": {"settleSeconds": 60}})
        await ground.reconcile()
        assert ground.conditions() == ONLINE
        assert ground.now()["status"]["observedGeneration"] == 2

    @pytest.mark.parametrize(
        ("gateway", "words"),
        [
            pytest.param({"caBundle": BAD_PEM}, "caBundle holds no certificate", id="a bundle that is none"),
            pytest.param({"endpoint": "https://999.1.1.1"}, "names no host", id="a host that is none"),
        ],
    )
    async def test_that_nobody_can_use_says_what_to_mend(
        self, ground: Ground, gateway: dict[str, str], words: str
    ) -> None:
        ground.a_provider(gateway=gateway)
        await ground.reconcile()
        assert ground.conditions()["Accepted"] == ("False", "InvalidSpec")
        (accepted, *_others) = ground.now()["status"]["conditions"]
        assert words in accepted["message"]

    async def test_that_nobody_can_use_any_more_does_not_say_that_it_answers(self, ground: Ground) -> None:
        ground.a_provider()
        await ground.reconcile()
        ground.change({"spec": {"gateway": {"caBundle": BAD_PEM}}})
        await ground.reconcile()
        assert ground.conditions()["CredentialsValid"] == ("Unknown", "NotChecked")
        assert ground.conditions()["Online"] == ("Unknown", "NotChecked")

    @pytest.mark.parametrize("endpoint", ["https://10.0.0.1", "https://169.254.169.254", "http://192.0.2.1"])
    async def test_whose_address_is_not_allowed_says_so(self, ground: Ground, endpoint: str) -> None:
        ground.a_provider(gateway={"endpoint": endpoint})
        await ground.reconcile()
        assert ground.conditions()["Accepted"] == ("False", "EndpointNotAllowed")
        assert ground.conditions()["Stalled"] == ("True", "EndpointNotAllowed")

    async def test_whose_address_was_not_allowed_is_welcome_once_it_is(
        self, ground: Ground, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        addresses = iter(["10.0.0.1"])

        def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(addresses, "127.0.0.1"), port))]

        monkeypatch.setattr(http_guard, "getaddrinfo", getaddrinfo)
        ground.a_provider(gateway={"endpoint": f"http://gateway.example:{ground.gateway.port}"})
        await ground.reconcile()
        assert ground.conditions()["Accepted"] == ("False", "EndpointNotAllowed")
        await ground.run(60)
        assert ground.conditions() == ONLINE

    async def test_that_is_gone_is_forgotten_and_its_instances_hear_of_it(self, ground: Ground) -> None:
        ground.a_provider()
        asker = ground.an_instance()
        await ground.reconcile()
        ground.api._remove(PROVIDERS.path("team-a", "gateway"))
        ground.marked.clear()
        assert await ground.reconcile() is None
        assert asker in ground.marked
        assert list(ground.desk.accounts()) == []

    async def test_that_settled_writes_nothing_for_ten_minutes(self, ground: Ground) -> None:
        ground.a_provider()
        ground.machines(20)
        await ground.run(60)
        ground.api.writes.clear()
        ground.marked.clear()
        await ground.run(600)
        assert ground.api.writes == []
        assert ground.marked == [], "nor does it wake anybody"
        assert ground.asked("list") <= 68, "one list a period serves all"

    async def test_counts_its_instances_at_most_every_ten_seconds(self, ground: Ground) -> None:
        ground.a_provider()
        ground.an_instance()
        await ground.run(20)
        assert ground.now()["status"]["instances"] == {"total": 1, "ready": 0, "creating": 0}
        for number in range(1, 6):
            ground.an_instance(f"trainer-{number}")
            ground.clock.advance(1)
            await ground.reconcile()
        assert ground.now()["status"]["instances"]["total"] < 6
        await ground.run(11)
        assert ground.now()["status"]["instances"]["total"] == 6

    async def test_whose_status_was_written_by_somebody_else_is_read_again(self, ground: Ground) -> None:
        ground.a_provider()
        ground.api.fail(Conflict("409"), "PATCH", "/status")
        assert await ground.reconcile() == 0.5
        await ground.reconcile()
        assert ground.conditions() == ONLINE

    async def test_that_was_changed_while_it_was_looked_at_is_not_called_observed(self, ground: Ground) -> None:
        ground.a_provider()
        await ground.run(40)
        ground.api.before(lambda: ground.change({"spec": {"draining": True}}), "GET", "secrets")
        ground.clock.advance(31)
        told = []
        for _ in range(2):
            await ground.reconcile()
            assert ground.now()["metadata"]["generation"] == 2
            told.append((ground.now()["status"]["observedGeneration"], ground.conditions()["Online"][1]))
        assert told == [(1, "Answered"), (2, "Draining")]

    async def test_whose_newer_spec_somebody_else_has_told_of_does_not_fall_back(self, ground: Ground) -> None:
        def told_by_another() -> None:
            ground.change({"spec": {"draining": True}, "status": {"observedGeneration": 2}})

        ground.a_provider()
        await ground.run(40)
        ground.api.before(told_by_another, "GET", "secrets")
        ground.clock.advance(31)
        await ground.reconcile()
        assert ground.now()["status"]["observedGeneration"] == 2
        await ground.reconcile()
        assert ground.conditions()["Online"][1] == "Draining"


class TestCredentials:
    async def test_that_are_rotated_are_used_without_a_restart(self, ground: Ground) -> None:
        ground.a_provider()
        ground.machines(3)
        await ground.run(60)
        ground.gateway.change_settings(tokens={"sandbox": "default", "fresh": "default"})
        ground.a_secret("fresh")
        await ground.run(31)
        ground.gateway.change_settings(tokens={"fresh": "default"})
        await ground.run(60)
        assert ground.conditions() == ONLINE
        assert ground.reasons == []

    async def test_of_another_account_prove_no_absence(self, ground: Ground) -> None:
        ground.a_provider()
        ground.machines(2)
        asker = ground.an_instance("new")
        await ground.run(60)
        assert ground.view(asker).absence_counts
        ground.gateway.change_settings(tokens={"sandbox": "default", "another": "empty-account"})
        ground.a_secret("another")
        await ground.run(120)
        view = ground.view(asker)
        assert view.snapshot is not None
        assert view.snapshot.machines == ()
        assert not view.absence_counts

    async def test_of_the_same_account_prove_absence_once_a_recorded_machine_was_seen(self, ground: Ground) -> None:
        ground.a_provider()
        ground.machines(2)
        asker = ground.an_instance("new")
        await ground.run(60)
        ground.gateway.change_settings(tokens={"sandbox": "default", "fresh": "default"})
        ground.gateway.add_fault(call="list", action="empty", count=2)
        ground.a_secret("fresh")
        await ground.run(31)
        while ground.gateway.faults.count(1).done < 2:
            assert not ground.view(asker).absence_counts
            await ground.run(1)
        await ground.run(12)
        assert ground.view(asker).absence_counts

    async def test_of_another_account_count_when_a_person_says_so(self, ground: Ground) -> None:
        ground.a_provider()
        ground.machines(2)
        asker = ground.an_instance("new")
        await ground.run(60)
        ground.gateway.change_settings(tokens={"sandbox": "default", "another": "empty-account"})
        ground.a_secret("another")
        await ground.run(60)
        ground.change(says("2026-11-22"))
        await ground.reconcile()
        assert ground.view(asker).absence_counts
        assert ground.now()["status"]["lastHandledReconcileAt"] == "2026-11-22"

    async def test_that_come_with_a_persons_word_are_not_the_ones_meant(self, ground: Ground) -> None:
        """Applied at once, as by GitOps: nobody can have seen what they show."""
        ground.a_provider()
        ground.machines(2)
        asker = ground.an_instance("new")
        await ground.run(60)
        ground.gateway.change_settings(tokens={"sandbox": "default", "another": "empty-account"})
        ground.a_secret("another")
        ground.change(says("at once"))
        await ground.run(60)
        assert not ground.view(asker).absence_counts
        ground.change(says("again"))
        await ground.run(60)
        assert ground.view(asker).absence_counts

    async def test_are_remembered_by_the_next_process(self, ground: Ground) -> None:
        ground.a_provider()
        ground.machines(2)
        asker = ground.an_instance("new")
        await ground.run(60)
        ground.gateway.change_settings(tokens={"sandbox": "default", "another": "empty-account"})
        ground.a_secret("another")
        await ground.restart()
        await ground.run(60)
        assert not ground.view(asker).absence_counts

    async def test_whose_secret_got_a_label_are_the_same(self, ground: Ground) -> None:
        ground.a_provider()
        ground.machines(2)
        asker = ground.an_instance("new")
        await ground.run(60)
        ground.api.change(SECRETS, "team-a", "gateway-token", {"metadata": {"labels": {"a": "b"}}})
        ground.gateway.add_fault(call="list", action="empty", nth="every")
        await ground.run(40)
        assert ground.view(asker).absence_counts

    async def test_that_are_protected_are_the_same(self, ground: Ground) -> None:
        """Our own finalizer on the Secret makes a new version of it."""
        ground.a_provider()
        ground.machines(1)
        asker = ground.an_instance("new")
        await ground.reconcile()
        assert ground.is_secret_protected()
        assert ground.view(asker).absence_counts

    async def test_of_a_provider_that_is_new_prove_nothing_before_they_show_a_machine_on_record(
        self, ground: Ground
    ) -> None:
        """Deleted and made again: what confirmed them stood in its status."""
        ground.a_provider()
        asker = ground.an_instance(machine="i-lost")
        await ground.reconcile()
        assert not ground.view(asker).absence_counts
        ground.change(says("they are right"))
        await ground.reconcile()
        assert ground.view(asker).absence_counts

    async def test_prove_nothing_while_a_record_is_lost(self, ground: Ground) -> None:
        ground.a_provider()
        asker = ground.an_instance("new")
        await ground.run(60)
        ground.gateway.change_settings(tokens={"sandbox": "default", "another": "empty-account"})
        finalizers = {"metadata": {"finalizers": ["gpuwright.dev/machine"]}}
        ground.api.change(INSTANCES, "team-a", asker.name, finalizers)
        ground.a_secret("another")
        await ground.run(60)
        assert not ground.view(asker).absence_counts
        ground.api.change(INSTANCES, "team-a", asker.name, {"metadata": {"finalizers": []}})
        await ground.run(60)
        assert ground.view(asker).absence_counts

    async def test_of_a_provider_that_has_no_machine_yet_are_the_right_ones(self, ground: Ground) -> None:
        ground.a_provider()
        asker = ground.an_instance("new")
        await ground.reconcile()
        assert ground.view(asker).absence_counts

    async def test_that_are_refused_stop_creates_and_are_told_once(self, ground: Ground) -> None:
        ground.a_provider()
        ground.machines(1)
        asker = ground.an_instance("new")
        await ground.run(60)
        ground.gateway.change_settings(tokens=["another"])
        await ground.run(300)
        assert ground.conditions()["CredentialsValid"] == ("False", "CredentialsRejected")
        assert ground.gauge("gpuwright_provider_credentials_rejected") == 1
        hindrance = ground.hindrance(asker)
        assert hindrance is not None
        assert (hindrance.reason, hindrance.stalls) == (Reason.CREDENTIALS_REJECTED, True)
        assert ground.reasons == ["CredentialsRejected"]
        assert ground.account().breaker.closed, "it answers"

    async def test_that_are_refused_are_tried_again_every_ten_minutes(self, ground: Ground) -> None:
        ground.a_provider()
        ground.machines(1)
        await ground.run(60)
        ground.gateway.change_settings(tokens=["another"])
        await ground.run(60)
        before = len(ground.gateway.requests)
        await ground.run(3600)
        assert 5 <= len(ground.gateway.requests) - before <= 14

    async def test_that_were_refused_are_tried_at_once_when_the_secret_changes(self, ground: Ground) -> None:
        ground.a_provider()
        ground.machines(1)
        asker = ground.an_instance("new")
        await ground.run(60)
        ground.gateway.change_settings(tokens=["another"])
        await ground.run(120)
        ground.a_secret("another")
        ground.marked.clear()
        await ground.run(31)
        assert ground.conditions() == ONLINE
        assert ground.hindrance(asker) is None
        assert asker in ground.marked

    async def test_that_were_refused_by_mistake_are_taken_again(self, ground: Ground) -> None:
        ground.a_provider()
        ground.machines(1)
        await ground.run(60)
        ground.gateway.change_settings(tokens=["another"])
        await ground.run(60)
        ground.gateway.change_settings(tokens=["sandbox"])
        await ground.run(700)
        assert ground.conditions() == ONLINE
        assert ground.gauge("gpuwright_provider_credentials_rejected") == 0


class TestPace:
    """However a provider is, it is looked at now and then, and never as fast as the machine can."""

    async def test_of_a_provider_that_is_well(self, ground: Ground) -> None:
        ground.a_provider()
        ground.machines(3)
        await self._is_calm(ground)

    async def test_of_a_provider_without_a_secret(self, ground: Ground) -> None:
        ground.a_provider()
        ground.machines(3)
        await ground.run(30)
        ground.api._remove("/api/v1/namespaces/team-a/secrets/gateway-token")
        await self._is_calm(ground)

    @pytest.mark.parametrize("what", ["secret", "credentials"])
    async def test_of_a_provider_that_went_away_and_then_lost_its(self, ground: Ground, what: str) -> None:
        ground.a_provider(probe={"periodSeconds": 10}, poll={"periodSeconds": 5})
        ground.machines(3)
        await ground.run(30)
        if what == "credentials":
            ground.account().credentials.rejected = "401"
            ground.account().probed_at = ground.clock.monotonic()
        else:
            ground.api._remove("/api/v1/namespaces/team-a/secrets/gateway-token")
            await ground.run(11)
        ground.account().breaker = Breaker(BreakerState.OPEN, 3, "2026-11-22T09:00:00Z", 0, ground.clock.monotonic())
        await self._is_calm(ground)

    async def test_of_a_provider_that_refuses_creates_and_takes_everything_else(self, ground: Ground) -> None:
        ground.a_provider(poll={"periodSeconds": 600}, probe={"periodSeconds": 60})
        asker = ground.an_instance()
        await ground.run(30)
        ground.gateway.add_fault(call="create", action="answer", status=401)
        with pytest.raises(Rejected):
            await ground.desk.create(ground.view(asker).ref, asker, a_request(), opened)
        assert ground.account().credentials.rejected
        before = len(ground.gateway.requests)
        await self._is_calm(ground)
        assert not ground.account().credentials.rejected, "the probe was answered"
        assert len(ground.gateway.requests) - before <= 4

    async def test_of_a_provider_whose_secret_others_need_too(self, ground: Ground) -> None:
        ground.a_provider()
        ground.an_instance()
        twin = GATEWAY._replace(name="twin")
        ground.api.add(PROVIDERS, a_provider(ground.gateway.url, "twin"))
        ground.an_instance("other", provider=twin)
        await ground.reconcile(twin)
        await ground.run(30)
        ground.api._remove("/apis/gpuwright.dev/v1alpha1/namespaces/team-a/computeinstances/trainer-0")
        await ground.run(100)
        ground.api.requests.clear()
        await self._is_calm(ground)
        assert not [request for request in ground.api.requests if request.endswith("/computeinstances")]

    async def test_of_a_provider_that_cannot_be_let_go_yet(self, ground: Ground) -> None:
        ground.a_provider()
        ground.an_instance()
        await ground.run(30)
        ground.index.update(ground.index.of(GATEWAY)[0], None)
        await ground.run(100)
        ground.api.requests.clear()
        await self._is_calm(ground)
        lists = [request for request in ground.api.requests if request.endswith("/computeinstances")]
        assert len(lists) <= 5, "one a minute"

    async def test_of_a_provider_that_cannot_be_read_while_somebody_waits_for_a_list(self) -> None:
        async with Ground(Settings(dialect=Dialect.CREATE_ONLY)) as ground:
            ground.a_provider(gateway={"dialect": "CreateOnly"})
            asker = ground.an_instance()
            await ground.run(30)
            ground.desk.ask_list(ground.view(asker).ref, asker)
            await self._is_calm(ground)

    @staticmethod
    async def _is_calm(ground: Ground) -> None:
        ground.passes = 0
        await ground.run(300)
        assert ground.passes <= 90


class TestAPersonsWord:
    async def test_that_comes_while_a_list_is_on_its_way_is_not_lost(self, ground: Ground) -> None:
        ground.a_provider(poll={"periodSeconds": 1})
        ground.machines(30)
        asker = ground.an_instance("new")
        await ground.run(30)
        ground.gateway.add_fault(call="list", action="empty", nth="every")
        await ground.run(5)
        ground.clock.advance(1)
        async with RawServer() as server:
            listing = asyncio.ensure_future(ground.slow_pass(server))
            peer = await server.accept()
            await peer.read_request()
            ground.change(says("now"))
            await peer.answer(200, {"items": [], "next_cursor": ""})
            await listing
        assert ground.now()["status"].get("lastHandledReconcileAt") != "now"
        await ground.reconcile()
        assert ground.now()["status"]["lastHandledReconcileAt"] == "now"
        assert ground.view(asker).mass_absent == frozenset()

    async def test_is_acted_on_once(self, ground: Ground) -> None:
        ground.a_provider()
        ground.machines(1)
        ground.change(says("now"))
        await ground.run(30)
        ground.marked.clear()
        ground.api.writes.clear()
        await ground.run(300)
        assert (ground.marked, ground.api.writes) == ([], [])

    async def test_that_was_acted_on_is_not_acted_on_again_after_a_restart(self, ground: Ground) -> None:
        ground.a_provider()
        ground.machines(30)
        asker = ground.an_instance("new")
        ground.change(says("now"))
        await ground.run(30)
        ground.gateway.add_fault(call="list", action="empty", nth="every")
        await ground.run(30)
        await ground.restart()
        await ground.run(30)
        assert len(ground.view(asker).mass_absent) == 30


class TestABrokenPromise:
    async def test_is_believed_no_more_until_the_spec_changes(self, ground: Ground) -> None:
        ground.a_provider()
        asker = ground.an_instance()
        await ground.run(30)
        ground.desk.promise_broken(ground.view(asker).ref, asker, "500, and it was made")
        await ground.run(30)
        assert ground.conditions()["PromiseBroken"] == ("True", "CreatedDespitePromise")
        assert not ground.account().promises
        await ground.restart()
        await ground.run(30)
        assert not ground.account().promises, "nor by the next process"
        ground.change({"spec": {"draining": True}})
        await ground.run(30)
        assert ground.account().promises
        assert ground.conditions()["PromiseBroken"] == ("False", "Settled")

    async def test_does_not_make_a_good_provider_look_bad(self, ground: Ground) -> None:
        ground.a_provider()
        asker = ground.an_instance()
        await ground.run(30)
        ground.desk.promise_broken(ground.view(asker).ref, asker, "500, and it was made")
        await ground.run(60)
        assert ground.conditions()["Ready"] == ("True", "Ready")


class TestDraining:
    async def test_makes_nothing_new_and_pages_nobody(self, ground: Ground) -> None:
        ground.a_provider(draining=True)
        ground.machines(1)
        asker = ground.an_instance("new")
        await ground.run(30)
        assert ground.conditions()["Online"] == ground.conditions()["Ready"] == ("True", "Draining")
        hindrance = ground.hindrance(asker)
        assert hindrance is not None
        assert (hindrance.reason, hindrance.stalls) == (Reason.PROVIDER_DRAINING, False)
        assert ground.view(asker).reachable
        assert ground.reasons == []

    async def test_is_heard_of_by_the_instances(self, ground: Ground) -> None:
        ground.a_provider()
        asker = ground.an_instance()
        await ground.run(30)
        ground.change({"spec": {"draining": True}})
        ground.marked.clear()
        await ground.reconcile()
        assert asker in ground.marked


class TestAClusterProvider:
    def _namespace(self, ground: Ground, name: str, **labels: str) -> None:
        ground.api.add(NAMESPACES, {"metadata": {"name": name, "labels": labels}})

    @pytest.mark.parametrize(
        ("allowed", "let_in"),
        [
            pytest.param(None, False, id="left out: nobody"),
            pytest.param({}, False, id="empty: nobody"),
            pytest.param({"names": ["team-a"]}, True, id="named"),
            pytest.param({"names": ["team-b"]}, False, id="another one is named"),
            pytest.param({"selector": {}}, True, id="selector {}: everybody"),
            pytest.param({"selector": {"matchLabels": {"gpu": "true"}}}, True, id="selected"),
            pytest.param({"selector": {"matchLabels": {"gpu": "false"}}}, False, id="not selected"),
            pytest.param(
                {"names": ["team-a"], "selector": {"matchLabels": {"x": "y"}}}, True, id="named, not selected"
            ),
        ],
    )
    async def test_lets_in_who_is_named_or_selected(
        self, ground: Ground, allowed: dict[str, Any] | None, let_in: bool
    ) -> None:
        self._namespace(ground, "team-a", gpu="true")
        ground.a_cluster_provider(**({} if allowed is None else {"allowedNamespaces": allowed}))
        asker = ground.an_instance(provider=SHARED)
        await self._settled(ground)
        hindrance = ground.hindrance(asker, SHARED)
        if let_in:
            assert hindrance is None
        else:
            assert hindrance is not None
            assert (hindrance.reason, hindrance.stalls) == (Reason.NAMESPACE_NOT_ALLOWED, True)

    async def test_is_not_seen_at_all_by_who_is_not_let_in(self, ground: Ground) -> None:
        ground.a_cluster_provider()
        asker = ground.an_instance(provider=SHARED)
        await self._settled(ground)
        hindrance = ground.hindrance(asker, SHARED)
        assert hindrance is not None
        assert hindrance.message == ("ClusterComputeProvider shared is not open to namespace team-a: ask its owner")

    async def test_that_is_closed_to_a_namespace_keeps_its_machines_visible(self, ground: Ground) -> None:
        ground.a_cluster_provider(allowedNamespaces={"names": ["team-a"]})
        holder = ground.an_instance("holder", provider=SHARED, machine="i-1")
        newcomer = ground.an_instance("newcomer", provider=SHARED)
        await self._settled(ground)
        ground.change({"spec": {"allowedNamespaces": None}}, SHARED)
        await self._settled(ground)
        view = ground.view(holder, SHARED)
        assert view.hindrance is not None
        assert view.hindrance.reason is Reason.NAMESPACE_NOT_ALLOWED
        hindrance = ground.hindrance(newcomer, SHARED)
        assert hindrance is not None
        assert hindrance.reason is Reason.NAMESPACE_NOT_ALLOWED

    async def test_lets_nobody_wait_again_and_again_for_the_same_answer(self, ground: Ground) -> None:
        self._namespace(ground, "team-a", gpu="true")
        ground.a_cluster_provider(allowedNamespaces={"selector": {"matchLabels": {"gpu": "true"}}})
        asker = ground.an_instance(provider=SHARED)
        await self._settled(ground)
        ground.marked.clear()
        for _ in range(100):
            await ground.run(1, SHARED)
            assert ground.hindrance(asker, SHARED) is None
        assert asker not in ground.marked

    async def test_hears_of_a_namespace_that_lost_its_label(self, ground: Ground) -> None:
        self._namespace(ground, "team-a", gpu="true")
        ground.a_cluster_provider(allowedNamespaces={"selector": {"matchLabels": {"gpu": "true"}}})
        asker = ground.an_instance(provider=SHARED)
        await self._settled(ground)
        ground.api.change(NAMESPACES, None, "team-a", {"metadata": {"labels": {"gpu": "false"}}})
        ground.marked.clear()
        await ground.run(60, SHARED)
        hindrance = ground.hindrance(asker, SHARED)
        assert hindrance is not None
        assert hindrance.reason is Reason.NAMESPACE_NOT_ALLOWED
        assert asker in ground.marked

    @pytest.mark.parametrize("trouble", ["gone", "forbidden"])
    async def test_is_not_held_up_by_a_namespace_that_cannot_be_read(self, ground: Ground, trouble: str) -> None:
        self._namespace(ground, "team-b", gpu="true")
        if trouble == "forbidden":
            self._namespace(ground, "team-a", gpu="true")
            ground.api.fail(Forbidden("403"), "GET", "namespaces/team-a", times=100)
        ground.a_cluster_provider(allowedNamespaces={"selector": {"matchLabels": {"gpu": "true"}}})
        lost = ground.an_instance(namespace="team-a", provider=SHARED)
        other = ground.an_instance(namespace="team-b", provider=SHARED)
        for key in (lost, other):
            ground.hindrance(key, SHARED)
        await self._settled(ground)
        for key in (lost, other):
            ground.hindrance(key, SHARED)
        await self._settled(ground)
        hindrance = ground.hindrance(lost, SHARED)
        assert hindrance is not None
        assert hindrance.reason is Reason.NAMESPACE_NOT_ALLOWED
        assert ground.hindrance(other, SHARED) is None

    async def test_reads_its_secret_from_the_operators_namespace_only(self, ground: Ground) -> None:
        ground.a_cluster_provider()
        await ground.reconcile(SHARED)
        assert ground.conditions(SHARED)["Accepted"] == ("True", "Accepted")
        secrets = [request for request in ground.api.requests if "secrets" in request]
        assert secrets == ["GET /api/v1/namespaces/gpuwright-system/secrets/gateway-token"]
        assert ground.now(SHARED)["metadata"].get("namespace") is None

    @staticmethod
    async def _settled(ground: Ground) -> None:
        """Ask as instances do, so that the provider finds out about their namespaces."""
        for key in ground.index.of(SHARED):
            ground.hindrance(key, SHARED)
        for _ in range(3):
            await ground.reconcile(SHARED)
            for key in ground.index.of(SHARED):
                ground.hindrance(key, SHARED)
        await ground.reconcile(SHARED)


async def test_two_providers_do_not_share_their_health(ground: Ground) -> None:
    ground.a_provider(probe={"periodSeconds": 10})
    ground.api.add(
        PROVIDERS,
        {**ground.now(), "metadata": {"name": "away", "namespace": "team-a"}, "status": {}}
        | {"spec": {**ground.now()["spec"], "gateway": _elsewhere(ground)}},
    )
    away = GATEWAY._replace(name="away")
    await ground.run(60, away)
    await ground.run(60)
    assert ground.conditions(away)["Online"] == ("False", "Unreachable")
    assert ground.conditions()["Online"] == ("True", "Answered")


def test_cluster_providers_have_no_namespace() -> None:
    assert (SHARED.namespace, SHARED.kind) == ("", CLUSTER_PROVIDERS.kind)


def _elsewhere(ground: Ground) -> dict[str, Any]:
    return {**ground.now()["spec"]["gateway"], "endpoint": "http://127.0.0.1:1"}
