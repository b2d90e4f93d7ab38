"""A machine's life as its owner, its provider and bystanders have it: losses, ages, limits, and what people may do."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from tests.e2e.cluster import INSTANCES, condition, holds_for, wait_for
from tests.e2e.stage import Stage
from tests.e2e.together import Begun, cleared_away, together
from tests.e2e.world import FAST_BOOT, Instance, World

from gpuwright_sandbox.gateway.process import GatewayProcess

pytestmark = pytest.mark.cluster

FINALIZER = "gpuwright.dev/machine"


def machine_id(instance: Instance) -> str:
    """Return the id of the machine on record."""
    return str((instance.status().get("machine") or {}).get("id", ""))


def ready_machine(instance: Instance) -> str:
    """Return the id of the machine on record once the instance is Ready."""
    instance.wait_ready()
    return machine_id(instance)


def wait_event(world: World, instance: Instance, reason: str) -> None:
    """Return once the operator says that it sent such an Event; side by side with others it may be folded into one."""

    def said() -> list[str]:
        return [line["msg"] for line in world.operator.said("", instance.name) if line.get("event") == reason]

    wait_for(f"an Event {reason}", said)


def wait_incarnation(instance: Instance, number: int) -> None:
    """Return once that incarnation's machine is Ready."""

    def is_there() -> bool:
        return instance.launch().get("incarnation") == number and instance.condition("Ready")[0] == "True"

    wait_for(f"incarnation {number} of {instance.name}", is_there, shown=instance.status)


LOSSES = {"vanish": "Lost", "preempt": "Preempted", "fail": "Broken"}


@together(provider=False)
def test_a_full_provider_makes_instances_wait(world: World) -> None:
    world.make_secret()
    world.make_provider(limits={"maxInstances": 1, "createsPerMinute": 6000})
    first = world.create_ready("first")
    second = world.create("second")
    second.wait_condition("Accepted", "False", "LimitReached")
    assert second.condition("Stalled") == ("False", "NotStalled")
    assert second.condition("Reconciling")[0] == "True"
    assert holds_for(2, lambda: second.creates() == [])
    first.delete()
    second.wait_ready(seconds=45)
    assert (first.live(), len(second.live())) == ([], 1)


@together()
def test_a_machine_that_is_gone_is_replaced(world: World) -> None:
    instances = {deed: world.create(deed) for deed in LOSSES}
    firsts = {deed: ready_machine(instance) for deed, instance in instances.items()}
    for deed, first in firsts.items():
        world.gateway.act(first, deed)
    for deed, instance in instances.items():
        wait_incarnation(instance, 2)
        assert instance.sent() == ["n", "n-g2"]
        assert (instance.peak(), len(instance.live())) == (1, 1)
        assert machine_id(instance) == instance.live()[0]["id"] != firsts[deed]
        assert instance.status()["replacements"] == 1
        assert instance.outcomes() == [("n", "Committed", LOSSES[deed])]
        wait_event(world, instance, "Replacing")


@together()
def test_a_machine_that_is_gone_is_the_end_where_on_loss_is_fail(world: World) -> None:
    instances = {deed: world.create(deed, onLoss="Fail") for deed in LOSSES}
    for deed, instance in instances.items():
        world.gateway.act(ready_machine(instance), deed)
    for deed, instance in instances.items():
        instance.wait_condition("Stalled", "True", LOSSES[deed])
        assert instance.condition("Ready") == ("False", LOSSES[deed])
        assert instance.condition("Reconciling")[0] == "False"
    assert holds_for(2, lambda: all(instance.sent() == ["n"] for instance in instances.values()))
    assert [instance.live() for instance in instances.values()] == [[], [], []]


@together()
def test_replacements_are_spent_one_day_and_a_person_can_allow_more(world: World) -> None:
    instance = world.create_ready("unlucky", maxReplacements=1)
    world.gateway.act(machine_id(instance), "preempt")
    wait_incarnation(instance, 2)
    world.gateway.act(machine_id(instance), "preempt")
    instance.wait_condition("Stalled", "True", "ReplacementsSpent")
    assert holds_for(1, lambda: instance.live() == [])
    instance.annotate("reconcile-requested-at", "more")
    wait_incarnation(instance, 3)
    assert instance.sent() == ["n", "n-g2", "n-g3"]
    assert instance.peak() == 1


