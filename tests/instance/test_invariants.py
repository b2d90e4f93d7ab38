"""One property per invariant, over whatever an observation may hold, and over walks through the world's steps."""

from dataclasses import replace
from random import Random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.builders import (
    BLIND_CAPABILITIES,
    CAPABILITIES,
    N_G2,
    N_R2,
    NOW,
    OWNER,
    PLACE,
    POLL,
    PROCESS,
    REF,
    SETTLE,
    WALL,
    F,
    N,
    a_hindrance,
    a_launch,
    a_machine,
    a_provider_view,
    a_residue,
    a_snapshot,
    a_spec,
    an_observation,
)
from tests.instance.course import runs, steps
from tests.instance.far_side import (
    CREATED,
    LOST_AFTER_COMMIT,
    LOST_BEFORE_COMMIT,
    NAME_STAYS,
    NAME_STAYS_AND_LOST,
    NO_ROOM,
    NOT_COMMITTED,
    REFUSED,
    THROTTLED,
    FarSide,
    late,
)
from tests.instance.world import World

from gpuwright.instance.actions import Action, Arms, Power, Record, RemoveFinalizer, Send, Terminate, Wait
from gpuwright.instance.observation import Observation
from gpuwright.instance.report import status_of
from gpuwright.instance.rules.decide import decide
from gpuwright.instance.witness import Armed, Sight, Trail, Witness
from gpuwright.model.conditions import Reason
from gpuwright.model.machine import Machine, MachineState
from gpuwright.model.memory import Ending, EndingReason, Launch, Memory, Outcome
from gpuwright.model.names import (
    ANNOTATION_FORGET,
    ANNOTATION_PAUSED,
    ANNOTATION_RECONCILE,
    owner_labels,
)
from gpuwright.model.provider_view import ProviderView

many = settings(deadline=None, max_examples=100)
few = settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.too_slow])

NAMES = (N, N_R2, N_G2)
ANNOTATIONS: tuple[dict[str, str], ...] = (
    {},
    {},
    {ANNOTATION_PAUSED: "true"},
    {ANNOTATION_RECONCILE: "now"},
    {ANNOTATION_FORGET: "a reason"},
)
SPECS = (
    a_spec(),
    a_spec(powerState="Stopped"),
    a_spec(onLoss="Fail", deletionPolicy="Retain"),
    a_spec(expireAfterSeconds=60, deadlines={"launchSeconds": 1}),
)
REASONS = ("", *(str(reason) for reason in Reason))


