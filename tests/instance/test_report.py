"""What is seen and decided, as people and kstatus read it: both tables of the API's conditions."""

from dataclasses import replace
from typing import Any

import pytest
from tests.builders import (
    NOW,
    REF,
    N,
    a_launch,
    a_machine,
    a_memory,
    a_residue,
    a_witness,
    an_ending,
    an_observation,
    an_unsettled_launch,
    nothing_yet,
    shown,
)
from tests.e2e.kstatus import kstatus

from gpuwright.instance.actions import (
    Action,
    AddFinalizer,
    AskList,
    EnterLedger,
    LookAt,
    Nothing,
    Power,
    ReadLive,
    Record,
    RemoveFinalizer,
    Send,
    Terminate,
    Wait,
)
from gpuwright.instance.observation import Observation
from gpuwright.instance.report import LONG_WAIT_SECONDS, record_of, standing_of, status_of
from gpuwright.model.conditions import Reason
from gpuwright.model.machine import MachineState
from gpuwright.model.memory import EndingReason, Memory, Outcome, ProviderRef, parse_memory
from gpuwright.model.resources import CLUSTER_PROVIDERS

TYPES = ["Accepted", "Launched", "Ready", "Reconciling", "Stalled"]
RUNNING = Wait(Reason.RUNNING, "the machine is running", ready=True)


def conditions(seen: Observation, action: Action) -> dict[str, tuple[str, str]]:
    """Return each condition's status and reason."""
    return {entry["type"]: (entry["status"], entry["reason"]) for entry in status_of(seen, action)["conditions"]}


def body_of(seen: Observation, action: Action) -> dict[str, Any]:
    """Return the object as the API server would show it after this status was written."""
    metadata: dict[str, Any] = {"generation": seen.instance.generation}
    if seen.instance.deleting:
        metadata["deletionTimestamp"] = "2026-11-22T00:00:00Z"
    return {"metadata": metadata, "status": status_of(seen, action)}


def known() -> Observation:
    return an_observation()


def ended(why: EndingReason) -> Observation:
    return an_observation(a_launch(ending=an_ending(why)))


def waiting(reason: Reason, seconds: float = 60) -> Wait:
    return Wait(reason, "it takes a while", seconds=seconds)


def stalled(reason: Reason) -> Wait:
    return Wait(reason, "a person must act", stalled=True)


IN_PROGRESS = ("False", "True", "False", "InProgress")
FAILED = ("False", "False", "True", "Failed")
CURRENT = ("True", "False", "False", "Current")
UNKNOWN = ("Unknown", "True", "False", "InProgress")