@together(own_gateway=True)
def test_a_machine_that_never_comes_up_is_terminated_and_replaced_until_that_is_spent(world: World) -> None:
    world.gateway.change_settings(boot_seconds=600)
    instance = world.create("slow", maxReplacements=1, deadlines={"launchSeconds": 2})
    instance.wait_condition("Stalled", "True", "LaunchDeadlineExceeded", seconds=40)
    assert instance.sent() == ["n", "n-g2"]
    assert [machine["ending"] for machine in instance.machines()] == ["deleted", "deleted"]
    assert instance.peak() == 1


@together()
def test_a_machine_that_reached_its_age_is_terminated_and_not_replaced(world: World) -> None:
    instance = world.create_ready("aged", expireAfterSeconds=8)
    instance.wait_condition("Stalled", "True", "Expired")
    assert instance.condition("Ready") == ("False", "Expired")
    assert instance.condition("Launched") == ("False", "Expired")
    assert holds_for(2, lambda: instance.sent() == ["n"])
    assert instance.live() == []


@together(own_gateway=True)
def test_a_lack_of_room_ends_at_its_deadline(world: World) -> None:
    world.gateway.change_settings(capacity={"H100": 0})
    policy = {"maxAttempts": 10, "retryBaseDelayMilliseconds": 100}
    instance = world.create("crowded", deadlines={"capacitySeconds": 2}, createPolicy=policy)
    instance.wait_condition("Stalled", "True", "CapacityDeadlineExceeded")
    world.gateway.change_settings(capacity={})
    assert holds_for(1, lambda: instance.live() == [])
    instance.annotate("reconcile-requested-at", "again")
    instance.wait_ready()
    assert (instance.peak(), len(instance.live())) == (1, 1)


@together()
def test_a_second_machine_of_one_owner_is_terminated_and_the_recorded_one_kept(world: World) -> None:
    instance = world.create_ready("doubled")
    recorded = machine_id(instance)
    world.doubled_on_purpose.add(instance.uid)
    second = world.smuggle("doubled-by-a-stranger", owner="doubled", owner_uid=instance.uid)
    wait_for("one machine", lambda: [machine["id"] for machine in instance.live()] == [recorded])
    wait_event(world, instance, "DuplicateTerminated")
    instance.wait_ready()
    wait_for("the ending off the record", lambda: "ending" not in instance.launch())
    assert machine_id(instance) == recorded
    assert {str(machine["id"]): machine["ending"] for machine in instance.machines()} == {
        recorded: None,
        second: "deleted",
    }


@together()
def test_stopped_at_birth_buys_nothing_until_it_is_to_run(world: World) -> None:
    instance = world.create("sleeping", powerState="Stopped")
    instance.wait_condition("Ready", "True", "Stopped")
    assert holds_for(2, lambda: instance.creates() == [])
    instance.change(powerState="Running")
    instance.wait_condition("Ready", "True", "Running")
    assert instance.sent() == ["n"]


@together()
def test_a_machine_that_somebody_else_switched_off_is_switched_on_again(world: World) -> None:
    instance = world.create_ready("switched")
    world.gateway.act(machine_id(instance), "stop")
    wait_for("a machine that runs", lambda: [machine["state"] for machine in instance.live()] == ["running"])
    instance.wait_ready()
    assert instance.sent() == ["n"]


@together()
def test_nothing_is_made_again_while_it_is_to_be_off(world: World) -> None:
    instance = world.create_ready("off")
    instance.change(powerState="Stopped")
    instance.wait_condition("Ready", "True", "Stopped")
    world.gateway.act(machine_id(instance), "preempt")
    wait_for("the loss on record", lambda: (instance.launch().get("ending") or {}).get("reason") == "Preempted")
    assert holds_for(2, lambda: instance.sent() == ["n"])
    instance.change(powerState="Running")
    wait_incarnation(instance, 2)
    assert instance.peak() == 1