class Chance(Random):
    """Makes up what an observation holds. The seed is what hypothesis draws and prints: drawing each field is slow."""

    def moment(self) -> float:
        return NOW - self.randint(0, 400)

    def some(self, names: tuple[str, ...] = NAMES) -> tuple[str, ...]:
        return tuple(name for name in names if self.random() < 0.3)

    def ending(self) -> Ending | None:
        names = self.choice([(N,), (N_R2,), (N, N_R2), ()])
        return None if self.random() < 0.5 else Ending(self.choice(list(EndingReason)), names)

    def launch(self, **changes: Any) -> Launch:
        incarnation, attempt = self.choice([(1, 1), (1, 2), (2, 1)])
        outcome = changes.get("outcome") or self.choice(list(Outcome))
        made_up = {
            "incarnation": incarnation,
            "attempt": attempt,
            "send": self.randint(1, 3),
            "outcome": outcome,
            "settled": outcome is Outcome.COMMITTED and self.random() < 0.5,
            "resent": self.random() < 0.3,
            "conflict": self.random() < 0.2,
            "waited_seconds": self.choice([0, 0, 50, 200]),
            "sent_by": self.choice([PROCESS, "another-process"]),
            "reason": self.choice(REASONS),
            "message": self.choice(["", "no answer", "\u00f6" * 600]),
            "ending": self.ending(),
        }
        return a_launch(**made_up | changes)

    def machine(self) -> Machine:
        labels = self.choice([{}, owner_labels(OWNER, 1), owner_labels(OWNER, 2)])
        state = self.choice(list(MachineState))
        return a_machine(id=self.choice(["i-1", "i-2"]), name=self.choice(NAMES), state=state, labels=labels)

    def trail(self) -> Trail:
        trail = Trail()
        for began in sorted(self.moment() for _ in range(self.randint(0, 6))):
            match self.choice(["present", "absent", "absent", "buried"]):
                case "present":
                    trail = trail.present(began, self.machine(), direct=self.random() < 0.5)
                case "absent":
                    trail = trail.absent(began, direct=self.random() < 0.5)
                case _:
                    trail = trail.buried(began, self.choice(["i-1", "i-2"]))
        return trail

    def memory(self, launch: Launch) -> Memory:
        recorded = a_machine(name=launch.name).recorded() | {"state": str(self.choice(list(MachineState)))}
        residue = tuple(a_residue(name) for name in self.some() if name != launch.name)
        machine = recorded if launch.outcome is Outcome.COMMITTED else {}
        return Memory(launch=launch, machine=machine, residue=residue, replacements=self.randint(0, 3))

    def witness(self, launch: Launch) -> Witness:
        send = self.choice([launch.send, launch.send, launch.send - 1])
        sight = Sight(send, str(launch.outcome), self.moment(), launch.waited_seconds, 0)
        armed = Armed(send, NOW + 1, WALL + 1, self.random() < 0.5)
        return Witness(
            first_seen=NOW - self.choice([0, 400]),
            sight=self.choice([None, sight, sight]),
            armed=self.choice([None, armed]),
            left=self.choice([-1, launch.send]),
            answered_send=self.choice([-1, launch.send]),
            answered_at=self.moment(),
            trails={name: self.trail() for name in NAMES},
            terminated={name: self.moment() for name in self.some()},
            terminate_tried={name: self.moment() for name in self.some()},
            tries=self.randint(0, 3),
            not_before=self.choice([0.0, NOW + 100]),
            residue_since={name: self.moment() for name in self.some()},
            ledgers=frozenset({REF}) if self.random() < 0.5 else frozenset(),
        )

    def view(self) -> ProviderView:
        listed = a_snapshot(*(self.machine() for _ in range(self.randint(0, 3))), began=self.moment())
        return a_provider_view(
            place=self.choice([PLACE, PLACE, PLACE, "elsewhere"]),
            capabilities=self.choice([CAPABILITIES, CAPABILITIES, BLIND_CAPABILITIES]),
            hindrance=self.choice([None, None, a_hindrance()]),
            reachable=self.random() < 0.7,
            credentials_rejected=self.random() < 0.2,
            snapshot=self.choice([None, listed, listed]),
            mass_absent=self.choice([frozenset(), frozenset({"i-1"})]),
        )

    def observation(self, launch: Launch, **instance: Any) -> Observation:
        made_up = {
            "deleting": self.random() < 0.5,
            "finalized": self.random() < 0.8,
            "annotations": self.choice(ANNOTATIONS),
            "spec": self.choice(SPECS),
        }
        witness = self.witness(launch)
        memory, view = self.memory(launch), self.view()
        return an_observation(memory=memory, witness=witness, provider=view, instance=made_up | instance)


def observations(launch: dict[str, Any] | None = None, **instance: Any) -> st.SearchStrategy[Observation]:
    """Return observations of a launch on record; what is named is as it is named, all else is made up."""

    def made_up(seed: int) -> Observation:
        chance = Chance(seed)
        return chance.observation(chance.launch(**launch or {}), **instance)

    return st.integers(0, 2**32 - 1).map(made_up)


def launch_of(seen: Observation) -> Launch:
    assert seen.launch is not None
    return seen.launch


def sends(action: Action) -> bool:
    """Return whether the action leads to a create."""
    return isinstance(action, Send) or (isinstance(action, Record) and action.arms is Arms.SEND)


def ends_as(action: Action) -> EndingReason | None:
    """Return what the action writes as the machine's end."""
    if not isinstance(action, Record) or action.memory.launch is None:
        return None
    return action.memory.launch.ends