SITUATIONS = [
    *(
        pytest.param(nothing_yet(), waiting(reason), reason, IN_PROGRESS, id=f"before launch: {reason}")
        for reason in (
            Reason.PROVIDER_NOT_FOUND,
            Reason.LIMIT_REACHED,
            Reason.SECRET_NOT_FOUND,
            Reason.PROVIDER_DRAINING,
            Reason.PROVIDER_UNREACHABLE,
            Reason.CAPACITY_UNAVAILABLE,
            Reason.PRICE_TOO_HIGH,
            Reason.QUOTA_EXCEEDED,
            Reason.THROTTLED,
            Reason.CRD_OUTDATED,
        )
    ),
    pytest.param(known(), waiting(Reason.PROVISIONING), Reason.PROVISIONING, IN_PROGRESS, id="provisioning"),
    pytest.param(
        an_unsettled_launch(), waiting(Reason.OUTCOME_UNKNOWN), Reason.OUTCOME_UNKNOWN, IN_PROGRESS, id="answer lost"
    ),
    pytest.param(
        ended(EndingReason.LOST), waiting(Reason.LOST), Reason.LOST, IN_PROGRESS, id="the next one on its way"
    ),
    *(
        pytest.param(nothing_yet(), stalled(reason), reason, FAILED, id=f"stalled before launch: {reason}")
        for reason in (
            Reason.INVALID_SPEC,
            Reason.NAMESPACE_NOT_ALLOWED,
            Reason.REQUEST_REJECTED,
            Reason.CREDENTIALS_REJECTED,
            Reason.NAME_CONFLICT,
            Reason.CAPACITY_DEADLINE_EXCEEDED,
            Reason.RECORD_LOST,
        )
    ),
    *(
        pytest.param(ended(why), stalled(reason), reason, FAILED, id=f"ended: {reason}")
        for why, reason in (
            (EndingReason.LOST, Reason.LOST),
            (EndingReason.PREEMPTED, Reason.PREEMPTED),
            (EndingReason.BROKEN, Reason.BROKEN),
            (EndingReason.EXPIRED, Reason.EXPIRED),
            (EndingReason.LOST, Reason.REPLACEMENTS_SPENT),
            (EndingReason.LAUNCH_DEADLINE_EXCEEDED, Reason.LAUNCH_DEADLINE_EXCEEDED),
        )
    ),
    pytest.param(known(), RUNNING, Reason.RUNNING, CURRENT, id="running"),
    pytest.param(known(), Wait(Reason.STOPPED, "off", ready=True), Reason.STOPPED, CURRENT, id="stopped on purpose"),
    pytest.param(
        known(), waiting(Reason.PROVIDER_UNREACHABLE), Reason.PROVIDER_UNREACHABLE, UNKNOWN, id="provider unreachable"
    ),
    pytest.param(
        known(), waiting(Reason.CREDENTIALS_REJECTED), Reason.CREDENTIALS_REJECTED, UNKNOWN, id="credentials refused"
    ),
    pytest.param(
        known(), waiting(Reason.SECRET_NOT_FOUND), Reason.SECRET_NOT_FOUND, UNKNOWN, id="the provider's Secret is gone"
    ),
    pytest.param(
        known(), waiting(Reason.PROVIDER_NOT_FOUND), Reason.PROVIDER_NOT_FOUND, UNKNOWN, id="the provider is unusable"
    ),
    pytest.param(
        known(),
        stalled(Reason.PLACE_CHANGED),
        Reason.PLACE_CHANGED,
        ("Unknown", "False", "True", "Failed"),
        id="the place changed",
    ),
]


@pytest.mark.parametrize(("seen", "action", "reason", "expected"), SITUATIONS)
def test_each_situation_reads_as_the_table_says(
    seen: Any, action: Wait, reason: Reason, expected: tuple[str, str, str, str]
) -> None:
    seen = seen if isinstance(seen, Observation) else an_observation(seen)
    found = conditions(seen, action)
    assert found["Ready"] == (expected[0], str(reason))
    words = (found["Ready"][0], found["Reconciling"][0], found["Stalled"][0], kstatus(body_of(seen, action)))
    assert words == expected
    assert found["Stalled"][1] == (str(reason) if action.stalled else "NotStalled")


def test_what_is_deleted_is_terminating() -> None:
    seen = an_observation(instance={"deleting": True})
    action = Terminate(REF, N)
    found = conditions(seen, action)
    assert found["Ready"] == ("False", "TerminatingMachine")
    assert found["Reconciling"] == ("True", "Working")
    assert found["Stalled"] == ("False", "NotStalled")
    assert found["Deleting"] == ("True", "TerminatingMachine")
    assert kstatus(body_of(seen, action)) == "Terminating"
    assert status_of(seen, action)["summary"] == "Deleting"


def test_a_spec_that_cannot_be_read_is_not_accepted_whatever_is_being_done() -> None:
    seen = an_observation(instance={"deleting": True, "spec": None, "spec_error": "write a number of seconds"})
    assert conditions(seen, Terminate(REF, N))["Accepted"] == ("False", "InvalidSpec")