@together()
def test_a_retained_machine_stays_and_is_written_down(world: World) -> None:
    instance = world.create_ready("kept", deletionPolicy="Retain")
    kept = machine_id(instance)
    world.left_on_purpose.add(kept)
    instance.delete()
    instance.wait_gone()
    retained = world.provider()["status"]["retained"]
    assert [(entry["id"], entry["name"], entry["ownerUID"]) for entry in retained] == [
        (kept, instance.machine_name(), instance.uid)
    ]
    assert [machine["id"] for machine in instance.live()] == [kept]
    # It is written down, so it is no stranger in the way of the next object of this name.
    again = world.create_ready("kept")
    assert machine_id(again) != kept


@together()
def test_what_is_paused_at_birth_waits(world: World) -> None:
    instance = world.create("paused", annotations={"gpuwright.dev/paused": "true"})
    instance.wait_condition("Reconciling", "False", "Paused")
    assert holds_for(2, lambda: instance.creates() == [])
    assert instance.condition("Stalled") == ("False", "NotStalled")
    instance.annotate("paused", None)
    instance.wait_ready()


@together()
def test_what_is_paused_is_not_deleted(world: World) -> None:
    instance = world.create_ready("paused")
    instance.annotate("paused", "true")
    instance.wait_condition("Reconciling", "False", "Paused")
    assert instance.condition("Ready") == ("True", "Running")
    instance.delete()
    instance.wait_condition("Deleting", "True", "Paused")
    assert holds_for(2, lambda: len(instance.live()) == 1)
    instance.annotate("paused", None)
    instance.wait_gone()


@together()
def test_a_rejected_request_is_sent_again_when_a_person_asks(world: World) -> None:
    world.fault("rejected", action="answer", status=422, code="invalid")
    instance = world.create("rejected")
    instance.wait_condition("Stalled", "True", "RequestRejected")
    assert holds_for(2, lambda: len(instance.creates()) == 1)
    instance.annotate("reconcile-requested-at", "2026-11-22T06:00:00Z")
    instance.wait_ready()
    assert instance.sent() == ["n", "n"]
    assert instance.status()["lastHandledReconcileAt"] == "2026-11-22T06:00:00Z"
    assert instance.outcomes() == []


@together()
def test_a_machine_is_taken_over_as_a_person_asks(world: World) -> None:
    found = world.smuggle("made-by-hand")
    # It has no tag, so no list shows it; a gateway is asked for single machines by name.
    instance = world.create("heir", annotations={"gpuwright.dev/adopt": "made-by-hand"})
    instance.wait_ready()
    assert machine_id(instance) == found
    assert instance.condition("Launched") == ("True", "Adopted")
    assert instance.creates() == []
    instance.delete()
    instance.wait_gone()


@together()
def test_a_machine_that_another_instance_records_is_not_taken_over(world: World) -> None:
    owner = world.create_ready("owner")
    thief = world.create("thief", annotations={"gpuwright.dev/adopt": machine_id(owner)})
    thief.wait_condition("Stalled", "True", "NameConflict")
    assert "owner" in thief.message("Stalled")
    assert thief.creates() == []
    thief.delete()
    thief.wait_gone()
    assert owner.condition("Ready") == ("True", "Running")
    assert len(owner.live()) == 1


@together()
def test_a_machine_of_an_earlier_object_of_this_name_is_in_the_way_until_a_person_decides(world: World) -> None:
    stranger = world.smuggle("earlier", owner="restored", owner_uid="6b1f0000-0000-4000-8000-000000000000")
    instance = world.create("restored")
    instance.wait_condition("Stalled", "True", "NameConflict")
    assert stranger in instance.message("Stalled")
    assert instance.creates() == []
    instance.annotate("adopt", stranger)
    instance.wait_ready()
    assert machine_id(instance) == stranger
    instance.delete()
    instance.wait_gone()


@together(own_gateway=True)
def test_a_forced_forget_is_written_down_as_a_leak(world: World) -> None:
    instance = world.create_ready("forgotten")
    leak = machine_id(instance)
    world.left_on_purpose.add(leak)
    world.gateway.pause()
    try:
        instance.delete()
        instance.wait_condition("Deleting", "True", "ProviderUnreachable")
        instance.annotate("force-forget", "the site burnt down")
        instance.wait_gone()
    finally:
        world.gateway.resume()
    leaks = world.provider()["status"]["leaks"]
    assert [(entry["id"], entry["name"], entry["reason"]) for entry in leaks] == [
        (leak, instance.machine_name(), "the site burnt down")
    ]
    wait_event(world, instance, "Forgotten")
    assert world.operator.metric(f'gpuwright_possible_leaks_total{{provider="{world.namespace}/{world.name}"}}') == 1


