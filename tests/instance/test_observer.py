"""What is gathered for one decision, and what this process remembers."""

from dataclasses import replace
from decimal import Decimal

import pytest
from tests.builders import NOW, OWNER, REF, N, a_provider_spec, a_provider_view, a_strangers_machine
from tests.instance.stage import KEY, Stage

from gpuwright.adapters.contract import Created, Gate
from gpuwright.instance.observation import Observation
from gpuwright.kube.client import NoAnswer
from gpuwright.model.machine_spec import MachineSpec
from gpuwright.model.memory import ProviderRef
from gpuwright.model.provider_view import ProviderView
from gpuwright.model.request import MachineRequest, Wishes
from gpuwright.model.resources import Key


async def seen_by(stage: Stage) -> Observation:
    seen = await stage.observer.observe(KEY)
    assert seen is not None
    return seen


async def test_an_object_that_is_not_cached_is_not_observed() -> None:
    stage = Stage()
    assert await stage.observer.observe(Key(KEY.kind, KEY.namespace, "other")) is None


async def test_a_new_object_is_seen_with_its_provider_and_its_wishes() -> None:
    seen = await seen_by(Stage())
    assert (seen.instance.owner, seen.launch, seen.instance.finalized, seen.jitter) == (OWNER, None, False, 0.5)
    assert isinstance(seen.wishes, Wishes)
    assert isinstance(seen.providers[REF], ProviderView)
    assert seen.witness.first_seen == NOW


async def test_a_machine_that_runs_needs_no_secrets() -> None:
    stage = Stage()
    await stage.reconcile()
    assert (await seen_by(stage)).wishes is None


async def test_a_spec_that_cannot_be_read_is_said_in_sentences() -> None:
    stage = Stage()
    stage.change({"spec": {"machine": {"cpu": None}}}, told=True)
    seen = await seen_by(stage)
    assert (seen.instance.spec, seen.wishes) == (None, None)
    assert "memory is given without cpu" in seen.instance.spec_error


async def test_lists_are_remembered_by_name() -> None:
    stage = Stage()
    await stage.reconcile()
    stage.clock.advance(10)
    assert (await seen_by(stage)).trail(N).shown == NOW + 10
    stage.desk.machines.clear()
    stage.clock.advance(10)
    (absence,) = (await seen_by(stage)).trail(N).absences
    assert (absence.began, absence.direct) == (NOW + 20, False)


@pytest.mark.parametrize(
    "changes",
    [{"absence_counts": False}, {"mass_absent": frozenset({"i-1"})}],
    ids=["credentials not proven", "mass absence"],
)
async def test_absences_that_prove_nothing_are_not_remembered(changes: dict[str, object]) -> None:
    stage = Stage()
    await stage.reconcile()
    stage.desk.machines.clear()
    stage.desk.changes = changes
    stage.clock.advance(10)
    assert (await seen_by(stage)).trail(N).absences == ()


async def test_a_strangers_machine_under_our_name_counts_as_absent() -> None:
    stage = Stage()
    await stage.reconcile()
    stage.desk.machines[N] = a_strangers_machine()
    stage.clock.advance(10)
    assert len((await seen_by(stage)).trail(N).absences) == 1


async def test_what_is_forgotten_is_seen_for_the_first_time_again() -> None:
    stage = Stage()
    await seen_by(stage)
    stage.clock.advance(10)
    stage.observer.forget(OWNER.uid)
    assert (await seen_by(stage)).witness.first_seen == NOW + 10


async def test_a_live_read_is_cached_and_a_gone_object_leaves_the_cache() -> None:
    stage = Stage()
    stage.change({"metadata": {"annotations": {"a": "b"}}})
    await stage.observer.read_live(KEY)
    assert (await seen_by(stage)).instance.annotations == {"a": "b"}
    stage.delete()
    assert await stage.observer.read_live(KEY) is None
    assert await stage.observer.observe(KEY) is None


