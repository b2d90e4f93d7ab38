"""What platform teams try first (docs/design, "What done means"): waiting, health, a second manager, quiet."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from subprocess import CompletedProcess
from typing import Any

import pytest
from tests.e2e.audit import Audit, count
from tests.e2e.cluster import Body, condition, pause, wait_for
from tests.e2e.history import History
from tests.e2e.kstatus import CURRENT, FAILED, IN_PROGRESS, TERMINATING, course, kstatus
from tests.e2e.operator_process import OperatorProcess
from tests.e2e.world import Instance, World

from gpuwright_sandbox.controlplane.plane import ControlPlane

pytestmark = pytest.mark.cluster

SETTLE_SECONDS = 12.0  # a provider's counts are written at most every 10 s
IDLE_SECONDS = 20.0
MOST_EVENTS = 10
MOST_WRITES_TO_READY = 4
MOST_WRITES_TO_DELETE = 2


class Kubectl:
    """kubectl, waited for in the background while the test does other things."""

    def __init__(self, plane: ControlPlane, pool: ThreadPoolExecutor) -> None:
        self._plane = plane
        self._pool = pool

    def wait(self, instance: Instance, what: str, timeout: int = 60) -> "Future[CompletedProcess[str]]":
        """Begin to wait for what `kubectl wait --for` understands."""
        target = f"gwi/{instance.name}"
        return self._pool.submit(
            self._plane.kubectl, "wait", "-n", instance.namespace, target, f"--for={what}", f"--timeout={timeout}s"
        )

    def run(self, *arguments: str, manifest: Body | None = None) -> CompletedProcess[str]:
        """Return what a command did, with a manifest as its input."""
        return self._plane.kubectl(*arguments, input=None if manifest is None else json.dumps(manifest))


@pytest.fixture
def kubectl(control_plane: ControlPlane) -> Iterator[Kubectl]:
    with ThreadPoolExecutor(4) as pool:
        yield Kubectl(control_plane, pool)


@pytest.fixture
def warm(world: World) -> World:
    """A provider that has been looked at: what it costs to make its acquaintance is counted elsewhere."""
    world.wait_provider("Ready", "True")
    return world


def is_ready(answer: "CompletedProcess[str]") -> bool:
    return answer.returncode == 0 and "condition met" in answer.stdout


def truth(instance: Instance) -> list[str]:
    """Return the states of the machines that bill, in the gateway's own words."""
    return [str(machine["state"]) for machine in instance.live()]


def test_ready_is_there_from_the_first_moment(world: World) -> None:
    instance = world.create("new")
    assert condition(instance.body(), "Ready")[0] in {"Unknown", "False"}
    wait_for("a first look of the operator", lambda: instance.status().get("observedGeneration") == 1, 2)


def test_waiting_for_ready_and_for_deletion_returns_rightly(warm: World, kubectl: Kubectl, history: History) -> None:
    warm.fault("plain", action="hang", seconds=1)
    instance = warm.create("plain")
    ready = kubectl.wait(instance, "condition=Ready")
    assert is_ready(ready.result())
    assert truth(instance) == ["running"]
    gone = kubectl.wait(instance, "delete")
    instance.delete()
    assert gone.result().returncode == 0
    assert instance.body() is None
    assert truth(instance) == []
    assert course(history.of(instance.uid)) == [IN_PROGRESS, CURRENT, TERMINATING]


def test_waiting_goes_on_while_there_is_no_room(warm: World, kubectl: Kubectl, history: History) -> None:
    warm.gateway.change_settings(capacity={"H100": 0})
    policy = {"maxAttempts": 10, "retryBaseDelayMilliseconds": 300}
    instance = warm.create("patient", createPolicy=policy)
    ready = kubectl.wait(instance, "condition=Ready")
    instance.wait_condition("Launched", "False", "CapacityUnavailable")
    assert kstatus(instance.body() or {}) == IN_PROGRESS
    assert not ready.done()
    warm.gateway.change_settings(capacity={})
    assert is_ready(ready.result())
    assert truth(instance) == ["running"]
    assert len(instance.sent()) >= 2
    assert course(history.of(instance.uid)) == [IN_PROGRESS, CURRENT]