@together()
def test_a_forced_forget_acts_on_deletion_only(world: World) -> None:
    instance = world.create_ready("remembered")
    instance.annotate("force-forget", "just in case")
    assert holds_for(2, lambda: instance.condition("Ready") == ("True", "Running"))
    instance.delete()
    instance.wait_gone()
    wait_for("the machine gone", lambda: instance.live() == [])


@together()
def test_a_live_object_gets_its_finalizer_back(world: World) -> None:
    instance = world.create_ready("bare")
    instance.set_finalizers()
    wait_for("the finalizer", lambda: (instance.body() or {})["metadata"].get("finalizers") == [FINALIZER])
    assert instance.sent() == ["n"]


@together()
def test_an_object_torn_away_by_hand_is_written_down_as_a_leak(world: World) -> None:
    instance = world.create_ready("torn")
    leak = machine_id(instance)
    world.left_on_purpose.add(leak)
    instance.annotate("paused", "true")
    instance.wait_condition("Reconciling", "False", "Paused")
    instance.delete()
    instance.wait_condition("Deleting", "True", "Paused")
    instance.set_finalizers()
    instance.wait_gone()
    leaks = wait_for("a leak", lambda: world.provider()["status"].get("leaks"))
    assert [(entry["id"], entry["name"]) for entry in leaks] == [(leak, instance.machine_name())]
    assert [line["level"] for line in world.operator.said("lost its object", instance.name)] == ["WARNING"]
    assert world.operator.metric(f'gpuwright_possible_leaks_total{{provider="{world.namespace}/{world.name}"}}') == 1
    assert [machine["id"] for machine in instance.live()] == [leak]


@together()
def test_a_draining_provider_makes_nothing_and_keeps_all(world: World) -> None:
    stays, leaves = world.create("stays"), world.create("leaves")
    stays.wait_ready()
    leaves.wait_ready()
    world.change_provider(draining=True)
    world.wait_provider("Online", "True", "Draining")
    waiting = world.create("waiting")
    waiting.wait_condition("Launched", "False", "ProviderDraining")
    assert waiting.condition("Stalled") == ("False", "NotStalled")
    leaves.delete()
    leaves.wait_gone()
    assert stays.condition("Ready") == ("True", "Running")
    assert condition(world.provider(), "Ready") == ("True", "Draining")
    assert waiting.creates() == []
    assert world.provider_events() == []
    world.change_provider(draining=False)
    waiting.wait_ready()


@together()
def test_a_promise_that_was_broken_is_not_believed_again(world: World) -> None:
    """A 500 promises that nothing was made; this time something was."""
    world.fault("promised", action="answer", status=500, commit="first")
    instance = world.create("promised")
    instance.wait_ready()
    assert (instance.sent(), instance.peak()) == (["n"], 1)
    world.wait_provider("PromiseBroken", "True", "CreatedDespitePromise")
    world.fault("wary", action="answer", status=500, commit="first")
    wary = world.create("wary")
    wary.wait_ready()
    assert (wary.sent(), wary.peak()) == (["n"], 1)
    assert [line["outcome"] for line in world.operator.said("create answered", wary.name)] == ["Unknown"]
    assert wary.condition("Launched") == ("True", "Adopted")


@together(provider=False)
def test_a_cluster_provider_serves_the_namespaces_that_it_allows(world: World) -> None:
    label = {"matchLabels": {"kubernetes.io/metadata.name": world.namespace}}
    ways = {"by-name": {"names": [world.namespace]}, "by-label": {"selector": label}, "to-all": {"selector": {}}}
    worlds = {way: World(world.stage, world.gateway, f"{world.name}-{way}") for way in ways}
    with ExitStack() as stack:
        for way, shared in worlds.items():
            shared.use_cluster_provider()
            shared.make_secret()
            shared.make_provider(allowedNamespaces=ways[way])
            stack.enter_context(cleared_away(shared))
            shared.create(way)
        for shared in worlds.values():
            instance = shared.made[0]
            instance.wait_ready()
            assert instance.launch()["providerRef"] == {"kind": "ClusterComputeProvider", "name": shared.name}


