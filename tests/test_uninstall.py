"""check-uninstall: it refuses while anything needs the operator, names it, and waits for what goes by itself."""

import asyncio
from typing import Any

import pytest
from tests.engine.virtual_loop import VirtualLoop
from tests.kube.fake_api import Body, FakeApi, a_cluster_provider, a_provider, an_instance

from gpuwright import uninstall
from gpuwright.kube.client import Forbidden
from gpuwright.model.names import FINALIZER_IN_USE, FINALIZER_MACHINE
from gpuwright.model.resources import CLUSTER_PROVIDERS, INSTANCES, PROVIDERS

MACHINE = {"finalizers": [FINALIZER_MACHINE]}
IN_USE = {"finalizers": [FINALIZER_IN_USE]}


def check(api: FakeApi, *namespaces: str, report_only: bool = False) -> tuple[int, str]:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(uninstall.check(api, namespaces, report_only=report_only))


def with_metadata(body: dict[str, Any], metadata: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {**body, "metadata": {**body["metadata"], **metadata}, **more}


def test_an_empty_cluster_lets_the_operator_go() -> None:
    assert check(FakeApi()) == (0, "nothing is left behind")


def test_a_machine_keeps_the_operator_and_is_named() -> None:
    api = FakeApi()
    api.add(INSTANCES, with_metadata(an_instance(), MACHINE, status={"machine": {"id": "i-42"}}))
    code, words = check(api)
    assert code == 1
    assert "1 ComputeInstance (team-a/trainer-0 (machine i-42))" in words


def test_an_instance_that_may_have_a_machine_keeps_the_operator() -> None:
    """A create whose answer was lost has no machine on record."""
    api = FakeApi()
    api.add(INSTANCES, with_metadata(an_instance(), MACHINE))
    code, words = check(api)
    assert (code, "team-a/trainer-0" in words) == (1, True)


def test_an_instance_that_nobody_has_taken_up_keeps_nobody() -> None:
    api = FakeApi()
    api.add(INSTANCES, an_instance())
    assert check(api)[0] == 0


def test_instances_of_other_namespaces_are_none_of_a_namespaced_operators() -> None:
    api = FakeApi()
    api.add(INSTANCES, with_metadata(an_instance(namespace="team-b"), MACHINE))
    assert check(api, "team-a")[0] == 0
    assert check(api, "team-a", "team-b")[0] == 1


def test_many_instances_are_counted_and_some_are_named() -> None:
    api = FakeApi()
    for number in range(uninstall.NAMED + 2):
        api.add(INSTANCES, with_metadata(an_instance(f"trainer-{number:02}"), MACHINE))
    words = check(api)[1]
    assert "22 ComputeInstances" in words
    assert "trainer-19 and 2 more)" in words


def test_a_provider_that_is_let_go_in_time_is_waited_for() -> None:
    api = FakeApi()
    api.add(PROVIDERS, with_metadata(a_provider("https://gateway.example"), IN_USE))
    let_go: Body = {"metadata": {"finalizers": []}}

    def later() -> None:
        # The second look is not served before the operator has done its work.
        api.before(lambda: api.change(PROVIDERS, "team-a", "gateway", let_go), "GET", PROVIDERS.plural)

    api.before(later, "GET", CLUSTER_PROVIDERS.plural)
    assert check(api) == (0, "nothing is left behind")


@pytest.mark.parametrize("resource", [PROVIDERS, CLUSTER_PROVIDERS], ids=["namespaced", "cluster"])
def test_a_provider_that_is_never_let_go_keeps_the_operator(resource: Any) -> None:
    api = FakeApi()
    make = a_provider if resource is PROVIDERS else a_cluster_provider
    api.add(resource, with_metadata(make("https://gateway.example"), IN_USE))
    code, words = check(api)
    assert code == 1
    assert f"1 provider ({'team-a/gateway' if resource is PROVIDERS else 'shared'}) still carry" in words
    assert len(api.requests) > 3, "it has waited"


def test_a_report_refuses_nothing_and_says_what_bills() -> None:
    api = FakeApi()
    api.add(INSTANCES, with_metadata(an_instance(), MACHINE, status={"machine": {"id": "i-42"}}))
    kept = {"retained": [{"id": "i-7", "name": "kept-0"}]}
    api.add(PROVIDERS, with_metadata(a_provider("https://gateway.example"), IN_USE, status=kept))
    code, words = check(api, report_only=True)
    assert code == 0
    assert "left behind: 1 ComputeInstance (team-a/trainer-0 (machine i-42)), whose machines run on and bill" in words
    assert "1 provider (team-a/gateway) with a finalizer" in words
    assert "1 retained machine (i-7 at team-a/gateway)" in words


def test_retained_machines_are_told_and_keep_nobody() -> None:
    api = FakeApi()
    kept = {"retained": [{"name": "kept-0"}]}
    api.add(CLUSTER_PROVIDERS, {**a_cluster_provider("https://gateway.example"), "status": kept})
    code, words = check(api)
    assert (code, "kept-0 at shared" in words) == (0, True)


def test_crds_that_are_gone_hinder_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.kube.fake_api._PLURALS", set())
    assert check(FakeApi())[0] == 0


def test_a_missing_right_is_no_permission_to_go() -> None:
    api = FakeApi()
    api.fail(Forbidden("403"), "GET", CLUSTER_PROVIDERS.plural, times=2)
    with pytest.raises(Forbidden):
        check(api)
    assert check(api, "team-a")[0] == 0
