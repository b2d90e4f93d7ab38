"""The table of situations in the API's conditions, from what is seen to what kstatus says: decide, then report."""

from dataclasses import replace
from typing import Any

import pytest
from tests.builders import (
    NOW,
    REF,
    N,
    a_hindrance,
    a_launch,
    a_machine,
    a_memory,
    a_provider_view,
    a_sight,
    a_spec,
    a_witness,
    absent,
    an_empty_provider_view,
    an_ending,
    an_observation,
    an_unsettled_launch,
    nothing_yet,
    shown,
)
from tests.e2e.kstatus import CURRENT, FAILED, IN_PROGRESS, TERMINATING, kstatus

from gpuwright.instance.observation import Observation
from gpuwright.instance.report import status_of
from gpuwright.instance.rules.decide import decide
from gpuwright.model.conditions import Reason
from gpuwright.model.machine import MachineState
from gpuwright.model.memory import EndingReason, Launch, Outcome
from gpuwright.model.provider_view import Hindrance, Room
from gpuwright.model.status_schema import STATUS_DEFAULT


def hindered(reason: Reason, *, stalls: bool = False) -> Observation:
    """Return a new object at a provider where nothing may be created now."""
    return nothing_yet(an_empty_provider_view(hindrance=Hindrance(reason, "as it is", stalls=stalls)))


def full() -> Observation:
    return nothing_yet(an_empty_provider_view(room=Room(free=False, reason=Reason.LIMIT_REACHED, message="20 of 20")))


def failed(reason: Reason, *, spec: dict[str, Any] | None = None, waited: int = 0) -> Observation:
    """Return a create that was answered with a promise that nothing was made; the next try is some seconds away."""
    launch = a_launch(outcome=Outcome.NOT_COMMITTED, reason=str(reason), capacity_waited_seconds=waited)
    witness = a_witness(launch, trails={N: absent(NOW - 1)}, not_before=NOW + 60)
    return an_observation(
        launch, witness=witness, provider=an_empty_provider_view(), instance={"spec": a_spec(**spec or {})}
    )


def rejected() -> Observation:
    launch = a_launch(outcome=Outcome.NOT_EXECUTED, reason=str(Reason.REQUEST_REJECTED), message="no such image")
    return an_observation(launch, provider=an_empty_provider_view())


def unknown() -> Observation:
    launch = an_unsettled_launch(message="no answer")
    witness = a_witness(launch, sight=a_sight(launch, at=NOW - 20), trails={N: absent(NOW - 1)})
    return an_observation(launch, witness=witness, provider=an_empty_provider_view())


def ended(why: EndingReason, **spec: Any) -> Observation:
    """Return a machine that is gone and written down as gone."""
    launch = a_launch(ending=an_ending(why))
    memory = a_memory(launch, machine=a_machine().recorded() | {"state": "Gone"}, replacements=3)
    witness = a_witness(launch, trails={N: absent(NOW - 100, NOW)})
    return an_observation(
        memory=memory, witness=witness, provider=an_empty_provider_view(), instance={"spec": a_spec(**spec)}
    )


def missing() -> Observation:
    """Return a machine that lists have not shown for a while, which is not yet long enough."""
    launch = a_launch()
    trail = absent(NOW - 20, NOW - 10, direct=False, after=shown(began=NOW - 30))
    witness = a_witness(launch, trails={N: absent(NOW - 5, after=trail)})
    return an_observation(launch, witness=witness, provider=an_empty_provider_view())


def in_state(state: MachineState, **spec: Any) -> Observation:
    """Return a machine that is on record and shown in this state."""
    launch, machine = a_launch(), a_machine(state=state)
    memory = a_memory(launch, machine=machine.recorded())
    witness = a_witness(launch, trails={N: shown(machine)})
    return an_observation(memory=memory, witness=witness, instance={"spec": a_spec(**spec)})


def away(**changes: Any) -> Observation:
    return an_observation(provider=a_provider_view(**{"message": "it does not answer"} | changes))


def being_deleted(launch: Launch | None = None) -> Observation:
    return an_observation(launch, instance={"deleting": True})


def told(seen: Observation) -> tuple[str, str, str, str, str]:
    """Return Ready's status and reason, Reconciling, Stalled, and what kstatus makes of it."""
    status = status_of(seen, decide(seen))
    found = {condition["type"]: condition for condition in status["conditions"]}
    metadata = {"generation": seen.instance.generation}
    if seen.instance.deleting:
        metadata["deletionTimestamp"] = 1
    words = kstatus({"metadata": metadata, "status": status})
    ready = found["Ready"]
    return ready["status"], ready["reason"], found["Reconciling"]["status"], found["Stalled"]["status"], words


WORKING = ("True", "False", IN_PROGRESS)
HOPELESS = ("False", "True", FAILED)
DONE = ("False", "False", CURRENT)