@together(provider=False)
def test_a_cluster_provider_serves_nobody_else(world: World) -> None:
    world.use_cluster_provider()
    world.make_secret()
    world.make_provider(allowedNamespaces={"names": ["another"]})
    instance = world.create("intruder")
    instance.wait_condition("Accepted", "False", "NamespaceNotAllowed")
    assert instance.condition("Stalled") == ("True", "NamespaceNotAllowed")
    assert instance.creates() == []
    world.change_provider(allowedNamespaces={"names": ["another", world.namespace]})
    instance.wait_ready()
    # What exists is kept when the door closes again, and can still be deleted.
    world.change_provider(allowedNamespaces={"names": ["another"]})
    late = world.create("late")
    late.wait_condition("Accepted", "False", "NamespaceNotAllowed")
    assert instance.condition("Ready") == ("True", "Running")
    instance.delete()
    instance.wait_gone()
    assert instance.live() == []


@together()
def test_it_says_how_it_is(world: World) -> None:
    world.create_ready("counted")
    assert world.operator.ask("/healthz") == (200, "ok")
    assert world.operator.ask("/readyz") == (200, "ok")
    labels = f'namespace="{world.namespace}",provider="{world.namespace}/{world.name}",summary="Running"'
    # Whoever watches knows that it is Ready a moment before the operator has the answer to its own write.
    wait_for(
        "a running machine in the metrics", lambda: world.operator.metric(f"gpuwright_machines{{{labels}}}") == 1, 5
    )
    assert (
        world.operator.metric('controller_runtime_reconcile_total{controller="computeinstance",result="success"}') > 0
    )
    assert world.operator.ask("/nonsense")[0] == 404


@pytest.fixture(scope="module")
def amnesia(begun: Begun, stage: Stage) -> Iterator[World]:
    """Two instances whose records are lost while no operator runs, as in a restored backup; one is deleted then."""
    begun.wait()
    with GatewayProcess(FAST_BOOT) as gateway, cleared_away(World(stage, gateway, "amnesia")) as world:
        world.make_secret()
        world.make_provider()
        kept, deleted = world.create("kept"), world.create("deleted")
        kept.wait_ready()
        deleted.wait_ready()
        stage.operator.kill()
        lost = {"status": {"launch": None, "machine": None, "conditions": None}}
        for instance in world.made:
            stage.cluster.merge(INSTANCES, world.namespace, instance.name, lost, "status")
        deleted.delete()
        stage.operator.start()
        yield world


def test_a_lost_record_is_found_again_at_the_provider(amnesia: World) -> None:
    instance = amnesia.made[0]
    instance.wait_ready()
    assert [machine["id"] for machine in instance.live()] == [machine_id(instance)]
    assert instance.condition("Launched") == ("True", "Adopted")
    assert instance.sent() == ["n"]


def test_an_object_whose_record_is_lost_leaves_no_machine_behind(amnesia: World) -> None:
    instance = amnesia.made[1]
    instance.wait_gone()
    assert [machine["ending"] for machine in instance.machines()] == ["deleted"]


def test_a_process_that_is_told_to_end_finishes_what_is_in_flight(begun: Begun, world: World) -> None:
    begun.wait()
    world.fault("in-flight", action="hang", seconds=1.5)
    idle = world.create_ready("idle")
    instance = world.create("in-flight")
    wait_for("a create in flight", instance.creates)
    world.operator.ask_to_end()
    wait_for("readiness off", lambda: world.operator.ask("/readyz")[0] in {503, 0}, 1.4)
    assert world.operator.wait() == 0
    outcome, recorded = instance.launch()["outcome"], machine_id(instance)
    world.operator.start()
    assert (outcome, recorded) == ("Committed", instance.live()[0]["id"])
    assert idle.condition("Ready") == ("True", "Running")
    assert len(world.operator.said("stopped")) == 1
    instance.wait_ready()
    assert instance.sent() == ["n"]


def test_nothing_went_wrong_in_the_operator(begun: Begun, stage: Stage) -> None:
    begun.wait()
    assert stage.operator.complaints() == []
