"""A few places of L5, and operators that were broken on purpose: each must be caught."""

import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from tests.campaign import l5, l5_leaves
from tests.campaign.l3_operator import copied
from tests.campaign.l5_ground import opened
from tests.campaign.l5_leaves import NoExample, leaves
from tests.campaign.l5_rounds import Rounds
from tests.campaign.l5_stands import INSTANCE, differing, flat, unlike
from tests.campaign.l5_steps import Course, courses_of
from tests.campaign.l5_values import NoValues, Stands, row_of
from tests.crds import schema
from tests.crds.schema import INSTANCES, Node

from gpuwright_sandbox.controlplane.plane import ControlPlane

SEED = 1
PATIENCE_SECONDS = 120.0  # whoever stands right is not waited for
IMPATIENCE_SECONDS = 12.0  # where something is known to go wrong
SIDE_BY_SIDE = 2


@dataclass(frozen=True, slots=True)
class Mutant:
    """A change of the operator, the place that finds it, and the invariant that it breaks."""

    path: str
    old: str
    new: str
    place: str
    invariant: str


SAMPLE = (
    "ComputeInstance:spec.powerState",
    "ComputeInstance:spec.machine.cpu",
    "ComputeProvider:spec.draining",
    "ComputeProvider:spec.gateway.credentialsSecretRef.key",
    "ClusterComputeProvider:spec.adoption",
)
MUTANTS = {
    "generation-not-observed": Mutant(
        "instance/report.py",
        '"observedGeneration": instance.generation,',
        '"observedGeneration": before.get("observedGeneration") or instance.generation,',
        "ComputeInstance:spec.onLoss",
        "I8",
    ),
    "an-edit-replaces-the-machine": Mutant(
        "instance/rules/liveness.py",
        "if machine.state is MachineState.FAILED:",
        "if machine.state is MachineState.FAILED or seen.instance.generation > 1:",
        "ComputeInstance:spec.maxReplacements",
        "I3",
    ),
    "an-edit-leaves-a-trace": Mutant(
        "instance/report.py",
        '"replacements": memory.replacements,\n    }',
        '"replacements": memory.replacements + (instance.generation > 1),\n    }',
        "ComputeInstance:spec.deletionPolicy",
        "I17",
    ),
}


def courses(*places: str) -> list[Course]:
    return [course for leaf in leaves() if leaf.id in places for course in courses_of(leaf, SEED)]


def played(plane: ControlPlane, chosen: list[Course], patience: float, sources: Path | None = None) -> Rounds:
    with opened(plane, f"l5-{uuid.uuid4().hex[:8]}", sources) as ground:
        rounds = Rounds(ground, patience)
        rounds.run(chosen)
    return rounds


def mutated(name: str, mutant: Mutant) -> Path:
    """Return the folder of a copy of the operator with the change."""
    folder = copied(f"l5-{name}")
    path = folder / "gpuwright" / mutant.path
    text = path.read_text()
    assert text.count(mutant.old) == 1, f"{mutant.path} does not have this once: {mutant.old}"
    path.write_text(text.replace(mutant.old, mutant.new))
    return folder


@pytest.fixture(scope="module")
def mutants(control_plane: ControlPlane) -> Iterator[Mapping[str, "Future[Rounds]"]]:
    """What came of each mutant; all are played side by side."""
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        yield {
            name: pool.submit(
                played,
                control_plane,
                courses(mutant.place),
                IMPATIENCE_SECONDS,
                mutated(name, mutant),
            )
            for name, mutant in MUTANTS.items()
        }


@pytest.mark.cluster
def test_a_place_that_was_changed_and_changed_back_is_as_it_was(control_plane: ControlPlane) -> None:
    chosen = courses(*SAMPLE)
    rounds = played(control_plane, chosen, PATIENCE_SECONDS)
    assert rounds.found == []
    assert rounds.tested == sum(course.points for course in chosen)
    assert l5.outcome_of([rounds], chosen, SEED, 1.0).clean