@many
@given(observations({"outcome": Outcome.COMMITTED}))
def test_nothing_is_sent_while_a_machine_is_on_record_that_is_not_proven_gone(seen: Observation) -> None:
    if seen.memory.machine.get("state") != MachineState.GONE:
        assert not sends(decide(seen))


def still_in_flight(seen: Observation) -> Observation:
    """Return the same with a create that was first seen less than the settle time ago, and that no look has shown."""
    launch, sight = launch_of(seen), seen.witness.sight
    at = max(sight.at if sight else NOW, NOW - SETTLE + 1)
    recent = Sight(launch.send, str(launch.outcome), at, 0, 0)
    unseen = Trail(absences=seen.trail(launch.name).absences)
    return replace(seen, witness=replace(seen.witness.with_trail(launch.name, unseen), sight=recent))


IN_FLIGHT = {"outcome": Outcome.UNKNOWN, "waited_seconds": 0}


@many
@given(observations(IN_FLIGHT, deleting=False))
def test_nothing_is_sent_while_an_earlier_send_can_still_take_effect(seen: Observation) -> None:
    assert not sends(decide(still_in_flight(seen)))


@many
@given(observations(deleting=True))
def test_nothing_is_sent_or_switched_on_for_what_is_being_deleted(seen: Observation) -> None:
    action = decide(seen)
    assert not sends(action)
    assert not (isinstance(action, Power) and action.on)


@many
@given(observations(annotations={ANNOTATION_PAUSED: "true"}, finalized=True))
def test_nothing_is_done_to_what_is_paused(seen: Observation) -> None:
    assert isinstance(decide(seen), Wait)


@many
@given(observations(IN_FLIGHT, deleting=True, finalized=True, annotations={}))
def test_no_object_goes_while_its_create_can_still_take_effect(seen: Observation) -> None:
    assert not isinstance(decide(still_in_flight(seen)), RemoveFinalizer)


@many
@given(observations({"outcome": Outcome.COMMITTED}, deleting=True, finalized=True, annotations={}, spec=a_spec()))
def test_no_object_goes_while_the_newest_look_shows_its_machine_alive(seen: Observation) -> None:
    name = launch_of(seen).name
    trail = seen.trail(name).present(NOW, a_machine(name=name), direct=True)
    trail = replace(trail, tombstones=frozenset({"i-2"}))
    assert not isinstance(decide(replace(seen, witness=seen.witness.with_trail(name, trail))), RemoveFinalizer)


@many
@given(observations({"resent": True}, annotations={}))
def test_a_provider_that_does_not_answer_ends_releases_and_replaces_nothing(seen: Observation) -> None:
    launch, view = launch_of(seen), next(iter(seen.providers.values()))
    ignorant = replace(seen.witness, trails={}, terminated={}, sight=None, first_seen=seen.now)
    blind = {view.ref: replace(view, reachable=False, snapshot=None)}
    action = decide(replace(seen, providers=blind, witness=ignorant))
    assert not isinstance(action, RemoveFinalizer)
    assert launch.ends is not None or ends_as(action) not in {EndingReason.LOST, EndingReason.PREEMPTED}
    if isinstance(action, Record) and seen.memory.machine.get("state") != MachineState.GONE:
        assert launch_of(replace(seen, instance=replace(seen.instance, memory=action.memory))).incarnation == (
            launch.incarnation
        )


@many
@given(observations())
def test_what_is_destroyed_is_on_record_as_ending(seen: Observation) -> None:
    ending, action = launch_of(seen).ending, decide(seen)
    if isinstance(action, Power) and not action.on:
        assert ending is not None
    if isinstance(action, Terminate):
        assert ending is not None
        assert action.name in ending.names


@many
@given(observations({"outcome": Outcome.COMMITTED}))
def test_a_write_never_loses_a_machine_that_is_not_proven_gone(seen: Observation) -> None:
    action = decide(seen)
    if isinstance(action, Record) and seen.memory.machine.get("state") != MachineState.GONE:
        assert action.memory.machine_id


@many
@given(observations(deleting=False))
def test_an_intent_is_numbered_higher_than_every_one_before(seen: Observation) -> None:
    action = decide(seen)
    if isinstance(action, Record) and action.arms is Arms.SEND:
        assert action.memory.launch is not None
        assert action.memory.launch.send == launch_of(seen).send + 1
        assert action.memory.launch.sent_by == PROCESS