def test_waiting_follows_the_power_state(warm: World, kubectl: Kubectl, history: History) -> None:
    warm.gateway.change_settings(stop_seconds=1, start_seconds=1)
    instance = warm.create_ready("switched")
    for power, word, reason in (("Stopped", "stopped", "Stopped"), ("Running", "running", "Running")):
        instance.change(powerState=power)
        # Begun at once: the conditions of the generation before must not answer it.
        assert is_ready(kubectl.wait(instance, "condition=Ready").result())
        assert truth(instance) == [word]
        assert instance.condition("Ready") == ("True", reason)
    seen = course(history.of(instance.uid))
    assert seen == [IN_PROGRESS, CURRENT, IN_PROGRESS, CURRENT, IN_PROGRESS, CURRENT]


def test_waiting_for_deletion_while_it_is_being_created(warm: World, kubectl: Kubectl, history: History) -> None:
    warm.fault("hasty", action="hang", seconds=1)
    instance = warm.create("hasty")
    ready = kubectl.wait(instance, "condition=Ready", 5)
    gone = kubectl.wait(instance, "delete")
    wait_for("a create in flight", instance.creates)
    instance.delete()
    assert gone.result().returncode == 0
    assert instance.body() is None
    assert (truth(instance), instance.peak()) == ([], 1)
    assert not is_ready(ready.result())
    assert course(history.of(instance.uid)) == [IN_PROGRESS, TERMINATING]


def test_waiting_after_a_name_is_used_again(warm: World, kubectl: Kubectl) -> None:
    first = warm.create_ready("again")
    gone = kubectl.wait(first, "delete")
    first.delete()
    assert gone.result().returncode == 0
    second = warm.create("again")
    assert is_ready(kubectl.wait(second, "condition=Ready").result())
    assert (truth(first), truth(second)) == ([], ["running"])
    assert first.machine_name() != second.machine_name()
    assert (first.peak(), second.peak()) == (1, 1)


def test_what_is_rejected_has_failed_and_waiting_does_not_say_otherwise(
    warm: World, kubectl: Kubectl, history: History
) -> None:
    warm.fault("rejected", action="answer", status=422, code="invalid")
    instance = warm.create("rejected")
    instance.wait_condition("Stalled", "True", "RequestRejected")
    assert kubectl.wait(instance, "condition=Ready", 1).result().returncode != 0
    assert "delete this ComputeInstance" in instance.message("Stalled")
    assert kubectl.wait(instance, "condition=Stalled", 1).result().returncode == 0
    assert course(history.of(instance.uid)) == [IN_PROGRESS, FAILED]


def test_every_recorded_object_agrees_with_the_table(history: History, operator: OperatorProcess) -> None:
    """The rows of docs/api.md, "Conditions", read the other way round."""
    seen = [body for body in history.everything() if "deletionTimestamp" not in body["metadata"]]
    assert {kstatus(body) for body in seen} == {IN_PROGRESS, CURRENT, FAILED}
    for body in seen:
        ready, stalled = condition(body, "Ready"), condition(body, "Stalled")[0]
        behind = body["status"]["observedGeneration"] != body["metadata"]["generation"]
        expected = (
            IN_PROGRESS if behind else FAILED if stalled == "True" else CURRENT if ready[0] == "True" else IN_PROGRESS
        )
        assert kstatus(body) == expected, body["status"]
        assert ready[0], "Ready is absent"
        if body["status"]["observedGeneration"]:
            types = {entry["type"] for entry in body["status"]["conditions"]}
            assert types >= {"Accepted", "Launched", "Ready", "Reconciling", "Stalled"}
            assert {entry["observedGeneration"] for entry in body["status"]["conditions"]} == {
                body["status"]["observedGeneration"]
            }


def test_every_recorded_deletion_says_so(history: History) -> None:
    leaving = [body for body in history.everything() if "deletionTimestamp" in body["metadata"]]
    assert leaving
    for body in leaving:
        if condition(body, "Deleting")[0]:
            assert condition(body, "Deleting")[0] == "True"
            assert condition(body, "Ready")[0] == "False"
            assert condition(body, "Reconciling")[0] == "True"


def test_a_settled_object_shows_no_difference(warm: World, kubectl: Kubectl) -> None:
    manifest = warm.manifest("settled")
    assert "created" in kubectl.run("apply", "-f", "-", manifest=manifest).stdout
    instance = warm.existing("settled")
    instance.wait_ready()
    difference = kubectl.run("diff", "-f", "-", manifest=manifest)
    assert (difference.returncode, difference.stdout, difference.stderr) == (0, "", "")
    assert kubectl.run("apply", "-f", "-", manifest=manifest).stdout.strip().endswith(" unchanged")


