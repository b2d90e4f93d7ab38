"""A sample of L1, and that it catches: with a guard taken away it names the invariant that the guard holds."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from tests.campaign import l1
from tests.campaign.l1_api import API_FAULTS
from tests.campaign.l1_bench import Bench
from tests.campaign.l1_faults import FAULTS, VERBS
from tests.campaign.l1_plan import Plan
from tests.campaign.l1_points import (
    POSITIONS,
    SWEPT_FAULTS,
    SWEPT_VERBS,
    Crash,
    company_bases,
    crash_points,
    fault_points,
    pair_bases,
    parsed,
    placement_bases,
    sweep_bases,
    sweep_points,
)
from tests.campaign.l1_provider import CLASSES
from tests.campaign.l1_run import run_once
from tests.campaign.l1_sweeps import SWEEPS
from tests.campaign.l1_workflows import WORKFLOWS, cloned, life_cycles
from tests.campaign.pool import spread

from gpuwright.adapters.registry import KINDS, AdapterContext
from gpuwright.instance.actions import Action, ReadLive, Record, RemoveFinalizer, Terminate, Wait
from gpuwright.instance.observation import Observation
from gpuwright.instance.rules import admission, deletion, launch, liveness, settlement, steady
from gpuwright.instance.rules import decide as rules
from gpuwright.model import request
from gpuwright.model.addresses import AddressPolicy
from gpuwright.model.conditions import Reason
from gpuwright.model.provider_spec import ProviderSpec
from gpuwright.provider import sweeper
from gpuwright.provider.sweep import Named, Standing
from gpuwright.provider.sweeper import Sweeper

SEED = 20261122
Rule = Callable[[Observation], Action | None]


def test_a_sample_of_all_points_breaks_nothing() -> None:
    outcome = l1.run(SEED, sample=0.004)
    assert outcome.violations == ()
    assert outcome.found > 6000
    assert outcome.tested > 25


def test_every_workflow_and_every_class_has_effects_to_crash_at() -> None:
    ran = run_once(WORKFLOWS["create"], CLASSES["token"], Plan(), SEED)
    effects = ran.world.effects
    assert "PATCH computeinstances/trainer-0/status" in effects
    assert any(label.startswith("create trainer-0-") for label in effects)
    assert any(label.startswith("list") for label in effects)
    assert len(list(crash_points(Crash("token", "create", ()), len(effects)))) == 3 * len(effects)


def test_the_fault_matrix_is_whole() -> None:
    points = list(fault_points())
    powered = sum(traits.capabilities.power for traits in CLASSES.values())
    assert (len(points), powered) == (len(CLASSES) * 312 + powered * 78, 3)
    assert (len(FAULTS), len(VERBS), len(WORKFLOWS)) == (26, 4, 14)


def test_the_points_of_one_kind_can_be_tried_alone_and_are_counted_for_each_class() -> None:
    outcome = l1.run(SEED, sample=0.01, part="faults")
    counted = {name: count for name, count in outcome.facts if name.startswith("faults of class")}
    assert set(counted) <= {f"faults of class {traits}" for traits in CLASSES}
    assert (outcome.found, sum(counted.values())) == (len(list(fault_points())), outcome.tested)
    with pytest.raises(SystemExit, match="write one of confluences, crashes"):
        l1.run(SEED, part="everything")


def test_every_workflow_of_the_sweep_comes_to_its_end_undisturbed() -> None:
    for base in sweep_bases():
        assert Bench(SEED).tried(base).broken == (), str(base)


def test_every_workflow_with_two_placements_comes_to_its_end_undisturbed() -> None:
    for base in placement_bases():
        assert Bench(SEED).tried(base).broken == (), str(base)


def test_a_crash_between_two_placements_makes_no_second_machine() -> None:
    bench = Bench(SEED)
    effects = bench.tried(Crash("list-only", "second-placement", ())).run.world.effects
    creates = [number for number, label in enumerate(effects) if label.startswith("create ")]
    assert len(creates) == 2, "one at each provider"
    for number in (creates[0], creates[1], creates[0] + 1, creates[1] - 1):
        for where in POSITIONS:
            point = Crash("list-only", "second-placement", ((number, where),))
            assert bench.tried(point).broken == (), str(point)


def test_the_matrix_of_the_sweep_is_whole() -> None:
    readable = [traits for traits in CLASSES.values() if traits.reads]
    provider, server = len(SWEPT_FAULTS) * len(SWEPT_VERBS) * 2, len(API_FAULTS) * 3
    assert len(list(sweep_points())) == len(readable) * len(SWEEPS) * (provider + server)


def test_the_same_point_twice_is_the_same_run() -> None:
    point = parsed("crash:list-only:manual-kill:12:lost:20:before")
    one, other = (Bench(SEED).tried(point).run.world for _time in range(2))
    assert one.effects == other.effects
    assert [(type(e), e.at) for e in one.trace.events] == [(type(e), e.at) for e in other.trace.events]


def test_a_point_is_read_as_it_is_written() -> None:
    bases = [*pair_bases(), *company_bases(), *sweep_bases(), *placement_bases()]
    points = [*fault_points(), *bases, *sweep_points(), Crash("token", "create", ((3, "lost"), (9, "before")))]
    points += [replace(base, crashes=((3, "lost"),)) for base in bases]
    assert [parsed(str(point)) for point in points] == points
    with pytest.raises(ValueError, match="write a point"):
        parsed("nothing:token:at:all")


def test_a_replay_prints_the_trace_of_its_point(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = l1.run(SEED, replay="fault:token:F5:create:first")
    assert (outcome.found, outcome.tested, outcome.violations) == (1, 1, ())
    said = capsys.readouterr().out
    assert "verb='create'" in said
    assert "result='unknown'" in said


GATEWAY = {"endpoint": "https://gateway.example", "credentialsSecretRef": {"name": "gateway-token", "key": "token"}}
AWS = {"region": "us-east-1", "credentialsSecretRef": {"name": "aws", "key": "credentials"}}
SKY = {"endpoint": "https://skypilot.example", "credentialsSecretRef": {"name": "skypilot", "key": "token"}}
RUNPOD = {"credentialsSecretRef": {"name": "runpod", "key": "apiKey"}}
PROVIDERS: list[dict[str, Any]] = [
    *(
        {"type": "Gateway", "gateway": {**GATEWAY, "dialect": dialect, "idempotencyKeys": keys}}
        for dialect in ("Full", "CreateOnly")
        for keys in (True, False)
    ),
    {"type": "EC2", "ec2": AWS, "settleSeconds": 300},
    {"type": "SkyPilot", "skypilot": SKY, "settleSeconds": 1800},
    {"type": "RunPod", "runpod": RUNPOD, "settleSeconds": 300},
]


def test_every_adapter_that_there_is_has_one_of_the_classes() -> None:
    assert {spec["type"] for spec in PROVIDERS} == set(KINDS), "a new kind of provider wants a row here"
    classes = {(traits.create_key, traits.reads) for traits in CLASSES.values()}
    # What EC2 wants to read; a gateway takes any text.
    secret = "[default]\naws_access_key_id = key\naws_secret_access_key = secret"
    context = AdapterContext(secret, "cluster", AddressPolicy((), private=False), promises=True)
    for body in PROVIDERS:
        spec = ProviderSpec.model_validate(body)
        capabilities = KINDS[spec.type].make(spec, context).capabilities
        # Without reads a token shortens no wait, so such an adapter goes the way of names.
        assert (capabilities.create_key, capabilities.reads) in classes or not capabilities.reads


def without(monkeypatch: pytest.MonkeyPatch, *gone: Rule) -> None:
    """Take rules out of both lists."""
    for name in ("WANTED", "DELETED"):
        monkeypatch.setattr(rules, name, tuple(rule for rule in getattr(rules, name) if rule not in gone))


def caught(*points: str) -> set[str]:
    """Return the invariants that these points show to be broken."""
    bench = Bench(SEED)
    return {invariant for point in points for invariant, _words in bench.tried(parsed(point)).broken}


def broken_undisturbed(workflow: str, traits: str = "token") -> set[str]:
    """Return the invariants that a run shows to be broken although nothing disturbs it."""
    ran = run_once(WORKFLOWS[workflow], CLASSES[traits], Plan(), SEED)
    return {invariant for invariant, _words in ran.broken}


class TestWithAGuardTakenAwayItNames:
    def test_i1_where_a_lost_create_is_sent_again_at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        without(monkeypatch, settlement.wait_until_settled, settlement.prove_that_nothing_was_made)
        assert "I1" in caught("fault:list-only:F7:create:first")

    def test_i9_where_one_list_counts_as_proof(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(liveness, "absence_proven", lambda *_any: True)
        assert {"I1", "I9"} <= caught("fault:token:F13:list:every")

    def test_i7_where_absence_is_not_proven_before_the_object_goes(self, monkeypatch: pytest.MonkeyPatch) -> None:
        without(monkeypatch, deletion.wait_for_settlement, deletion.prove_absence)
        assert {"I2", "I7"} <= broken_undisturbed("delete-ready", "list-only")

    def test_i2_where_the_finalizer_goes_before_the_machine(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def let_go_at_once(seen: Observation) -> Action | None:
            return RemoveFinalizer("it was asked for") if seen.instance.finalized else None

        monkeypatch.setattr(rules, "DELETED", (let_go_at_once, *rules.DELETED))
        assert {"I2", "I7"} <= broken_undisturbed("delete-ready")

    def test_i3_where_an_id_on_record_is_overwritten(self, monkeypatch: pytest.MonkeyPatch) -> None:
        recorded = steady.keep_record_true

        def overwrite(seen: Observation) -> Action | None:
            action = recorded(seen)
            if not isinstance(action, Record) or seen.memory.machine_id == "i-other":
                return None
            other = {**action.memory.machine, "id": "i-other"}
            return replace(action, memory=replace(action.memory, machine=other))

        swapped = tuple(overwrite if rule is recorded else rule for rule in rules.WANTED)
        monkeypatch.setattr(rules, "WANTED", swapped)
        assert "I3" in broken_undisturbed("create")

    def test_i5_where_a_retry_has_another_token(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(request, "token", lambda *_any: uuid4().hex)
        assert "I5" in broken_undisturbed("create")

    def test_i6_where_the_finalizer_comes_after_the_create(self, monkeypatch: pytest.MonkeyPatch) -> None:
        without(monkeypatch, launch.finalize_before_intent, admission.keep_finalizer)
        assert "I6" in broken_undisturbed("create")

    def test_i4_where_something_is_destroyed_that_nobody_announced(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def end_what_runs(seen: Observation) -> Action | None:
            if seen.launch is None or not seen.memory.machine or seen.launch.name in seen.witness.terminated:
                return None
            return Terminate(seen.ref, seen.launch.name) if seen.witness.armed else ReadLive()

        monkeypatch.setattr(rules, "WANTED", (end_what_runs, *rules.WANTED))
        assert "I4" in broken_undisturbed("create")

    def test_i8_where_silence_is_taken_for_health(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def all_is_well(seen: Observation) -> Action | None:
            ready = seen.launch is not None and bool(seen.memory.machine)
            return Wait(Reason.RUNNING, "it ran once", ready=True) if ready else None

        swapped = tuple(all_is_well if rule is steady.say_how_it_is else rule for rule in rules.WANTED)
        monkeypatch.setattr(rules, "WANTED", swapped)
        assert "I8" in caught("fault:token:F6:list:every")


class TestTheSweepWithoutAGuard:
    def test_i4_where_no_owner_is_asked_for(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sweeper, "suspects", lambda own, _living, _named: tuple(own))
        monkeypatch.setattr(sweeper, "standing_of", lambda *_any: Standing.GONE)
        monkeypatch.setattr(sweeper, "named_in", lambda *_any: Named())
        assert "I4" in caught("sweep:token:retained:F19:list:first")

    def test_i2_where_nothing_is_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Sweeper, "due_at", lambda *_any: None)
        assert "I2" in caught("sweep:token:orphan-ended:F19:list:first")


@pytest.mark.parametrize("traits", ["token", "list-only"])
def test_a_copy_that_somebody_makes_of_a_machine_is_ended_and_the_first_one_stays(traits: str) -> None:
    ran = run_once(cloned, CLASSES[traits], Plan(), SEED)
    first, copy = ran.world.far.vms
    assert (first.alive, copy.alive) == (True, False)
    assert {invariant for invariant, _words in ran.broken} == {"I1"}, "it was there twice, and that is all"


def test_life_cycles_come_to_rest_in_every_class() -> None:
    for traits in CLASSES.values():
        assert run_once(life_cycles, traits, Plan(), SEED).broken == ()


def test_another_process_shows_the_same_of_a_part() -> None:
    parts = list(l1.parts_of(SEED, 0.2))
    assert len({part.points for part in parts}) == len(parts)
    part = next(part for part in parts if part.fact == "faults")
    assert dict(spread(l1.tried, [part], 1, apart=True))[part] == l1.tried(part)
    assert l1.tried(part).tested > 0