@pytest.mark.parametrize(
    ("seen", "ready", "reason", "rest"),
    [
        pytest.param(nothing_yet(providers={}), "False", Reason.PROVIDER_NOT_FOUND, WORKING, id="no provider yet"),
        pytest.param(full(), "False", Reason.LIMIT_REACHED, WORKING, id="limit reached"),
        pytest.param(hindered(Reason.PROVIDER_DRAINING), "False", Reason.PROVIDER_DRAINING, WORKING, id="draining"),
        pytest.param(
            hindered(Reason.PROVIDER_UNREACHABLE), "False", Reason.PROVIDER_UNREACHABLE, WORKING, id="offline"
        ),
        pytest.param(in_state(MachineState.PENDING), "False", Reason.PROVISIONING, WORKING, id="provisioning"),
        pytest.param(
            failed(Reason.CAPACITY_UNAVAILABLE), "False", Reason.CAPACITY_UNAVAILABLE, WORKING, id="no capacity"
        ),
        pytest.param(failed(Reason.PRICE_TOO_HIGH), "False", Reason.PRICE_TOO_HIGH, WORKING, id="too dear"),
        pytest.param(failed(Reason.QUOTA_EXCEEDED), "False", Reason.QUOTA_EXCEEDED, WORKING, id="no quota"),
        pytest.param(unknown(), "False", Reason.OUTCOME_UNKNOWN, WORKING, id="answer lost"),
        pytest.param(missing(), "False", Reason.LOST, WORKING, id="machine missing"),
        pytest.param(
            nothing_yet(instance={"spec": None, "spec_error": "say what to buy"}),
            "False",
            Reason.INVALID_SPEC,
            HOPELESS,
            id="spec rejected",
        ),
        pytest.param(rejected(), "False", Reason.REQUEST_REJECTED, HOPELESS, id="request rejected"),
        pytest.param(
            hindered(Reason.CREDENTIALS_REJECTED, stalls=True),
            "False",
            Reason.CREDENTIALS_REJECTED,
            HOPELESS,
            id="credentials rejected",
        ),
        pytest.param(
            nothing_yet(providers={}, missing={REF: a_hindrance(reason=Reason.NAMESPACE_NOT_ALLOWED, stalls=True)}),
            "False",
            Reason.NAMESPACE_NOT_ALLOWED,
            HOPELESS,
            id="namespace not allowed",
        ),
        pytest.param(
            failed(Reason.CAPACITY_UNAVAILABLE, spec={"deadlines": {"capacitySeconds": 60}}, waited=60),
            "False",
            Reason.CAPACITY_DEADLINE_EXCEEDED,
            HOPELESS,
            id="capacity deadline over",
        ),
        pytest.param(
            ended(EndingReason.LAUNCH_DEADLINE_EXCEEDED),
            "False",
            Reason.LAUNCH_DEADLINE_EXCEEDED,
            HOPELESS,
            id="launch deadline over",
        ),
        pytest.param(ended(EndingReason.LOST), "False", Reason.REPLACEMENTS_SPENT, HOPELESS, id="replacements spent"),
        pytest.param(ended(EndingReason.LOST, onLoss="Fail"), "False", Reason.LOST, HOPELESS, id="gone, onLoss Fail"),
        pytest.param(
            ended(EndingReason.PREEMPTED, onLoss="Fail"), "False", Reason.PREEMPTED, HOPELESS, id="taken, onLoss Fail"
        ),
        pytest.param(ended(EndingReason.EXPIRED), "False", Reason.EXPIRED, HOPELESS, id="expired"),
        pytest.param(an_observation(), "True", Reason.RUNNING, DONE, id="running"),
        pytest.param(
            in_state(MachineState.STOPPED, powerState="Stopped"), "True", Reason.STOPPED, DONE, id="stopped on purpose"
        ),
        pytest.param(
            nothing_yet(instance={"spec": a_spec(powerState="Stopped")}),
            "True",
            Reason.STOPPED,
            DONE,
            id="stopped at birth",
        ),
        pytest.param(away(reachable=False), "Unknown", Reason.PROVIDER_UNREACHABLE, WORKING, id="provider unreachable"),
        pytest.param(
            away(credentials_rejected=True),
            "Unknown",
            Reason.PROVIDER_UNREACHABLE,
            WORKING,
            id="provider refuses our credentials",
        ),
        pytest.param(away(place="elsewhere"), "Unknown", Reason.PLACE_CHANGED, HOPELESS, id="place changed"),
    ],
)
def test_a_situation_reads_as_the_table_says(
    seen: Observation, ready: str, reason: Reason, rest: tuple[str, str, str]
) -> None:
    assert told(seen) == (ready, str(reason), *rest)


@pytest.mark.parametrize(
    "launch",
    [
        pytest.param(None, id="a machine runs"),
        pytest.param(an_unsettled_launch(), id="its create is unknown"),
        pytest.param(a_launch(ending=an_ending()), id="it is being terminated"),
    ],
)
def test_what_is_being_deleted_is_terminating(launch: Launch | None) -> None:
    ready, _reason, reconciling, stalled, words = told(being_deleted(launch))
    assert (ready, reconciling, stalled, words) == ("False", "True", "False", TERMINATING)


def test_an_object_that_no_operator_has_looked_at_is_in_progress() -> None:
    assert kstatus({"metadata": {"generation": 1}, "status": STATUS_DEFAULT}) == IN_PROGRESS


def test_a_status_of_the_spec_before_is_in_progress() -> None:
    seen = an_observation()
    status = status_of(seen, decide(seen))
    assert kstatus({"metadata": {"generation": 2}, "status": status}) == IN_PROGRESS
    newer = replace(seen, instance=replace(seen.instance, generation=2))
    assert kstatus({"metadata": {"generation": 2}, "status": status_of(newer, decide(newer))}) == CURRENT