@many
@given(observations(), st.sampled_from(list(Reason)), st.text(max_size=600))
def test_every_status_is_well_formed(seen: Observation, reason: Reason, message: str) -> None:
    told = Wait(reason, message, stalled=seen.jitter > 0.5)
    for conditions in (status_of(seen, action)["conditions"] for action in (decide(seen), told)):
        types = [condition["type"] for condition in conditions]
        assert len(types) == len(set(types))
        assert {condition["reason"] for condition in conditions} <= {str(word) for word in Reason}
        assert all(len(condition["message"].encode()) <= 512 for condition in conditions)
        assert {"Accepted", "Launched", "Ready", "Reconciling", "Stalled"} <= set(types)


@many
@given(observations(), st.sampled_from(list(Reason)), st.integers(1, 10_000))
def test_a_conditions_time_moves_only_with_its_status(seen: Observation, reason: Reason, later: int) -> None:
    before = status_of(seen, decide(seen))
    body = {**seen.instance.body, "status": before}
    after = replace(seen, wall=seen.wall + later, instance=replace(seen.instance, body=body))
    old = {condition["type"]: condition for condition in before["conditions"]}
    for condition in status_of(after, Wait(reason, ""))["conditions"]:
        same = condition["status"] == old[condition["type"]]["status"]
        assert (condition["lastTransitionTime"] == old[condition["type"]]["lastTransitionTime"]) is same


@many
@given(observations(), st.sampled_from([0.25, 1.0, float(POLL), float(F)]))
def test_nothing_in_status_moves_by_the_clock_alone(seen: Observation, seconds: float) -> None:
    action = Wait(Reason.WAITING, "as it was")
    before = status_of(seen, action)
    body = {**seen.instance.body, "status": before}
    later = replace(seen, now=seen.now + seconds, wall=seen.wall + seconds, instance=replace(seen.instance, body=body))
    assert status_of(later, action) == before


@many
@given(observations())
def test_deciding_twice_gives_the_same_answer_and_the_same_status(seen: Observation) -> None:
    assert decide(seen) == decide(seen)
    assert status_of(seen, decide(seen)) == status_of(seen, decide(seen))


FATES = (
    CREATED,
    LOST_AFTER_COMMIT,
    LOST_BEFORE_COMMIT,
    NAME_STAYS,
    NAME_STAYS_AND_LOST,
    NOT_COMMITTED,
    NO_ROOM,
    REFUSED,
    THROTTLED,
    late(20),
    late(55),
)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    far = FarSide(
        lag=draw(st.sampled_from([0, 3, 40])),
        afterglow=draw(st.sampled_from([0, 30])),
        dying=draw(st.sampled_from([1, 20])),
        tombstones=draw(st.booleans()),
        unique_names=draw(st.booleans()),
        reads=draw(st.sampled_from([True, True, False])),
    )
    world = World(far=far, fates=tuple(draw(st.lists(st.sampled_from(FATES), max_size=6))))
    return world.operator("B") if draw(st.booleans()) else world


@few
@given(worlds(), st.lists(st.tuples(st.integers(0, 30), st.sampled_from([0.5, 3.0, 12.0, 70.0])), max_size=40))
def test_no_walk_through_the_world_makes_a_double_or_a_leak(world: World, walk: list[tuple[int, float]]) -> None:
    """A number up to 20 takes one of the steps that may happen next; a larger one lets one operator run for a while."""
    for choice, seconds in walk:
        if choice <= 20:
            possible = steps(world)
            world = possible[choice % len(possible)].then()
        else:
            who = list(world.operators)[choice % len(world.operators)]
            others = {name: op for name, op in world.operators.items() if name != who}
            world = runs(replace(world, operators={who: world.operators[who]}), seconds)
            world = replace(world, operators={**world.operators, **others})
        assert world.most <= 1
        assert not world.leaked
    world = runs(world.deleted(), 1500)
    assert world.most <= 1
    assert world.gone
    assert not world.leaked