def test_a_second_manager_applies_the_spec_without_conflict(warm: World, kubectl: Kubectl) -> None:
    manifest = warm.manifest("shared")
    del manifest["metadata"]["annotations"]
    assert _apply(kubectl, "argocd-controller", manifest) == (0, "")
    instance = warm.existing("shared")
    instance.wait_ready()
    before = instance.body() or {}
    for manager in ("argocd-controller", "platform-team"):
        assert _apply(kubectl, manager, manifest) == (0, "")
        difference = kubectl.run("diff", "--server-side", f"--field-manager={manager}", "-f", "-", manifest=manifest)
        assert (difference.returncode, difference.stdout) == (0, "")
    after = instance.body() or {}
    assert (after["spec"], after["status"]) == (before["spec"], before["status"])
    assert after["metadata"]["generation"] == before["metadata"]["generation"]
    # The operator has never claimed a field of the spec, so each manager may go on changing it.
    stopped = manifest | {"spec": manifest["spec"] | {"powerState": "Stopped"}}
    assert _apply(kubectl, "argocd-controller", stopped) == (0, "")
    instance.wait_condition("Ready", "True", "Stopped")


def _apply(kubectl: Kubectl, manager: str, manifest: Body) -> tuple[int, str]:
    answer = kubectl.run("apply", "--server-side", f"--field-manager={manager}", "-f", "-", manifest=manifest)
    return answer.returncode, answer.stderr


def _lose_the_machine(world: World, instance: Instance) -> None:
    world.gateway.act(str(instance.live()[0]["id"]), "preempt")
    wait_for("the next machine", lambda: instance.launch().get("incarnation") == 2)
    instance.wait_ready()


@pytest.mark.parametrize(
    ("faults", "then"),
    [
        pytest.param([], None, id="create and delete"),
        pytest.param([{"status": 500}, {"status": 503, "code": "internal"}], None, id="retries"),
        pytest.param([{"status": 502, "commit": "first"}], None, id="lost answer"),
        pytest.param([], _lose_the_machine, id="preempted"),
    ],
)
def test_a_workflow_sends_few_events(
    warm: World, faults: list[dict[str, Any]], then: Callable[[World, Instance], None] | None
) -> None:
    for number, fault in enumerate(faults, start=1):
        warm.fault("eventful", nth=number, action="answer", **fault)
    instance = warm.create_ready("eventful")
    if then is not None:
        then(warm, instance)
    instance.delete()
    instance.wait_gone()
    wait_for("its last Event", lambda: "Released" in [event["reason"] for event in instance.events()])
    events = instance.events()
    assert len(events) <= MOST_EVENTS
    assert len({(event["reason"], event["note"]) for event in events}) == len(events), "the same was said twice"
    assert all(event["action"] and event["note"] for event in events)


def test_few_writes_make_and_end_an_instance(warm: World, control_plane: ControlPlane, operator_user: str) -> None:
    audit = Audit(control_plane.audit_log, operator_user)
    instances = [warm.create(f"counted-{number}") for number in range(5)]
    for instance in instances:
        instance.wait_ready()
    making = audit.writes()
    for instance in instances:
        instance.delete()
    for instance in instances:
        instance.wait_gone()
    ending = audit.writes()
    for instance in instances:
        made, ended = count(making, instance.name), count(ending, instance.name)
        assert 0 < made.total() <= MOST_WRITES_TO_READY, made
        assert 0 < ended.total() <= MOST_WRITES_TO_DELETE, ended
        assert all(label.endswith(" 200") for label in [*made, *ended]), "a write was refused"


def test_an_idle_operator_writes_nothing(
    warm: World, control_plane: ControlPlane, operator_user: str, operator: OperatorProcess
) -> None:
    for number in range(5):
        warm.create(f"idle-{number}")
    for instance in warm.made:
        instance.wait_ready()
    audit = Audit(control_plane.audit_log, operator_user)
    pause(SETTLE_SECONDS)
    before = audit.writes()
    pause(IDLE_SECONDS)
    assert audit.writes() == [], before
    assert operator.complaints() == []
