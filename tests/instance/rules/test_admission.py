"""Before anything is bought: may this object have a machine at all, and may one be created now?"""

import pytest
from tests.builders import (
    PLACE,
    REF,
    N,
    a_hindrance,
    a_launch,
    a_memory,
    a_provider_view,
    a_residue,
    a_spec,
    an_observation,
    an_unsettled_launch,
    nothing_yet,
    waiting_for,
)

from gpuwright.instance.actions import AddFinalizer, Record, Wait
from gpuwright.instance.observation import Observation
from gpuwright.instance.rules.admission import (
    handle_reconcile_request,
    held_back,
    keep_finalizer,
    stall_when_place_changed,
    stall_when_record_is_damaged,
    stall_when_spec_is_invalid,
    wait_when_paused,
    wait_when_provider_is_missing,
)
from gpuwright.instance.rules.decide import decide
from gpuwright.model.conditions import Reason
from gpuwright.model.memory import Launch, Memory, Outcome
from gpuwright.model.names import machine_place
from gpuwright.model.provider_view import Room

ASKED = {"annotations": {"gpuwright.dev/reconcile-requested-at": "now"}}


def test_an_invalid_spec_stalls_with_what_is_wrong() -> None:
    seen = nothing_yet(instance={"spec": None, "spec_error": "spec.machine: say what to buy"})
    assert stall_when_spec_is_invalid(seen) == Wait(Reason.INVALID_SPEC, "spec.machine: say what to buy", stalled=True)


def test_a_valid_spec_passes() -> None:
    assert stall_when_spec_is_invalid(nothing_yet()) is None


@pytest.mark.parametrize(
    ("value", "paused"),
    [
        pytest.param("true", True, id="true"),
        pytest.param("True", False, id="another spelling"),
        pytest.param("", False, id="empty"),
        pytest.param("false", False, id="false"),
    ],
)
def test_paused_waits_until_the_annotation_is_gone(value: str, paused: bool) -> None:
    action = wait_when_paused(an_observation(instance={"annotations": {"gpuwright.dev/paused": value}}))
    assert (action is not None) is paused
    if action is not None:
        assert isinstance(action, Wait)
        assert (action.reason, action.seconds) == (Reason.PAUSED, None)


class TestReconcileRequest:
    def handled(self, memory: Memory) -> Memory:
        action = handle_reconcile_request(an_observation(memory=memory, instance=ASKED))
        assert isinstance(action, Record)
        assert action.fresh_burst
        assert action.memory.handled_request == "now"
        return action.memory

    @pytest.mark.parametrize("outcome", [Outcome.NOT_EXECUTED, Outcome.NOT_COMMITTED])
    def test_forgets_what_stalled_it(self, outcome: Outcome) -> None:
        stalled = a_launch(outcome=outcome, reason="RequestRejected", message="no", capacity_waited_seconds=600)
        launch = self.handled(a_memory(stalled)).launch
        assert launch is not None
        assert (launch.reason, launch.message, launch.capacity_waited_seconds) == ("", "", 0)
        assert (launch.outcome, launch.send, launch.name) == (outcome, 1, N)

    @pytest.mark.parametrize("outcome", [Outcome.INTENDED, Outcome.UNKNOWN, Outcome.COMMITTED])
    def test_never_shortens_a_wait_for_settlement(self, outcome: Outcome) -> None:
        launch = a_launch(outcome=outcome, waited_seconds=20, reason="OutcomeUnknown", conflict=True)
        assert self.handled(a_memory(launch)).launch == launch

    @pytest.mark.parametrize(
        ("spent", "left"),
        [
            pytest.param(2, 2, id="just before they are spent"),
            pytest.param(3, 0, id="spent"),
            pytest.param(4, 0, id="more than spent"),
        ],
    )
    def test_gives_back_replacements_that_are_spent(self, spent: int, left: int) -> None:
        assert self.handled(a_memory(a_launch(), replacements=spent)).replacements == left

    def test_is_taken_before_anything_was_tried(self) -> None:
        assert self.handled(Memory()).launch is None

    def test_is_handled_once(self) -> None:
        assert handle_reconcile_request(an_observation(memory=Memory(handled_request="now"), instance=ASKED)) is None

    def test_nobody_asked(self) -> None:
        assert handle_reconcile_request(an_observation()) is None


class TestProviderIsMissing:
    def test_waits_for_it_to_be_applied(self) -> None:
        action = wait_when_provider_is_missing(nothing_yet(providers={}))
        assert action == Wait(Reason.PROVIDER_NOT_FOUND, "there is no ComputeProvider gateway yet", seconds=60)

    @pytest.mark.parametrize(
        ("reason", "brief"),
        [pytest.param(Reason.WAITING, True, id="soon over"), pytest.param(Reason.INVALID_SPEC, False, id="not soon")],
    )
    def test_says_what_is_known_of_it(self, reason: Reason, brief: bool) -> None:
        hindrance = a_hindrance(reason=reason, stalls=True)
        action = wait_when_provider_is_missing(nothing_yet(providers={}, missing={REF: hindrance}))
        assert action == Wait(reason, "it does not answer", seconds=60, stalled=True, brief=brief)

    def test_passes_when_it_is_there(self) -> None:
        assert wait_when_provider_is_missing(nothing_yet()) is None