async def test_no_answer_to_a_live_read_is_not_gone() -> None:
    stage = Stage()
    stage.api.fail(NoAnswer("reset"), "GET")
    with pytest.raises(NoAnswer):
        await stage.observer.read_live(KEY)
    assert stage.cache.get(KEY) is not None


LARGE = {"name": "large", "instanceType": "gpu.h100.1", "cpu": "8", "memory": "64Gi"}


class TestASize:
    """A name of the provider's owner for what is bought there; it is looked up before anything is asked for."""

    def _stage(self, *sizes: dict[str, str]) -> Stage:
        stage = Stage(machine={"size": "large", "image": "trainer:1"})
        stage.desk.changes = {"spec": a_provider_spec(sizes=list(sizes))}
        return stage

    async def test_is_asked_for_in_the_words_of_its_provider(self, monkeypatch: pytest.MonkeyPatch) -> None:
        stage = self._stage(LARGE)
        asked: list[MachineSpec] = []
        create = stage.desk.create

        async def heard(ref: ProviderRef, asker: Key, request: MachineRequest, gate: Gate) -> Created:
            asked.append(request.wishes.machine)
            return await create(ref, asker, request, gate)

        monkeypatch.setattr(stage.desk, "create", heard)
        await stage.reconcile()
        (machine,) = asked
        assert machine.size is None
        assert (machine.instance_type, machine.cpu, machine.image) == ("gpu.h100.1", Decimal(8), "trainer:1")
        assert stage.status["summary"] == "Running"

    async def test_that_nobody_knows_buys_nothing_and_says_which_there_are(self) -> None:
        stage = self._stage({**LARGE, "name": "small"})
        await stage.reconcile()
        assert not [call for call in stage.desk.calls if call.startswith("create")]
        found = {entry["type"]: entry for entry in stage.status["conditions"]}
        assert (found["Accepted"]["status"], found["Stalled"]["status"]) == ("False", "True")
        assert found["Accepted"]["reason"] == found["Ready"]["reason"] == "InvalidSpec"
        assert "the provider has no size large in spec.sizes; it has small" in found["Accepted"]["message"]

    async def test_that_comes_to_be_known_is_bought_then(self) -> None:
        stage = self._stage()
        await stage.reconcile()
        stage.desk.changes = {"spec": a_provider_spec(sizes=[LARGE])}
        stage.clock.advance(60)
        await stage.reconcile()
        assert stage.status["summary"] == "Running"

    async def test_that_is_changed_later_changes_nothing_about_what_was_bought(self) -> None:
        stage = self._stage(LARGE)
        await stage.reconcile()
        before = stage.status
        stage.desk.changes = {"spec": a_provider_spec()}
        stage.clock.advance(60)
        await stage.reconcile()
        assert stage.status == before

    async def test_is_looked_up_at_each_provider_and_stands_back_behind_a_placements_own_words(self) -> None:
        elsewhere = ProviderRef("ComputeProvider", "elsewhere")
        machine = {"size": "large", "image": "trainer:1"}
        placements = [
            {"providerRef": {"name": REF.name}},
            {"providerRef": {"name": elsewhere.name}},
            {"providerRef": {"name": elsewhere.name}, "instanceType": "their.own"},
        ]
        stage = Stage(providerRef=None, placements=placements, machine=machine)
        seen = await seen_by(stage)
        theirs = {**LARGE, "instanceType": "their.large"}
        views = {
            REF: a_provider_view(spec=a_provider_spec(sizes=[LARGE])),
            elsewhere: a_provider_view(ref=elsewhere, spec=a_provider_spec(sizes=[theirs])),
        }
        seen = replace(seen, providers=views)
        found = [seen.wishes_at(placement) for placement in range(3)]
        assert [wishes.machine.instance_type for wishes in found if isinstance(wishes, Wishes)] == [
            "gpu.h100.1",
            "their.large",
            "their.own",
        ]
        assert all(isinstance(wishes, Wishes) and wishes.machine.size is None for wishes in found)
        assert replace(seen, providers={}).wishes_at(0) is None, "nobody knows its words"
