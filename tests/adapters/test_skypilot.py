"""The SkyPilot adapter against the emulator of its API server: the contract, and what is its own."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import orjson
import pytest
from tests.adapters import contract
from tests.adapters.adapter_stage import LARGEST_BODY
from tests.adapters.contract import (
    SPOILT_BODIES,
    Deed,
    FailingContract,
    PowerContract,
    ReadingContract,
    RevivableContract,
    Stage,
    Trouble,
    Verb,
    a_request,
    is_seen_after,
    opened,
)
from tests.adapters.skypilot_stage import FAULTS, MACHINE, SkyPilotStage

from gpuwright import http_client
from gpuwright.adapters import skypilot
from gpuwright.adapters.contract import Deletion, NotAsked
from gpuwright.model.capabilities import CreateKey
from gpuwright.model.conditions import Reason
from gpuwright.model.errors import Blind, NeverSent, NotCommitted, NotExecuted, Rejected, Unknown
from gpuwright.model.machine import Absent, MachineState, Present, Tombstone
from gpuwright.model.machine_spec import Purchase
from gpuwright.model.port_spec import Port
from gpuwright.model.request import Wishes
from gpuwright_sandbox.doubles.answers import Answer
from gpuwright_sandbox.doubles.faults import How
from gpuwright_sandbox.skypilot.answers import error
from gpuwright_sandbox.skypilot.calls import Kind
from gpuwright_sandbox.skypilot.fleet import Fate

NAME = a_request().name


@pytest.fixture(autouse=True)
def _skypilots_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_client, "MAX_BODY", LARGEST_BODY)
    monkeypatch.setattr(contract, "MACHINE", MACHINE)
    monkeypatch.setattr(skypilot, "POWER_SECONDS", 0.3)


@pytest.fixture
async def stage() -> AsyncIterator[SkyPilotStage]:
    async with SkyPilotStage() as stage:
        yield stage


class TestSkyPilot(ReadingContract, PowerContract, FailingContract, RevivableContract):
    """What every adapter keeps. SkyPilot answers a list in one piece, and has no word for what a cloud took away: the
    tests of the suite that speak of pages, of that, and of what is not shown while it is launched are told here as they
    are at SkyPilot.
    """

    async def test_a_list_has_all_its_pages(self, stage: Stage) -> None:
        for number in range(5):
            await stage.adapter.create(a_request(f"trainer-{number}"), opened)
        before = stage.calls(Verb.LIST)
        assert len(await stage.adapter.list()) == 5
        assert stage.calls(Verb.LIST) == before + 1

    @pytest.mark.parametrize("trouble", [Trouble.WITHOUT_ID_AFTER, Trouble.WRONG_TYPES_AFTER])
    async def test_a_list_with_a_bad_page_is_blind(self, stage: Stage, trouble: Trouble) -> None:
        await stage.adapter.create(a_request(), opened)
        stage.spoil(Verb.LIST, trouble)
        with pytest.raises(Blind):
            await stage.adapter.list()

    async def test_a_machine_on_a_lost_page_is_still_found_by_a_direct_look(self, stage: Stage) -> None:
        await stage.adapter.create(a_request(), opened)
        stage.spoil(Verb.LIST, Trouble.NOT_LISTED_YET)
        assert await stage.adapter.list() == ()
        assert isinstance(await stage.adapter.look(NAME, opened), Present)

    async def test_a_look_that_lags_does_not_show_a_fresh_machine(self, stage: Stage) -> None:
        await stage.adapter.create(a_request(), opened)
        stage.advance(60)  # while its launch is under way, a look that does not show it is Blind
        stage.spoil(Verb.LOOK, Trouble.NOT_FOUND_YET)
        assert await stage.adapter.look(NAME, opened) == Absent()

    async def test_a_machine_that_vanished_is_absent_and_no_proof_of_more(self, stage: Stage) -> None:
        await stage.adapter.create(a_request(), opened)
        stage.advance(60)
        stage.do(Deed.VANISH, NAME)
        assert await stage.adapter.look(NAME, opened) == Absent()
        assert await stage.adapter.list() == ()

    @pytest.mark.parametrize(("deed", "state"), [(Deed.STOP, MachineState.STOPPED)])
    async def test_what_is_done_behind_our_back_is_seen(self, stage: Stage, deed: Deed, state: MachineState) -> None:
        await is_seen_after(stage, deed, state)

    async def test_what_a_cloud_took_away_is_absent_once_the_server_has_noticed(self, stage: Stage) -> None:
        await stage.adapter.create(a_request(), opened)
        stage.advance(60)
        stage.do(Deed.PREEMPT, NAME)
        assert isinstance(await stage.adapter.look(NAME, opened), Present)
        stage.advance(60)
        assert await stage.adapter.look(NAME, opened) == Absent()
        assert await stage.adapter.list() == ()


def launches(stage: SkyPilotStage) -> int:
    return stage.calls(Verb.CREATE)


def polls(stage: SkyPilotStage) -> int:
    return sum(call.kind is Kind.POLL for call in stage.server.calls)


async def state_of(stage: SkyPilotStage) -> MachineState:
    sighting = await stage.adapter.look(NAME, opened)
    assert isinstance(sighting, Present)
    (listed,) = await stage.adapter.list()
    assert listed.state is sighting.machine.state
    return listed.state


async def test_its_abilities_are_told(stage: SkyPilotStage) -> None:
    capabilities = stage.adapter.capabilities
    assert capabilities.create_key is CreateKey.UNIQUE_NAME
    assert "forgotten" in capabilities.limits
    assert capabilities.power
    assert not stage.adapter_for(cloud="").capabilities.power, "SkyPilot may choose a cloud that cannot stop machines"


async def test_a_machine_of_another_cluster_is_not_in_our_list(stage: SkyPilotStage) -> None:
    other = stage.adapter_for(cluster="cluster-2")
    await stage.adapter.create(a_request(), opened)
    assert await other.list() == ()
    assert len(await stage.adapter.list()) == 1


async def test_what_a_machine_costs_of_calls(stage: SkyPilotStage) -> None:
    await stage.adapter.create(a_request(), opened)
    made = len(stage.server.calls)
    await stage.adapter.list()
    assert (made, len(stage.server.calls) - made) == (6, 3)


class TestALaunchOnItsWay:
    async def test_what_is_there_already_is_taken_over_and_not_launched_again(self, stage: SkyPilotStage) -> None:
        first = await stage.adapter.create(a_request(), opened)
        again = await stage.adapter.create(a_request(), opened)
        assert again.adopted
        assert again.machine.id == first.machine.id
        assert launches(stage) == 1

    async def test_another_owners_machine_is_not_launched_upon(self, stage: SkyPilotStage) -> None:
        await stage.adapter.create(a_request("theirs"), opened)
        mine = replace(a_request("mine"), name=a_request("theirs").name)
        with pytest.raises(Rejected) as caught:
            await stage.adapter.create(mine, opened)
        assert caught.value.reason is Reason.NAME_CONFLICT
        assert launches(stage) == 1

    async def test_ports_and_keys_reach_the_server(self, stage: SkyPilotStage) -> None:
        wanted = MACHINE.model_copy(update={"ports": [Port(name="ssh", port=22)]})
        wishes = Wishes(wanted, ssh_keys=("ssh-ed25519 AAAAC3Nza me",))
        created = await stage.adapter.create(replace(a_request(), wishes=wishes), opened)
        assert stage.server.fleet.clusters[NAME].resources["ports"] == ["22"]
        (sent,) = [call for call in stage.server.calls if call.kind is Kind.CREATE]
        assert "ssh-ed25519 AAAAC3Nza me" in orjson.loads(sent.body["task"])["setup"]
        assert created.machine.endpoints == ()

    async def test_a_look_before_a_launch_holds_for_a_while(self, stage: SkyPilotStage) -> None:
        answers = iter([True] * 4)  # enough for the look, and none for the launch
        with pytest.raises(NotExecuted):
            await stage.adapter.create(a_request(), lambda: next(answers, False))
        before = len(stage.server.calls)
        await stage.adapter.create(a_request(), opened)
        assert stage.server.calls[before].kind is Kind.CREATE

    async def test_a_look_before_a_launch_does_not_hold_for_ever(
        self, stage: SkyPilotStage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(skypilot, "CLEAR_SECONDS", 0.0)
        answers = iter([True] * 4)
        with pytest.raises(NotAsked):
            await stage.adapter.create(a_request(), lambda: next(answers, False))
        before = len(stage.server.calls)
        await stage.adapter.create(a_request(), opened)
        assert stage.server.calls[before].kind is Kind.ROWS

    async def test_a_look_before_a_launch_that_goes_wrong_sends_nothing(self, stage: SkyPilotStage) -> None:
        stage.fault(Kind.ROWS, answer=error(500), carried_out=False)
        with pytest.raises(NeverSent):
            await stage.adapter.create(a_request(), opened)
        stage.fault(Kind.ROWS_RESULT, how=How.MALFORMED)
        with pytest.raises(NeverSent):
            await stage.adapter.create(a_request(), opened)
        assert launches(stage) == 0

    async def test_a_launch_that_waits_is_neither_there_nor_gone(self, stage: SkyPilotStage) -> None:
        stage.server.fleet.fates.append(Fate.QUEUED)
        with pytest.raises(Unknown) as caught:
            await stage.impatient.create(a_request(), opened)
        assert not caught.value.unhealthy
        with pytest.raises(Blind) as look:
            await stage.adapter.look(NAME, opened)
        assert not look.value.unhealthy
        stage.server.fleet.release()
        assert await state_of(stage) is MachineState.PROVISIONING

    async def test_a_launch_that_is_not_registered_yet_is_waited_for(self, stage: SkyPilotStage) -> None:
        stage.fault(Kind.POLL, answer=Answer(200, b"[]"), times=3)
        stage.server.fleet.fates.append(Fate.QUEUED)
        creating = asyncio.ensure_future(stage.adapter.create(a_request(), opened))
        while polls(stage) < 4 and not creating.done():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        stage.server.fleet.release()
        created = await creating
        assert created.machine.state is MachineState.PROVISIONING
        assert launches(stage) == 1

    async def test_a_failed_launch_that_left_a_machine_is_a_machine_that_failed(self, stage: SkyPilotStage) -> None:
        stage.server.fleet.fates.append(Fate.SETUP_FAILS)
        created = await stage.adapter.create(a_request(), opened)
        assert created.machine.state is MachineState.PROVISIONING
        stage.advance(60)
        assert await state_of(stage) is MachineState.FAILED
        assert stage.live() == [NAME]
        assert await stage.adapter.delete(NAME, opened) is Deletion.ACCEPTED
        stage.advance(60)
        assert stage.live() == []

    async def test_a_launch_whose_row_shows_only_with_its_failure_is_still_a_machine(
        self, stage: SkyPilotStage
    ) -> None:
        stage.server.fleet.fates.append(Fate.SETUP_FAILS)
        stage.fault(Kind.ROWS_RESULT, how=How.WITHOUT_MACHINES, times=100)
        creating = asyncio.ensure_future(stage.adapter.create(a_request(), opened))
        while not stage.live():  # noqa: ASYNC110 - no event tells of it
            await asyncio.sleep(0.01)
        stage.advance(60)
        polled = polls(stage)
        while polls(stage) == polled:  # noqa: ASYNC110 - no event tells of it
            await asyncio.sleep(0)
        stage.server.faults.faults.clear()  # between the word that it failed and the look at what it left
        created = await creating
        assert created.machine.state is MachineState.FAILED

    async def test_a_cancelled_launch_leaves_a_machine_that_failed(self, stage: SkyPilotStage) -> None:
        await stage.adapter.create(a_request(), opened)
        (launch,) = [found for found in stage.server.fleet.requests.values() if found.name == "sky.launch"]
        stage.server.fleet.cancel(launch.id)
        assert await state_of(stage) is MachineState.FAILED

    async def test_a_launch_that_was_interrupted_is_unknown(self, stage: SkyPilotStage) -> None:
        stage.server.fleet.fates.append(Fate.INTERRUPTED)
        with pytest.raises(Unknown):
            await stage.adapter.create(a_request(), opened)

    async def test_a_launch_that_fails_after_it_showed_leaves_its_tombstone(self, stage: SkyPilotStage) -> None:
        created = await stage.adapter.create(a_request(), opened)
        (launch,) = [found for found in stage.server.fleet.requests.values() if found.name == "sky.launch"]
        stage.server.fleet.vanish(NAME)
        launch.status, launch.finished = "FAILED", stage.server.fleet.now
        assert await stage.adapter.look(NAME, opened) == Tombstone(created.machine.id)

    @pytest.mark.parametrize(
        ("wishes", "reason"),
        [
            ({"machine": {"skypilot": {"cloud": "gcp"}}}, Reason.REQUEST_REJECTED),
            ({"tags": {"gpuwright-owner-uid": "me"}}, Reason.REQUEST_REJECTED),
            ({"user_data": "#cloud-config\n"}, Reason.REQUEST_REJECTED),
        ],
    )
    async def test_a_wish_that_cannot_be_had_sends_nothing(
        self, stage: SkyPilotStage, wishes: dict[str, Any], reason: Reason
    ) -> None:
        spec = MACHINE.model_validate({"gpu": {"type": "H100"}, **wishes.pop("machine", {})})
        with pytest.raises(Rejected) as caught:
            await stage.adapter.create(replace(a_request(), wishes=Wishes(spec, **wishes)), opened)
        assert caught.value.reason is reason
        assert stage.calls() == 0

    async def test_labels_that_no_cloud_takes_are_a_persons_to_mend(self, stage: SkyPilotStage) -> None:
        request = replace(a_request(), wishes=Wishes(MACHINE, tags={"Team": "Vision & Audio"}))
        with pytest.raises(Rejected, match="labels are invalid") as caught:
            await stage.adapter.create(request, opened)
        assert caught.value.reason is Reason.REQUEST_REJECTED
        assert "\x1b" not in caught.value.message

    async def test_a_promise_that_was_broken_once_is_believed_no_more(self, stage: SkyPilotStage) -> None:
        stage.spoil(Verb.CREATE, Trouble.NO_ROOM)
        with pytest.raises(Unknown):
            await stage.adapter_for(promises=False).create(a_request(), opened)

    @pytest.mark.parametrize("kind", [Kind.POLL, Kind.ROWS_RESULT])
    async def test_a_launch_that_cannot_be_followed_is_unknown(self, stage: SkyPilotStage, kind: Kind) -> None:
        stage.server.fleet.fates.append(Fate.QUEUED)
        creating = asyncio.ensure_future(stage.adapter.create(a_request(), opened))
        while not launches(stage):  # noqa: ASYNC110 - no event tells of it
            await asyncio.sleep(0)
        stage.fault(kind, answer=error(503), carried_out=False)
        with pytest.raises(Unknown) as caught:
            await creating
        assert caught.value.unhealthy


class TestAServerThatRestarts:
    async def test_a_launch_goes_on_without_its_request_and_is_found_by_its_name(self, stage: SkyPilotStage) -> None:
        await stage.adapter.create(a_request(), opened)
        stage.server.fleet.restart()
        assert await state_of(stage) is MachineState.PROVISIONING
        stage.advance(60)
        assert await state_of(stage) is MachineState.RUNNING

    async def test_a_launch_whose_request_is_lost_while_it_waits_is_unknown(self, stage: SkyPilotStage) -> None:
        stage.server.fleet.fates.append(Fate.QUEUED)
        creating = asyncio.ensure_future(stage.impatient.create(a_request(), opened))
        while not launches(stage):  # noqa: ASYNC110 - no event tells of it
            await asyncio.sleep(0)
        stage.server.fleet.restart()
        with pytest.raises(Unknown):
            await creating
        assert await stage.adapter.look(NAME, opened) == Absent()

    async def test_a_server_that_has_lost_its_database_proves_nothing(self, stage: SkyPilotStage) -> None:
        await stage.adapter.create(a_request(), opened)
        stage.server.fleet.restart()
        stage.server.fleet.forget(NAME)
        assert await stage.adapter.look(NAME, opened) == Absent(), "no tombstone: its machine still bills"
        assert stage.live() == [NAME]

    async def test_a_cluster_that_was_up_and_is_out_of_sight_is_not_known_and_no_launch(
        self, stage: SkyPilotStage
    ) -> None:
        await stage.adapter.create(a_request(), opened)
        stage.advance(60)
        stage.server.fleet.restart()
        stage.server.fleet.clusters[NAME].status = "INIT"
        assert await state_of(stage) is MachineState.UNKNOWN


class TestALaterLaunch:
    """Somebody launches once more on a cluster that was up, and it fails: SkyPilot keeps the cluster, and so do we."""

    async def test_that_fails_is_no_tombstone(self, stage: SkyPilotStage) -> None:
        await stage.adapter.create(a_request(), opened)
        stage.advance(60)
        await stage.adapter.list()
        stage.do(Deed.FAIL, NAME)
        stage.server.fleet.forget(NAME)
        assert await stage.adapter.look(NAME, opened) == Absent(), "no tombstone: its machine still bills"
        assert stage.live() == [NAME]

    async def test_that_fails_leaves_a_machine_that_can_be_ended(self, stage: SkyPilotStage) -> None:
        await stage.adapter.create(a_request(), opened)
        stage.advance(60)
        stage.do(Deed.FAIL, NAME)
        assert await stage.adapter.delete(NAME, opened) is Deletion.ACCEPTED
        stage.advance(60)
        assert stage.live() == []


class TestDown:
    async def test_a_launch_that_waits_is_undone(self, stage: SkyPilotStage) -> None:
        stage.server.fleet.fates.append(Fate.QUEUED)
        with pytest.raises(Unknown):  # with time enough for the launch to be taken on a busy machine, too
            await stage.adapter_for(seconds=3.0).create(a_request(), opened)
        assert await stage.adapter.delete(NAME, opened) is Deletion.NOT_FOUND
        stage.server.fleet.release()
        assert stage.live() == []

    async def test_a_terminate_that_cannot_be_followed_is_unknown(self, stage: SkyPilotStage) -> None:
        await stage.adapter.create(a_request(), opened)
        stage.fault(Kind.POLL, answer=error(503), carried_out=False)
        with pytest.raises(Unknown):
            await stage.adapter.delete(NAME, opened)

    async def test_a_terminate_of_which_nothing_shows_is_unknown_and_no_acceptance(self, stage: SkyPilotStage) -> None:
        await stage.adapter.create(a_request(), opened)
        stage.fault(Kind.ROWS_RESULT, how=How.WITHOUT_MACHINES, times=100)
        with pytest.raises(Unknown):
            await stage.impatient.delete(NAME, opened)

    async def test_a_terminate_that_ends_in_an_error_is_unknown(self, stage: SkyPilotStage) -> None:
        await stage.adapter.create(a_request(), opened)
        stage.fault(Kind.ROWS_RESULT, how=How.WITHOUT_MACHINES, times=100)
        deleting = asyncio.ensure_future(stage.adapter.delete(NAME, opened))
        while stage.calls(Verb.DELETE) == 0:  # noqa: ASYNC110 - no event tells of it
            await asyncio.sleep(0)
        (down,) = [found for found in stage.server.fleet.requests.values() if found.name == "sky.down"]
        down.status, down.finished = "FAILED", stage.server.fleet.now
        down.error = {"type": "RuntimeError", "message": "Failed to terminate"}
        with pytest.raises(Unknown):
            await deleting


class TestPower:
    async def test_a_cloud_that_cannot_stop_says_so_once_and_is_believed(self, stage: SkyPilotStage) -> None:
        await stage.adapter.create(a_request(), opened)
        stage.advance(60)
        stage.server.fleet.cannot_stop = True
        assert stage.adapter.capabilities.power
        with pytest.raises(Rejected):
            await stage.adapter.power(NAME, on=False, gate=opened)
        assert not stage.adapter.capabilities.power

    async def test_a_spot_machine_that_cannot_be_stopped_says_nothing_of_others(self, stage: SkyPilotStage) -> None:
        stage.server.fleet.cannot_stop_spot = True
        spot = replace(a_request(), wishes=Wishes(MACHINE.model_copy(update={"purchase": Purchase.SPOT})))
        await stage.adapter.create(spot, opened)
        await stage.adapter.create(a_request("other"), opened)
        stage.advance(60)
        with pytest.raises(Rejected, match="Stopping spot instances is not supported") as caught:
            await stage.adapter.power(NAME, on=False, gate=opened)
        assert caught.value.reason is Reason.REQUEST_REJECTED
        assert stage.adapter.capabilities.power
        await stage.adapter.power(a_request("other").name, on=False, gate=opened)
        stage.advance(60)
        assert {found.name: found.state for found in await stage.adapter.list()} == {
            NAME: MachineState.RUNNING,
            a_request("other").name: MachineState.STOPPED,
        }

    async def test_a_call_that_is_under_way_is_not_repeated(self, stage: SkyPilotStage) -> None:
        await stage.adapter.create(a_request(), opened)
        stage.advance(60)
        await stage.adapter.power(NAME, on=False, gate=opened)
        assert await state_of(stage) is MachineState.STOPPING
        with pytest.raises(NotExecuted) as caught:
            await stage.adapter.power(NAME, on=False, gate=opened)
        assert caught.value.reason is Reason.WAITING
        assert stage.calls(Verb.POWER) == 1


class TestProbe:
    @pytest.mark.parametrize(
        ("health", "words"),
        [
            ({"status": "unhealthy", "api_version": "62"}, "says that it is unhealthy"),
            ({"status": "healthy"}, "says that it is healthy"),
            ({"status": "healthy", "api_version": "48"}, "at least 62 is needed"),
            ([], "nothing known"),
        ],
    )
    async def test_a_server_that_we_cannot_speak_with_is_blind(
        self, stage: SkyPilotStage, health: object, words: str
    ) -> None:
        stage.fault(Kind.HEALTH, answer=Answer(200, orjson.dumps(health)), carried_out=False)
        with pytest.raises(Blind, match=words) as caught:
            await stage.adapter.probe()
        assert not caught.value.rejected

    async def test_a_server_that_wants_a_token_says_so_in_its_health(self, stage: SkyPilotStage) -> None:
        stage.fault(Kind.HEALTH, answer=Answer(200, b'{"status":"needs_auth","api_version":"62"}'), carried_out=False)
        with pytest.raises(Blind) as caught:
            await stage.adapter.probe()
        assert caught.value.rejected

    async def test_health_alone_is_no_proof_of_a_token(self, stage: SkyPilotStage) -> None:
        stage.fault(Kind.POLL, answer=error(401), carried_out=False)
        with pytest.raises(Blind) as caught:
            await stage.adapter.probe()
        assert caught.value.rejected


@pytest.mark.parametrize("trouble", SPOILT_BODIES)
async def test_a_list_of_requests_that_is_spoilt_is_blind(stage: SkyPilotStage, trouble: Trouble) -> None:
    await stage.adapter.create(a_request(), opened)
    if trouble in {Trouble.LIST_AFTER, Trouble.WITHOUT_ID_AFTER, Trouble.WRONG_TYPES_AFTER}:
        body = {Trouble.LIST_AFTER: b'["a"]', Trouble.WITHOUT_ID_AFTER: b'[{"name": "sky.launch"}]'}
        stage.fault(Kind.LOOK, answer=Answer(200, body.get(trouble, b'[{"request_id": 7, "name": 7, "status": 7}]')))
    else:
        stage.fault(Kind.LOOK, **FAULTS[trouble])
    with pytest.raises(Blind):
        await stage.adapter.look(NAME, opened)


@pytest.mark.parametrize("kind", [Kind.LOOK, Kind.ROWS, Kind.ROWS_RESULT])
async def test_credentials_that_are_refused_anywhere_in_a_look_are_told(stage: SkyPilotStage, kind: Kind) -> None:
    stage.fault(kind, answer=error(401), carried_out=False)
    with pytest.raises(Blind) as caught:
        await stage.adapter.look(NAME, opened)
    assert caught.value.rejected


async def test_a_look_that_is_answered_with_another_cluster_is_blind(stage: SkyPilotStage) -> None:
    await stage.adapter.create(a_request(), opened)
    stage.server.fleet.clusters[NAME].name = "another"
    with pytest.raises(Blind, match="another cluster"):
        await stage.adapter.look(NAME, opened)


async def test_a_status_that_fails_at_the_server_is_blind_and_sick(stage: SkyPilotStage) -> None:
    payload = {"status": "FAILED", "error": '{"type": "OperationalError", "message": "database is locked"}'}
    stage.fault(Kind.LIST_RESULT, answer=error(500, payload), carried_out=False)
    with pytest.raises(Blind, match="database is locked") as caught:
        await stage.adapter.list()
    assert caught.value.unhealthy


async def test_no_call_asks_for_bodies_handles_or_credentials(stage: SkyPilotStage) -> None:
    request = replace(a_request(), wishes=Wishes(MACHINE, env={"TOKEN": "s3cret"}))
    await stage.adapter.create(request, opened)
    await stage.adapter.list()
    await stage.adapter.look(NAME, opened)
    for call in stage.server.calls:
        if call.path == "/api/status":
            assert "request_body" not in call.fields
            assert call.fields
        if call.path == "/status":
            assert not call.body["include_handle"]
            assert not call.body["include_credentials"]


async def test_every_call_says_its_version_and_who_it_is(stage: SkyPilotStage) -> None:
    await stage.adapter.probe()
    await stage.adapter.create(a_request(), opened)
    for call in stage.server.calls:
        assert call.headers["X-SkyPilot-API-Version"] == "62"
        assert call.headers["Authorization"] == "Bearer sky_sandbox"


async def test_a_request_is_followed_by_its_own_id_and_not_by_that_of_another_answer(stage: SkyPilotStage) -> None:
    await stage.adapter.create(a_request(), opened)
    (launch,) = [found for found in stage.server.fleet.requests.values() if found.name == "sky.launch"]
    polled = {call.query["request_ids"] for call in stage.server.calls if "request_ids" in call.query}
    assert polled == {launch.id}


async def test_no_room_is_told_with_the_servers_words(stage: SkyPilotStage) -> None:
    stage.spoil(Verb.CREATE, Trouble.NO_ROOM)
    with pytest.raises(NotCommitted, match="InsufficientInstanceCapacity"):
        await stage.adapter.create(a_request(), opened)