class TestPlaceChanged:
    @pytest.mark.parametrize(
        "memory",
        [
            pytest.param(a_memory(a_launch(place="elsewhere")), id="the machine"),
            pytest.param(a_memory(an_unsettled_launch(place="elsewhere")), id="a lost create"),
            pytest.param(a_memory(a_launch(), residue=(a_residue(place="elsewhere"),)), id="a name once tried"),
        ],
    )
    def test_stalls_when_anything_is_recorded_elsewhere(self, memory: Memory) -> None:
        action = stall_when_place_changed(an_observation(memory=memory))
        assert isinstance(action, Wait)
        assert (action.reason, action.seconds, action.stalled) == (Reason.PLACE_CHANGED, 60, True)
        assert "place elsewhere" in action.message
        assert f"now is place {PLACE}" in action.message

    @pytest.mark.parametrize(
        "seen",
        [
            pytest.param(nothing_yet(), id="nothing is recorded"),
            pytest.param(an_observation(memory=a_memory(a_launch(), residue=(a_residue(),))), id="all is here"),
            pytest.param(an_observation(a_launch(place="elsewhere"), providers={}), id="there is no provider"),
        ],
    )
    def test_passes_otherwise(self, seen: Observation) -> None:
        assert stall_when_place_changed(seen) is None

    @pytest.mark.parametrize(
        ("zone", "stalls"), [pytest.param("a", False, id="the same zone"), pytest.param("b", True, id="another zone")]
    )
    def test_the_zone_belongs_to_the_place(self, zone: str, stalls: bool) -> None:
        spec = a_spec(machine={"gpu": {"type": "H100"}, "region": "us", "zone": "a"})
        launch = a_launch(place=machine_place(PLACE, "us", zone))
        assert (stall_when_place_changed(an_observation(launch, instance={"spec": spec})) is not None) is stalls


class TestHeldBack:
    def test_a_healthy_provider_with_room_holds_nothing_back(self) -> None:
        assert held_back(nothing_yet(), a_provider_view()) is None

    def test_a_missing_secret(self) -> None:
        action = held_back(nothing_yet(wishes=waiting_for()), a_provider_view())
        assert action == Wait(Reason.SECRET_NOT_FOUND, "no Secret", seconds=30)

    def test_a_hindrance(self) -> None:
        action = held_back(nothing_yet(), a_provider_view(hindrance=a_hindrance(stalls=True)))
        assert action == Wait(Reason.PROVIDER_UNREACHABLE, "it does not answer", seconds=60, stalled=True)

    @pytest.mark.parametrize(
        ("reason", "brief"),
        [pytest.param(Reason.LIMIT_REACHED, False, id="the limit"), pytest.param(Reason.WAITING, True, id="the rate")],
    )
    def test_a_limit_that_is_reached_is_told_at_once(self, reason: Reason, brief: bool) -> None:
        room = Room(free=False, reason=reason, message="5 of 5", retry_seconds=7)
        action = held_back(nothing_yet(), a_provider_view(room=room))
        assert action == Wait(reason, "5 of 5", seconds=7, brief=brief)

    def test_a_hindrance_that_is_over_soon_is_brief(self) -> None:
        action = held_back(nothing_yet(), a_provider_view(hindrance=a_hindrance(reason=Reason.WAITING)))
        assert action == Wait(Reason.WAITING, "it does not answer", seconds=60, brief=True)

    def test_wishes_that_are_not_made_up_yet(self) -> None:
        action = held_back(nothing_yet(wishes=None), a_provider_view())
        assert action == Wait(Reason.WAITING, "waiting for room", seconds=30, brief=True)


@pytest.mark.parametrize(
    ("launch", "finalized", "adds"),
    [
        pytest.param(a_launch(), False, True, id="removed by hand"),
        pytest.param(a_launch(), True, False, id="there"),
        pytest.param(None, False, False, id="nothing on record yet"),
    ],
)
def test_what_is_on_record_keeps_its_finalizer(launch: Launch | None, finalized: bool, adds: bool) -> None:
    seen = an_observation(memory=a_memory(launch), instance={"finalized": finalized})
    assert keep_finalizer(seen) == (AddFinalizer() if adds else None)


def test_a_record_that_cannot_be_read_stalls_and_says_what_to_do() -> None:
    action = stall_when_record_is_damaged(an_observation(instance={"record_error": "launch.send is no number"}))
    assert isinstance(action, Wait)
    assert (action.reason, action.stalled, action.seconds) == (Reason.RECORD_LOST, True, None)
    assert "launch.send is no number" in action.message
    assert stall_when_record_is_damaged(an_observation()) is None


def test_a_spec_that_cannot_be_read_does_not_keep_the_finalizer_off() -> None:
    unreadable = {"spec": None, "spec_error": "write a number of seconds"}
    assert decide(an_observation(instance={"finalized": False} | unreadable)) == AddFinalizer()
    finalized = decide(an_observation(instance=unreadable))
    assert isinstance(finalized, Wait)
    assert (finalized.reason, finalized.stalled) == (Reason.INVALID_SPEC, True)