@pytest.mark.parametrize(
    "reason",
    [
        Reason.TERMINATING_MACHINE,
        Reason.WAITING_FOR_SETTLEMENT,
        Reason.PROVING_ABSENCE,
        Reason.PROVIDER_UNREACHABLE,
        Reason.CREDENTIALS_REJECTED,
        Reason.PLACE_CHANGED,
        Reason.RECORD_LOST,
        Reason.PAUSED,
    ],
)
def test_deleting_says_what_it_waits_for(reason: Reason) -> None:
    found = conditions(an_observation(instance={"deleting": True}), waiting(reason))
    assert found["Deleting"] == ("True", str(reason))


def test_deleting_is_present_only_while_deleting() -> None:
    assert "Deleting" not in conditions(known(), RUNNING)


ANYTHING: list[Action] = [
    RUNNING,
    AddFinalizer(),
    RemoveFinalizer("proven"),
    Record(Memory(), "intent"),
    LookAt(REF, N),
    AskList(REF, "looking"),
    Terminate(REF, N),
    Power(REF, N, on=True),
    EnterLedger(REF, (N,), "i-1", retained=False),
    ReadLive(),
    Nothing(),
]


@pytest.mark.parametrize("action", ANYTHING, ids=lambda action: type(action).__name__)
def test_every_condition_is_present_from_the_first_visit_whatever_is_done(action: Action) -> None:
    status = status_of(nothing_yet(), action)
    assert [entry["type"] for entry in status["conditions"]] == TYPES
    assert all(entry["reason"] and entry["lastTransitionTime"] for entry in status["conditions"])
    assert isinstance(standing_of(action), Wait)


def test_a_create_that_is_being_sent_says_so() -> None:
    seen = an_observation(a_launch(outcome=Outcome.INTENDED))
    request = Send(REF, None)  # type: ignore[arg-type]  # the report does not look at it
    assert standing_of(request).reason is Reason.CREATING
    assert conditions(seen, request)["Launched"] == ("False", "Creating")


ACCEPTED_REASONS = (
    Reason.INVALID_SPEC,
    Reason.PROVIDER_NOT_FOUND,
    Reason.NAMESPACE_NOT_ALLOWED,
    Reason.LIMIT_REACHED,
    Reason.SECRET_NOT_FOUND,
    Reason.CRD_OUTDATED,
)


@pytest.mark.parametrize("reason", ACCEPTED_REASONS)
def test_accepted_is_false_for_what_holds_the_spec_back(reason: Reason) -> None:
    assert conditions(nothing_yet(), waiting(reason))["Accepted"] == ("False", str(reason))


def test_accepted_is_true_otherwise() -> None:
    assert conditions(nothing_yet(), waiting(Reason.CAPACITY_UNAVAILABLE))["Accepted"] == ("True", "Accepted")


@pytest.mark.parametrize(
    ("launch", "expected"),
    [
        pytest.param(None, ("False", "Intended"), id="nothing was sent"),
        pytest.param(a_launch(outcome=Outcome.INTENDED), ("False", "Creating"), id="being sent"),
        pytest.param(an_unsettled_launch(), ("False", "OutcomeUnknown"), id="answer lost"),
        pytest.param(a_launch(), ("True", "Created"), id="made"),
        pytest.param(a_launch(reason="Adopted"), ("True", "Adopted"), id="found"),
        pytest.param(a_launch(ending=an_ending(EndingReason.LOST)), ("False", "Lost"), id="lost"),
        pytest.param(a_launch(ending=an_ending(EndingReason.PREEMPTED)), ("False", "Preempted"), id="preempted"),
        pytest.param(a_launch(ending=an_ending(EndingReason.BROKEN)), ("False", "Broken"), id="broken"),
        pytest.param(a_launch(ending=an_ending(EndingReason.EXPIRED)), ("False", "Expired"), id="expired"),
        pytest.param(
            a_launch(ending=an_ending(EndingReason.LAUNCH_DEADLINE_EXCEEDED)), ("False", "Broken"), id="overdue"
        ),
        pytest.param(a_launch(ending=an_ending(EndingReason.POWER_OFF)), ("True", "Created"), id="switched off"),
        pytest.param(a_launch(ending=an_ending(EndingReason.DUPLICATE)), ("True", "Created"), id="a second one goes"),
        *(
            pytest.param(
                a_launch(outcome=Outcome.NOT_COMMITTED, reason=str(reason)), ("False", str(reason)), id=str(reason)
            )
            for reason in (
                Reason.CAPACITY_UNAVAILABLE,
                Reason.PLACEMENT_FAILED,
                Reason.PRICE_TOO_HIGH,
                Reason.QUOTA_EXCEEDED,
                Reason.REQUEST_REJECTED,
                Reason.CREDENTIALS_REJECTED,
                Reason.NAME_CONFLICT,
                Reason.PROVIDER_UNREACHABLE,
                Reason.THROTTLED,
            )
        ),
    ],
)
def test_launched_says_what_became_of_the_create(launch: Any, expected: tuple[str, str]) -> None:
    seen = an_observation(launch) if launch else nothing_yet()
    assert conditions(seen, waiting(Reason.WORKING))["Launched"] == expected


