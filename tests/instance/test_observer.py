"""What is gathered for one decision, and what this process remembers."""

import pytest
from tests.builders import NOW, OWNER, REF, N, a_strangers_machine
from tests.instance.test_sending import KEY, Stage

from gpuwright.instance.observation import Observation
from gpuwright.kube.client import NoAnswer
from gpuwright.model.provider_view import ProviderView
from gpuwright.model.request import Wishes
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
