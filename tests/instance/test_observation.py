"""What one decision sees, and what it refuses to guess."""

import dataclasses

import pytest
from tests.builders import (
    NOW,
    PLACE,
    REF,
    WISHES,
    F,
    N,
    a_launch,
    a_machine,
    a_spec,
    a_witness,
    absent,
    an_instance,
    an_observation,
    nothing_yet,
    shown,
    waiting_for,
)

from gpuwright.model.memory import ProviderRef
from gpuwright.model.names import (
    ANNOTATION_ADOPT,
    ANNOTATION_FORGET,
    ANNOTATION_PAUSED,
    ANNOTATION_RECONCILE,
    machine_place,
)


def test_an_observation_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        an_observation().now = 0  # type: ignore[misc]  # that is what is tested


@pytest.mark.parametrize(("value", "paused"), [("true", True), ("True", False), ("false", False), ("", False)])
def test_only_the_word_true_pauses(value: str, paused: bool) -> None:
    assert an_instance(annotations={ANNOTATION_PAUSED: value}).paused is paused


def test_annotations_are_read_by_their_names() -> None:
    notes = {ANNOTATION_RECONCILE: "now", ANNOTATION_ADOPT: "i-9", ANNOTATION_FORGET: "gone"}
    instance = an_instance(annotations=notes)
    assert (instance.request, instance.adopt, instance.forget) == ("now", "i-9", "gone")
    nothing = an_instance()
    assert (nothing.request, nothing.adopt, nothing.forget, nothing.paused) == ("", "", "", False)


def test_the_provider_is_where_the_machine_is_recorded_whatever_the_spec_says_now() -> None:
    spec = a_spec(providerRef={"name": "another"})
    other = ProviderRef(REF.kind, "another")
    assert an_observation(instance={"spec": spec}).ref == REF
    assert nothing_yet(instance={"spec": spec}).ref == other
    assert nothing_yet(instance={"spec": spec}).provider is None


def test_the_place_is_that_of_the_provider_narrowed_by_region_and_zone() -> None:
    spec = a_spec(machine={"gpu": {"type": "H100"}, "region": "eu", "zone": "eu-1"})
    assert an_observation().place == PLACE
    assert an_observation(instance={"spec": spec}).place == machine_place(PLACE, "eu", "eu-1")
    assert an_observation(providers={}).place == ""


def test_an_unreadable_spec_leaves_the_place_as_recorded() -> None:
    seen = an_observation(a_launch(place="recorded"), instance={"spec": None, "spec_error": "wrong"})
    assert seen.place == "recorded"
    with pytest.raises(ValueError, match="wrong"):
        _ = seen.spec


@pytest.mark.parametrize("wishes", [None, waiting_for()], ids=["not made up", "a Secret is missing"])
def test_wishes_that_are_not_known_are_not_guessed(wishes: object) -> None:
    with pytest.raises(ValueError, match="not known"):
        _ = an_observation(wishes=wishes).known_wishes
    assert an_observation().known_wishes == WISHES


def test_a_machine_is_under_a_name_only_while_the_newest_look_shows_it() -> None:
    launch = a_launch()
    there = an_observation(launch, witness=a_witness(launch, trails={N: shown()}))
    gone = an_observation(
        launch, witness=a_witness(launch, trails={N: absent(NOW - F, after=shown(began=NOW - 2 * F))})
    )
    assert there.machine_under(N) == a_machine()
    assert gone.machine_under(N) is None
    assert gone.machine_under("never heard of") is None


@pytest.mark.parametrize(("power", "running"), [("Running", True), ("Stopped", False)])
def test_power_state_says_whether_it_is_to_run(power: str, running: bool) -> None:
    assert an_observation(instance={"spec": a_spec(powerState=power)}).wants_running is running