@pytest.mark.parametrize("reason", [Reason.PROVIDER_DRAINING, Reason.PRICE_TOO_HIGH, Reason.PROVIDER_UNREACHABLE])
def test_launched_says_what_holds_the_first_create_back(reason: Reason) -> None:
    assert conditions(nothing_yet(), waiting(reason))["Launched"] == ("False", str(reason))


@pytest.mark.parametrize(
    ("seconds", "reason"),
    [
        pytest.param(LONG_WAIT_SECONDS - 0.1, "Working", id="just before"),
        pytest.param(LONG_WAIT_SECONDS, "Waiting", id="at"),
        pytest.param(LONG_WAIT_SECONDS + 0.1, "Waiting", id="just after"),
    ],
)
def test_a_long_wait_is_called_waiting(seconds: float, reason: str) -> None:
    assert conditions(known(), waiting(Reason.PROVISIONING, seconds))["Reconciling"] == ("True", reason)


def with_status(seen: Observation, status: dict[str, Any], **changes: Any) -> Observation:
    body = {**seen.instance.body, "status": status}
    return replace(seen, instance=replace(seen.instance, body=body, **changes))


def test_paused_keeps_ready_as_it_was_found() -> None:
    before = status_of(known(), RUNNING)
    found = conditions(with_status(known(), before), waiting(Reason.PAUSED))
    assert (found["Ready"], found["Reconciling"]) == (("True", "Running"), ("False", "Paused"))


def test_paused_without_a_status_before_is_unknown() -> None:
    assert conditions(known(), waiting(Reason.PAUSED))["Ready"] == ("Unknown", "Paused")


def test_every_conditions_observed_generation_is_rewritten_and_its_time_kept() -> None:
    before = status_of(known(), RUNNING)
    later = replace(with_status(known(), before, generation=7), wall=known().wall + 60)
    status = status_of(later, RUNNING)
    assert status["observedGeneration"] == 7
    assert {entry["observedGeneration"] for entry in status["conditions"]} == {7}
    times = [entry["lastTransitionTime"] for entry in status["conditions"]]
    assert times == [entry["lastTransitionTime"] for entry in before["conditions"]]


def test_a_conditions_time_moves_when_its_status_changes() -> None:
    later = replace(with_status(known(), status_of(known(), RUNNING)), wall=known().wall + 60)
    status = status_of(later, waiting(Reason.PROVIDER_UNREACHABLE))
    times = {entry["type"]: entry["lastTransitionTime"] for entry in status["conditions"]}
    assert times["Ready"] == "2026-11-22T00:01:00Z"
    assert times["Launched"] == "2026-11-22T00:00:00Z"