@pytest.mark.cluster
@pytest.mark.parametrize("name", MUTANTS)
def test_an_operator_that_was_broken_on_purpose_is_caught(mutants: Mapping[str, "Future[Rounds]"], name: str) -> None:
    rounds = mutants[name].result()
    assert MUTANTS[name].invariant in {found.invariant for found in rounds.found}
    assert all(found.point.startswith((MUTANTS[name].place, "end")) for found in rounds.found)


def test_every_place_of_the_api_is_changed() -> None:
    found = leaves()
    assert {leaf.id for leaf in found} == {course.leaf.id for leaf in found for course in courses_of(leaf, SEED)}
    names = [course.name for leaf in found for course in courses_of(leaf, SEED)]
    assert len(set(names)) == len(names)


def test_every_course_ends_where_it_began() -> None:
    for leaf in leaves():
        for course in courses_of(leaf, SEED):
            assert course.steps[-1].manifest == course.begin
            assert not course.steps[-1].says


def test_a_new_field_without_values_is_an_error() -> None:
    unknown = replace(leaves()[0], at="spec.unheardOf")
    with pytest.raises(NoValues, match=r"ComputeInstance:spec\.unheardOf"):
        row_of(unknown)


def test_a_new_field_without_an_example_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    real = schema.places

    def with_one_more(plural: str) -> dict[str, Node]:
        return {**real(plural), "spec.unheardOf": {"type": "string"}}

    monkeypatch.setattr(l5_leaves, "places", with_one_more)
    with pytest.raises(NoExample, match="unheardOf"):
        leaves()


def test_a_bad_manifest_that_is_accepted_is_wrong() -> None:
    rounds = Rounds(None, 1.0)  # type: ignore[arg-type]  # nothing is asked
    step = courses("ComputeInstance:spec.onLoss")[0].refused_first[0]
    rounds.judge_refusal(step, accepted=True, sentences=())
    rounds.judge_refusal(step, accepted=False, sentences=("something is wrong",))
    rounds.judge_refusal(step, accepted=False, sentences=(f"{step.says[0]}: and so on",))
    assert [found.invariant for found in rounds.found] == ["6.3", "6.3"]


def a_status(**fields: Any) -> dict[str, Any]:
    conditions = [
        {"type": kind, "status": status, "reason": reason, "observedGeneration": 2}
        for kind, (status, reason) in INSTANCE[Stands.USUAL].items()
    ]
    return {"metadata": {"generation": 2}, "status": {"observedGeneration": 2, "conditions": conditions, **fields}}


def test_how_an_object_stands_is_told_from_how_it_must() -> None:
    wanted = INSTANCE[Stands.USUAL]
    assert list(unlike(a_status(), wanted, 2)) == []
    assert [invariant for invariant, _words in unlike(a_status(observedGeneration=1), wanted, 2)] == ["I8", "I12"]
    assert {invariant for invariant, _words in unlike(a_status(), wanted, 3)} == {"I8", "I15", "I17"}
    assert "I12" in {invariant for invariant, _words in unlike(a_status(), INSTANCE[Stands.STOPPED], 2)}
    assert [invariant for invariant, _words in unlike(None, wanted, 2)] == ["I12"]


def test_two_objects_are_compared_without_their_names_and_times() -> None:
    one = {"machine": {"name": "a-0123456789", "region": "r"}, "token": "1"}
    other = {"machine": {"name": "b-abcdef0123", "region": "s"}, "token": "2"}
    assert differing(flat(one, {"a-": "x-"}), flat(one, {"a-": "x-"})) == []
    assert differing(flat(one, {"a-": "x-"}), flat(other, {"b-": "x-"})) == [".machine.region is 'r', and 's'"]


def test_the_places_of_both_kinds_of_provider_are_counted_apart() -> None:
    kinds = {leaf.plural for leaf in leaves() if leaf.at == "spec.draining"}
    assert len(kinds) == 2
    assert INSTANCES not in kinds