@pytest.mark.parametrize("length", [511, 512, 513, 2000])
def test_messages_are_cut_to_what_the_schema_takes(length: int) -> None:
    launch = a_launch(outcome=Outcome.NOT_COMMITTED, message="x" * length)
    status = status_of(an_observation(launch), Wait(Reason.PLACEMENT_FAILED, "y" * length, stalled=True))
    assert max(len(entry["message"]) for entry in status["conditions"]) == min(length, 512)
    assert len(status["launch"]["message"]) == min(length, 512)


@pytest.mark.parametrize(
    ("remaining", "told"),
    [
        pytest.param(LONG_WAIT_SECONDS - 1, None, id="just before"),
        pytest.param(LONG_WAIT_SECONDS, "2026-11-22T00:00:05Z", id="at"),
        pytest.param(60, "2026-11-22T00:01:00Z", id="after"),
    ],
)
def test_the_next_look_is_told_while_a_create_waits(remaining: float, told: str | None) -> None:
    launch = a_launch(outcome=Outcome.NOT_COMMITTED)
    seen = an_observation(launch, witness=a_witness(launch, not_before=NOW + remaining))
    assert status_of(seen, waiting(Reason.PLACEMENT_FAILED)).get("nextLookTime") == told


@pytest.mark.parametrize("launch", [a_launch(), an_unsettled_launch()], ids=["a machine", "unsettled"])
def test_the_next_look_is_not_told_otherwise(launch: Any) -> None:
    seen = an_observation(launch, witness=a_witness(launch, not_before=NOW + 60))
    assert "nextLookTime" not in status_of(seen, waiting(Reason.PROVISIONING))


def test_the_provider_id_has_namespace_provider_and_id() -> None:
    assert status_of(known(), RUNNING)["machine"]["providerID"] == "gpuwright://team-a/gateway/i-1"


def test_the_provider_id_of_a_cluster_provider_has_no_namespace() -> None:
    launch = a_launch(provider=ProviderRef(CLUSTER_PROVIDERS.kind, "shared"))
    assert status_of(an_observation(launch), RUNNING)["machine"]["providerID"] == "gpuwright:///shared/i-1"


def test_the_cost_of_the_machine_stands_beside_it() -> None:
    launch = a_launch()
    machine = a_machine(price_per_hour="2.49", currency="USD")
    status = status_of(an_observation(launch, witness=a_witness(launch, trails={N: shown(machine)})), RUNNING)
    assert status["cost"]["pricePerHour"] == "2.49"


def test_a_record_that_cannot_be_read_keeps_its_cost_as_it_is() -> None:
    before = {"cost": {"accumulated": "4.20"}, "launch": "damaged"}
    seen = with_status(an_observation(memory=Memory(), instance={"record_error": "it has no name"}), before)
    assert status_of(seen, waiting(Reason.RECORD_LOST))["cost"] == before["cost"]


def test_without_a_machine_there_is_neither_machine_nor_cost() -> None:
    status = status_of(nothing_yet(), waiting(Reason.CAPACITY_UNAVAILABLE))
    assert {"machine", "cost", "launch", "residue", "attempts"} & set(status) == set()


def test_the_record_can_be_read_back() -> None:
    launch = a_launch(ending=an_ending(), message="why", reason="Created", waited_seconds=7, resent=True, started=True)
    memory = a_memory(launch, residue=(a_residue("second"),), replacements=2, handled_request="now")
    assert parse_memory({**record_of(memory), "replacements": 2}) == memory
    assert record_of(Memory()) == {}


@pytest.mark.parametrize(
    ("state", "started"),
    [(MachineState.PENDING, False), (MachineState.RUNNING, True), (MachineState.STOPPED, True)],
    ids=str,
)
def test_the_record_says_that_a_machine_has_run_however_it_came_to_be_recorded(
    state: MachineState, started: bool
) -> None:
    memory = a_memory(a_launch(), machine=a_machine(state=state).recorded())
    assert record_of(memory)["launch"].get("started", False) is started
