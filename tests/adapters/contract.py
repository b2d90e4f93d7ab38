"""What every adapter keeps, as suites to inherit: a later provider brings a `Stage`, on which its truth can be seen.

`AdapterContract` holds for all of them. `ReadingContract` is for providers that can be asked what exists,
`ListOnlyContract` for those that answer with a list of all and with nothing else, `BlindContract` for those that cannot
be asked, `PowerContract` for those that can switch a machine off, `TokenContract` for those where a repeated create
with the same token is answered with the same machine, `FailingContract` for those that have a word for a broken one,
`RevivableContract` for those where one that has run may come back.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from enum import StrEnum, auto
from typing import Protocol

import pytest

from gpuwright.adapters.contract import Adapter, Created, Deletion, NotAsked, NotLooked
from gpuwright.model.capabilities import CreateKey
from gpuwright.model.conditions import Reason
from gpuwright.model.errors import (
    Blind,
    CannotStart,
    NeverSent,
    NotCommitted,
    NotExecuted,
    ProviderError,
    Rejected,
    Throttled,
    Unknown,
)
from gpuwright.model.machine import Absent, MachineState, Present, Snapshot, Tombstone
from gpuwright.model.machine_spec import MachineSpec
from gpuwright.model.names import Owner
from gpuwright.model.request import MachineRequest, Wishes, request_for

CLUSTER = "cluster-1"
MACHINE = MachineSpec.model_validate({"cpu": "2", "memory": "8Gi", "image": "registry.example/trainer:1"})


class Verb(StrEnum):
    """The calls that can be spoiled."""

    CREATE = auto()
    LIST = auto()
    LOOK = auto()
    DELETE = auto()
    POWER = auto()


class Trouble(StrEnum):
    """What can go wrong with one call; `AFTER` = when it has taken effect already."""

    REFUSED = auto()
    LOST = auto()
    LOST_AFTER = auto()
    CLOSED_AFTER = auto()
    SILENT = auto()
    SILENT_AFTER = auto()
    SLOW_BODY_AFTER = auto()
    TRUNCATED_AFTER = auto()
    RESET_IN_BODY_AFTER = auto()
    PAGE = auto()
    PAGE_AFTER = auto()
    MALFORMED_AFTER = auto()
    EMPTY_AFTER = auto()
    LIST_AFTER = auto()
    WITHOUT_ID_AFTER = auto()
    WRONG_TYPES_AFTER = auto()
    HUGE_AFTER = auto()
    UNKNOWN_STATE = auto()
    REDIRECTED = auto()
    PROMISED = auto()
    PROMISED_AFTER = auto()
    UNPROMISED = auto()
    UNPROMISED_AFTER = auto()
    PROXY_PAGE = auto()
    NO_ROOM = auto()
    NO_QUOTA = auto()
    NOT_LISTED_YET = auto()
    NOT_FOUND_YET = auto()
    PAGE_FAILS = auto()
    PAGE_TRUNCATED = auto()
    PAGE_LOST = auto()
    EVERYTHING_TWICE = auto()
    NAME_LEFT_BEHIND = auto()


class Wait(StrEnum):
    """How a throttled answer says when to come again."""

    SECONDS = auto()
    DATE = auto()
    ABSURD = auto()
    MISSING = auto()
    NONSENSE = auto()


class Deed(StrEnum):
    """What others do to a machine behind our back."""

    DELETE = auto()
    STOP = auto()
    PREEMPT = auto()
    VANISH = auto()
    FAIL = auto()


SPOILT_BODIES = (
    Trouble.PAGE_AFTER,
    Trouble.MALFORMED_AFTER,
    Trouble.EMPTY_AFTER,
    Trouble.LIST_AFTER,
    Trouble.WITHOUT_ID_AFTER,
    Trouble.WRONG_TYPES_AFTER,
    Trouble.HUGE_AFTER,
    Trouble.TRUNCATED_AFTER,
    Trouble.RESET_IN_BODY_AFTER,
)


class Stage(Protocol):
    """A provider of the tests: the adapter in front, the truth behind. Time stands still there until it is moved."""

    @property
    def adapter(self) -> Adapter:
        """Return the adapter, patient enough for a busy machine."""

    @property
    def impatient(self) -> Adapter:
        """Return one that gives up after a fraction of a second."""

    def spoil(self, verb: Verb, trouble: Trouble) -> None:
        """Let this go wrong with the next such call."""

    def throttle(self, verb: Verb, wait: Wait) -> None:
        """Throttle the next such call; where a time is said, it is 2 seconds."""

    def do(self, deed: Deed, name: str) -> None:
        """Do something to the machine of this name."""

    def advance(self, seconds: float) -> None:
        """Let time pass at the provider."""

    def revoke(self) -> None:
        """Make the credentials worthless."""

    def small_pages(self, size: int) -> None:
        """Let a page of a list hold no more than that."""

    def live(self) -> Sequence[str]:
        """Return the names of the machines that bill."""

    def labels(self, name: str) -> dict[str, str]:
        """Return the labels that the provider keeps for a machine."""

    def calls(self, verb: Verb | None = None) -> int:
        """Return how many calls have reached the provider."""

    def elsewhere(self) -> int:
        """Return how many calls have reached the host that redirects point to."""


def opened() -> bool:
    """Return True: the gate of a call in time."""
    return True


def closed() -> bool:
    """Return False: the gate of a call that comes too late."""
    return False


def a_request(owner: str = "trainer-0", *, attempt: int = 1, resent: bool = False) -> MachineRequest:
    """Return what an instance of this name would ask for."""
    whose = Owner(CLUSTER, "team-a", owner, f"uid-of-{owner}")
    return replace(request_for(whose, Wishes(MACHINE, tags={"team": "vision"}), 1, attempt, 0), resent=resent)


async def outcome_of(adapter: Adapter, request: MachineRequest) -> Created | ProviderError:
    """Return what a create ends in."""
    try:
        return await adapter.create(request, opened)
    except ProviderError as error:
        return error


class AdapterContract:
    """Holds for every adapter."""

    async def test_a_create_makes_one_machine_under_the_name(self, stage: Stage) -> None:
        request = a_request()
        created = await stage.adapter.create(request, opened)
        assert not created.adopted
        assert created.machine.id
        assert (created.machine.name, stage.live()) == (request.name, [request.name])
        assert stage.calls(Verb.CREATE) == 1

    async def test_a_machine_carries_its_owner_and_the_tags_of_the_spec(self, stage: Stage) -> None:
        request = a_request()
        await stage.adapter.create(request, opened)
        assert stage.labels(request.name) == dict(request.labels)
        assert stage.labels(request.name)["team"] == "vision"

    async def test_two_owners_in_one_account_have_a_machine_each(self, stage: Stage) -> None:
        mine, yours = a_request("mine"), a_request("yours")
        await stage.adapter.create(mine, opened)
        await stage.adapter.create(yours, opened)
        assert sorted(stage.live()) == sorted([mine.name, yours.name])
        assert await stage.adapter.delete(mine.name, opened) is Deletion.ACCEPTED
        stage.advance(60)
        assert stage.live() == [yours.name]

    async def test_a_name_of_another_owner_is_never_taken_for_ours(self, stage: Stage) -> None:
        theirs = a_request("theirs")
        await stage.adapter.create(theirs, opened)
        mine = replace(a_request("mine"), name=theirs.name)
        end = await outcome_of(stage.adapter, mine)
        match end:
            case Created():  # names are no more than tags there: this is another machine, and it is ours
                assert end.machine.owner_uid == mine.owner.uid
                assert stage.live() == [theirs.name, theirs.name]
            case Rejected():
                assert end.reason is Reason.NAME_CONFLICT
                assert stage.live() == [theirs.name]
            case _:
                assert isinstance(end, Unknown)
                assert end.conflict
                assert stage.live() == [theirs.name]

    @pytest.mark.parametrize("trouble", [Trouble.LOST, Trouble.PAGE, Trouble.PROXY_PAGE, Trouble.UNPROMISED])
    async def test_an_answer_lost_before_anything_was_done_is_unknown(self, stage: Stage, trouble: Trouble) -> None:
        await self._is_unknown(stage, trouble, made=False)

    @pytest.mark.parametrize(
        "trouble", [Trouble.LOST_AFTER, Trouble.CLOSED_AFTER, Trouble.UNPROMISED_AFTER, *SPOILT_BODIES]
    )
    async def test_an_answer_lost_after_the_machine_was_made_is_unknown(self, stage: Stage, trouble: Trouble) -> None:
        await self._is_unknown(stage, trouble, made=True)

    @staticmethod
    async def _is_unknown(stage: Stage, trouble: Trouble, *, made: bool) -> None:
        request = a_request()
        stage.spoil(Verb.CREATE, trouble)
        with pytest.raises(Unknown) as caught:
            await stage.adapter.create(request, opened)
        assert not caught.value.conflict
        assert stage.live() == ([request.name] if made else [])
        assert stage.calls(Verb.CREATE) == 1, "a create is never repeated by the adapter"

    @pytest.mark.parametrize("trouble", [Trouble.PROMISED, Trouble.PROMISED_AFTER])
    async def test_a_promise_that_nothing_was_made_is_told_as_one(self, stage: Stage, trouble: Trouble) -> None:
        request = a_request()
        stage.spoil(Verb.CREATE, trouble)
        with pytest.raises(NotCommitted):
            await stage.adapter.create(request, opened)
        assert stage.live() == ([request.name] if trouble is Trouble.PROMISED_AFTER else [])

    @pytest.mark.parametrize(
        ("trouble", "reason"),
        [(Trouble.NO_ROOM, Reason.CAPACITY_UNAVAILABLE), (Trouble.NO_QUOTA, Reason.QUOTA_EXCEEDED)],
    )
    async def test_no_room_and_no_quota_made_nothing_and_say_which(
        self, stage: Stage, trouble: Trouble, reason: Reason
    ) -> None:
        stage.spoil(Verb.CREATE, trouble)
        with pytest.raises(NotCommitted) as caught:
            await stage.adapter.create(a_request(), opened)
        assert caught.value.reason is reason
        assert not caught.value.unhealthy
        assert stage.live() == []

    async def test_room_that_comes_back_is_used_by_the_next_attempt(self, stage: Stage) -> None:
        stage.spoil(Verb.CREATE, Trouble.NO_ROOM)
        with pytest.raises(NotCommitted):
            await stage.adapter.create(a_request(), opened)
        following = a_request(attempt=2)
        created = await stage.adapter.create(following, opened)
        assert (created.machine.name, stage.live()) == (following.name, [following.name])

    @pytest.mark.parametrize(
        ("wait", "seconds"),
        [(Wait.SECONDS, 2.0), (Wait.DATE, 2.0), (Wait.ABSURD, 300.0), (Wait.MISSING, 1.0), (Wait.NONSENSE, 1.0)],
    )
    @pytest.mark.parametrize("verb", [Verb.CREATE, Verb.DELETE])
    async def test_a_throttled_call_waits_as_long_as_it_was_told(
        self, stage: Stage, verb: Verb, wait: Wait, seconds: float
    ) -> None:
        stage.throttle(verb, wait)
        with pytest.raises(Throttled) as caught:
            await _call(stage.adapter, verb)
        # A date is told in whole seconds, so up to one of them is lost on the way.
        assert seconds - 1.0 <= caught.value.retry_after <= seconds
        assert not caught.value.unhealthy
        assert stage.live() == []

    async def test_refused_credentials_make_nothing_and_say_so(self, stage: Stage) -> None:
        stage.revoke()
        with pytest.raises(Rejected) as create:
            await stage.adapter.create(a_request(), opened)
        with pytest.raises(NotExecuted) as delete:
            await stage.adapter.delete(a_request().name, opened)
        with pytest.raises(Blind) as probe:
            await stage.adapter.probe()
        assert create.value.reason is delete.value.reason is Reason.CREDENTIALS_REJECTED
        assert probe.value.rejected
        assert not any(error.value.unhealthy for error in (create, delete, probe))
        assert stage.live() == []

    async def test_credentials_that_are_revoked_in_a_machines_life_leave_it_alone(self, stage: Stage) -> None:
        request = a_request()
        await stage.adapter.create(request, opened)
        stage.revoke()
        with pytest.raises(NotExecuted) as caught:
            await stage.adapter.delete(request.name, opened)
        assert caught.value.reason is Reason.CREDENTIALS_REJECTED
        assert stage.live() == [request.name]

    @pytest.mark.parametrize("verb", [Verb.CREATE, Verb.DELETE])
    async def test_a_refused_connection_sent_nothing(self, stage: Stage, verb: Verb) -> None:
        stage.spoil(verb, Trouble.REFUSED)
        with pytest.raises(NeverSent if verb is Verb.CREATE else ProviderError) as caught:
            await _call(stage.adapter, verb)
        assert caught.value.unhealthy
        assert (stage.live(), stage.calls()) == ([], 0)

    @pytest.mark.parametrize("verb", [Verb.CREATE, Verb.DELETE])
    async def test_a_closed_gate_lets_nothing_out(self, stage: Stage, verb: Verb) -> None:
        with pytest.raises(NotAsked) as caught:
            await _call(stage.adapter, verb, closed)
        assert not caught.value.unhealthy, "it says nothing about the provider"
        assert stage.calls() == 0

    @pytest.mark.parametrize("verb", [Verb.CREATE, Verb.DELETE])
    async def test_a_gate_that_closes_at_the_last_moment_lets_nothing_out(self, stage: Stage, verb: Verb) -> None:
        answers = iter([True])
        with pytest.raises(ProviderError):
            await _call(stage.adapter, verb, lambda: next(answers, False))
        assert stage.calls() == 0

    @pytest.mark.parametrize("verb", [Verb.CREATE, Verb.DELETE])
    async def test_a_redirect_is_never_followed(self, stage: Stage, verb: Verb) -> None:
        stage.spoil(verb, Trouble.REDIRECTED)
        with pytest.raises(Unknown):
            await _call(stage.adapter, verb)
        assert (stage.elsewhere(), stage.calls(verb)) == (0, 1)

    @pytest.mark.parametrize(
        ("trouble", "made"), [(Trouble.SILENT, False), (Trouble.SILENT_AFTER, True), (Trouble.SLOW_BODY_AFTER, True)]
    )
    async def test_a_create_ends_with_its_time_however_the_provider_dawdles(
        self, stage: Stage, trouble: Trouble, made: bool
    ) -> None:
        stage.spoil(Verb.CREATE, trouble)
        with pytest.raises(Unknown) as caught:
            await stage.impatient.create(a_request(), opened)
        assert caught.value.unhealthy
        assert (len(stage.live()), stage.calls(Verb.CREATE)) == (int(made), 1)

    @pytest.mark.parametrize("trouble", [Trouble.SILENT, Trouble.SILENT_AFTER])
    async def test_a_terminate_ends_with_its_time(self, stage: Stage, trouble: Trouble) -> None:
        stage.spoil(Verb.DELETE, trouble)
        with pytest.raises(Unknown) as caught:
            await stage.impatient.delete(a_request().name, opened)
        assert caught.value.unhealthy
        assert stage.calls(Verb.DELETE) == 1

    async def test_a_create_that_is_cancelled_is_cancelled(self, stage: Stage) -> None:
        stage.spoil(Verb.CREATE, Trouble.SILENT)
        task = asyncio.ensure_future(stage.adapter.create(a_request(), opened))
        while not stage.calls(Verb.CREATE):  # noqa: ASYNC110 - a stage has no event for what it hears
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    async def test_terminating_what_was_never_there_is_no_failure_and_no_proof(self, stage: Stage) -> None:
        assert await stage.adapter.delete(a_request().name, opened) is Deletion.NOT_FOUND

    async def test_terminating_while_it_is_being_made_works(self, stage: Stage) -> None:
        request = a_request()
        created = await stage.adapter.create(request, opened)
        assert created.machine.state is not MachineState.RUNNING
        assert await stage.adapter.delete(request.name, opened) is Deletion.ACCEPTED
        stage.advance(60)
        assert stage.live() == []

    async def test_terminating_twice_is_harmless(self, stage: Stage) -> None:
        request = a_request()
        await stage.adapter.create(request, opened)
        for _ in range(2):
            await stage.adapter.delete(request.name, opened)
        stage.advance(60)
        await stage.adapter.delete(request.name, opened)
        assert stage.live() == []

    @pytest.mark.parametrize("trouble", [Trouble.PROXY_PAGE, Trouble.UNPROMISED, Trouble.REDIRECTED])
    async def test_a_terminate_without_an_answer_of_the_provider_is_unknown(
        self, stage: Stage, trouble: Trouble
    ) -> None:
        request = a_request()
        await stage.adapter.create(request, opened)
        stage.spoil(Verb.DELETE, trouble)
        with pytest.raises(Unknown):
            await stage.adapter.delete(request.name, opened)

    async def test_a_probe_makes_nothing(self, stage: Stage) -> None:
        await stage.adapter.probe()
        assert (stage.live(), stage.calls(Verb.CREATE)) == ([], 0)

    async def test_what_it_can_do_fits_into_a_status(self, stage: Stage) -> None:
        body = stage.adapter.capabilities.body()
        assert set(body) == {"createKey", "reads", "power", "spot", "nodeJoin", "userData", "ports", "priceCeiling"}


class OneNameContract:
    """Holds where a name or a token keeps a second create from making a second machine."""

    async def test_a_second_create_of_one_name_makes_no_second_machine(self, stage: Stage) -> None:
        request = a_request()
        first = await stage.adapter.create(request, opened)
        second = await outcome_of(stage.adapter, request)
        assert stage.live() == [request.name]
        if isinstance(second, Created):
            assert second.machine.id == first.machine.id
        else:
            assert isinstance(second, Unknown)
            assert second.conflict

    async def test_sixteen_creates_of_one_name_at_once_make_one_machine(self, stage: Stage) -> None:
        request = a_request()
        ends = await asyncio.gather(*(outcome_of(stage.adapter, request) for _ in range(16)))
        created = [end for end in ends if isinstance(end, Created)]
        assert stage.live() == [request.name]
        assert len({end.machine.id for end in created}) == 1
        assert all(end.conflict for end in ends if isinstance(end, Unknown))
        assert all(isinstance(end, Created | Unknown) for end in ends)


class ListedContract(AdapterContract):
    """Holds where the provider can be asked what exists, in whatever way."""

    async def test_a_look_shows_the_machine_under_the_name(self, stage: Stage) -> None:
        request = a_request()
        created = await stage.adapter.create(request, opened)
        sighting = await stage.adapter.look(request.name, opened)
        assert isinstance(sighting, Present)
        assert sighting.machine.id == created.machine.id
        assert sighting.machine.owner == request.owner
        assert sighting.machine.incarnation == 1

    async def test_a_look_at_what_was_never_there_is_absent(self, stage: Stage) -> None:
        assert await stage.adapter.look("never-there", opened) == Absent()

    async def test_a_list_shows_the_machines_of_all_owners(self, stage: Stage) -> None:
        requests = [a_request(owner) for owner in ("a", "b", "c")]
        for request in requests:
            await stage.adapter.create(request, opened)
        machines = await stage.adapter.list()
        assert sorted(machine.name for machine in machines) == sorted(request.name for request in requests)
        assert {machine.owner for machine in machines} == {request.owner for request in requests}

    async def test_an_empty_list_is_an_answer(self, stage: Stage) -> None:
        assert await stage.adapter.list() == ()

    async def test_a_machine_that_is_listed_twice_counts_once(self, stage: Stage) -> None:
        await stage.adapter.create(a_request(), opened)
        stage.spoil(Verb.LIST, Trouble.EVERYTHING_TWICE)
        snapshot = Snapshot.of(0.0, await stage.adapter.list())
        assert len(snapshot.machines) == len(snapshot.by_owner[a_request().owner.uid]) == 1

    async def test_a_list_that_lags_does_not_show_a_fresh_machine(self, stage: Stage) -> None:
        await stage.adapter.create(a_request(), opened)
        stage.spoil(Verb.LIST, Trouble.NOT_LISTED_YET)
        assert await stage.adapter.list() == ()
        assert len(await stage.adapter.list()) == 1

    async def test_a_look_that_lags_does_not_show_a_fresh_machine(self, stage: Stage) -> None:
        await stage.adapter.create(a_request(), opened)
        stage.spoil(Verb.LOOK, Trouble.NOT_FOUND_YET)
        assert await stage.adapter.look(a_request().name, opened) == Absent()

    @pytest.mark.parametrize(
        "trouble",
        [Trouble.PROXY_PAGE, Trouble.UNPROMISED, Trouble.PROMISED, Trouble.REDIRECTED, *SPOILT_BODIES],
    )
    @pytest.mark.parametrize("verb", [Verb.LIST, Verb.LOOK])
    async def test_a_read_that_is_not_answered_in_full_is_blind(
        self, stage: Stage, verb: Verb, trouble: Trouble
    ) -> None:
        await stage.adapter.create(a_request(), opened)
        stage.spoil(verb, trouble)
        with pytest.raises(Blind) as caught:
            await _call(stage.adapter, verb)
        assert not caught.value.rejected
        assert stage.elsewhere() == 0

    @pytest.mark.parametrize("verb", [Verb.LIST, Verb.LOOK])
    async def test_a_read_is_repeated_once_when_its_connection_breaks(self, stage: Stage, verb: Verb) -> None:
        await stage.adapter.create(a_request(), opened)
        stage.spoil(verb, Trouble.LOST)
        assert await _call(stage.adapter, verb)
        assert stage.calls(verb) == 2

    @pytest.mark.parametrize(
        ("verb", "trouble"),
        [(Verb.LIST, Trouble.SILENT), (Verb.LOOK, Trouble.SILENT), (Verb.LIST, Trouble.SLOW_BODY_AFTER)],
    )
    async def test_a_read_ends_with_its_time_and_is_not_repeated(
        self, stage: Stage, verb: Verb, trouble: Trouble
    ) -> None:
        await stage.adapter.create(a_request(), opened)
        stage.spoil(verb, trouble)
        with pytest.raises(Blind) as caught:
            await _call(stage.impatient, verb)
        assert caught.value.unhealthy
        assert stage.calls(verb) == 1

    @pytest.mark.parametrize("verb", [Verb.LIST, Verb.LOOK])
    async def test_a_read_with_refused_credentials_is_blind_and_says_so(self, stage: Stage, verb: Verb) -> None:
        await stage.adapter.create(a_request(), opened)
        stage.revoke()
        with pytest.raises(Blind) as caught:
            await _call(stage.adapter, verb)
        assert caught.value.rejected
        assert not caught.value.unhealthy

    @pytest.mark.parametrize("verb", [Verb.LIST, Verb.LOOK])
    async def test_a_throttled_read_is_blind_and_no_sickness(self, stage: Stage, verb: Verb) -> None:
        stage.throttle(verb, Wait.SECONDS)
        with pytest.raises(Blind) as caught:
            await _call(stage.adapter, verb)
        assert not caught.value.unhealthy

    @pytest.mark.parametrize("verb", [Verb.LIST, Verb.LOOK])
    async def test_a_state_that_nobody_knows_is_alive(self, stage: Stage, verb: Verb) -> None:
        await stage.adapter.create(a_request(), opened)
        stage.spoil(verb, Trouble.UNKNOWN_STATE)
        if verb is Verb.LIST:
            (machine,) = await stage.adapter.list()
        else:
            sighting = await stage.adapter.look(a_request().name, opened)
            assert isinstance(sighting, Present)
            machine = sighting.machine
        assert machine.state is MachineState.UNKNOWN
        assert machine.word
        assert machine.alive

    async def test_a_machine_comes_up(self, stage: Stage) -> None:
        await stage.adapter.create(a_request(), opened)
        stage.advance(60)
        machine = await self._seen(stage)
        assert machine is MachineState.RUNNING

    async def test_a_machine_that_was_stopped_behind_our_back_is_seen(self, stage: Stage) -> None:
        await is_seen_after(stage, Deed.STOP, MachineState.STOPPED)

    async def test_a_machine_that_vanished_is_absent_and_no_proof_of_more(self, stage: Stage) -> None:
        await stage.adapter.create(a_request(), opened)
        stage.do(Deed.VANISH, a_request().name)
        assert not isinstance(await stage.adapter.look(a_request().name, opened), Present)
        assert await stage.adapter.list() == ()

    @staticmethod
    async def _seen(stage: Stage) -> MachineState:
        sighting = await stage.adapter.look(a_request().name, opened)
        assert isinstance(sighting, Present)
        return sighting.machine.state


class ReadingContract(ListedContract, OneNameContract):
    """Holds where there are lists in pages and looks at one name, and where what is gone leaves its tombstone."""

    async def test_a_list_has_all_its_pages(self, stage: Stage) -> None:
        await self._pages(stage)
        assert len(await stage.adapter.list()) == 5
        assert stage.calls(Verb.LIST) == 3

    @pytest.mark.parametrize("trouble", [Trouble.PAGE_FAILS, Trouble.PAGE_TRUNCATED])
    async def test_a_list_with_a_bad_page_is_blind(self, stage: Stage, trouble: Trouble) -> None:
        await self._pages(stage)
        stage.spoil(Verb.LIST, trouble)
        with pytest.raises(Blind):
            await stage.adapter.list()

    async def test_a_machine_on_a_lost_page_is_still_found_by_a_direct_look(self, stage: Stage) -> None:
        requests = await self._pages(stage)
        stage.spoil(Verb.LIST, Trouble.PAGE_LOST)
        shown = {machine.name for machine in await stage.adapter.list()}
        lost = [request.name for request in requests if request.name not in shown]
        assert lost
        for name in lost:
            assert isinstance(await stage.adapter.look(name, opened), Present)

    @pytest.mark.parametrize(("deed", "state"), [(Deed.PREEMPT, MachineState.PREEMPTED)])
    async def test_what_is_done_behind_our_back_is_seen(self, stage: Stage, deed: Deed, state: MachineState) -> None:
        await is_seen_after(stage, deed, state)

    async def test_a_machine_that_was_deleted_behind_our_back_leaves_its_tombstone(self, stage: Stage) -> None:
        created = await stage.adapter.create(a_request(), opened)
        stage.do(Deed.DELETE, a_request().name)
        stage.advance(60)
        assert await stage.adapter.look(a_request().name, opened) == Tombstone(created.machine.id)
        assert await stage.adapter.list() == ()
        assert await stage.adapter.delete(a_request().name, opened) in set(Deletion)

    async def test_a_machine_is_shown_while_it_goes(self, stage: Stage) -> None:
        await stage.adapter.create(a_request(), opened)
        await stage.adapter.delete(a_request().name, opened)
        assert await self._seen(stage) is MachineState.DELETING

    @staticmethod
    async def _pages(stage: Stage) -> list[MachineRequest]:
        """Make five machines, and pages that hold two."""
        stage.small_pages(2)
        requests = [a_request(f"trainer-{number}") for number in range(5)]
        for request in requests:
            await stage.adapter.create(request, opened)
        return requests


class ListOnlyContract(ListedContract):
    """Holds where nothing but a list of all tells what exists: no token, no unique name, no word for what is gone.

    A second create is a second machine there: that none is sent is the operator's part (docs/protocol.md).
    """

    async def test_it_says_how_far_the_promise_goes(self, stage: Stage) -> None:
        capabilities = stage.adapter.capabilities
        assert capabilities.create_key is CreateKey.NONE
        assert "a second time" in capabilities.limits
        # All of it must fit into the message of a condition.
        assert len(capabilities.limits.encode()) <= 512

    async def test_a_second_create_of_one_name_is_a_second_machine_that_can_be_seen(self, stage: Stage) -> None:
        request = a_request()
        first = await stage.adapter.create(request, opened)
        second = await stage.adapter.create(request, opened)
        assert stage.live() == [request.name, request.name]
        listed = await stage.adapter.list()
        assert {machine.id for machine in listed} == {first.machine.id, second.machine.id}
        assert {machine.owner for machine in listed} == {request.owner}

    async def test_a_terminate_ends_all_that_is_under_the_name(self, stage: Stage) -> None:
        request = a_request()
        for _ in range(2):
            await stage.adapter.create(request, opened)
        assert await stage.adapter.delete(request.name, opened) is Deletion.ACCEPTED
        stage.advance(60)
        assert stage.live() == []

    async def test_a_machine_that_was_deleted_behind_our_back_is_absent_and_nothing_says_more(
        self, stage: Stage
    ) -> None:
        await stage.adapter.create(a_request(), opened)
        stage.do(Deed.DELETE, a_request().name)
        stage.advance(60)
        assert await stage.adapter.look(a_request().name, opened) == Absent()
        assert await stage.adapter.list() == ()
        assert await stage.adapter.delete(a_request().name, opened) is Deletion.NOT_FOUND


async def is_seen_after(stage: Stage, deed: Deed, state: MachineState, *, seconds: float = 60) -> None:
    """Make a machine, let it come up for so long, do something to it, and expect its state in a look and in a list."""
    await stage.adapter.create(a_request(), opened)
    stage.advance(seconds)
    stage.do(deed, a_request().name)
    stage.advance(60)
    sighting = await stage.adapter.look(a_request().name, opened)
    assert isinstance(sighting, Present)
    assert sighting.machine.state is state
    assert [machine.state for machine in await stage.adapter.list()] == [state]


class FailingContract:
    """Holds where the provider has a word for a machine that is there and broken."""

    async def test_a_machine_that_has_failed_while_it_came_up_is_seen(self, stage: Stage) -> None:
        await is_seen_after(stage, Deed.FAIL, MachineState.FAILED, seconds=0)


class RevivableContract:
    """Holds where a machine that has run may come back: whoever ends it for a failure ends its disks."""

    async def test_a_machine_that_fails_after_it_has_run_is_not_given_up(self, stage: Stage) -> None:
        await is_seen_after(stage, Deed.FAIL, MachineState.UNKNOWN)


class BlindContract(AdapterContract, OneNameContract):
    """Holds where the provider cannot be asked what exists: a look is a terminate there (2-protocol.md, 2.10)."""

    async def test_it_says_how_far_the_promise_goes(self, stage: Stage) -> None:
        capabilities = stage.adapter.capabilities
        assert not capabilities.reads
        assert "cannot be read" in capabilities.limits

    async def test_a_look_at_what_was_never_there_is_absent(self, stage: Stage) -> None:
        assert await stage.adapter.look("never-there", opened) == Absent()

    async def test_a_look_that_terminates_something_is_blind_until_it_is_gone(self, stage: Stage) -> None:
        request = a_request()
        await stage.adapter.create(request, opened)
        with pytest.raises(Blind):
            await stage.adapter.look(request.name, opened)
        stage.advance(60)
        assert await stage.adapter.look(request.name, opened) == Absent()
        assert stage.live() == []

    @pytest.mark.parametrize("trouble", [Trouble.PROXY_PAGE, Trouble.UNPROMISED, Trouble.REDIRECTED])
    async def test_a_look_that_is_not_answered_by_the_provider_is_blind(self, stage: Stage, trouble: Trouble) -> None:
        stage.spoil(Verb.DELETE, trouble)
        with pytest.raises(Blind):
            await stage.adapter.look("never-there", opened)

    async def test_a_look_through_a_closed_gate_lets_nothing_out(self, stage: Stage) -> None:
        with pytest.raises(NotLooked) as caught:
            await stage.adapter.look("never-there", closed)
        assert not caught.value.unhealthy
        assert stage.calls() == 0


class PowerContract:
    """Holds where machines can be switched off and on."""

    async def test_a_machine_is_switched_off_and_on(self, stage: Stage) -> None:
        await stage.adapter.create(a_request(), opened)
        stage.advance(60)
        for on, state in ((False, MachineState.STOPPED), (True, MachineState.RUNNING)):
            await stage.adapter.power(a_request().name, on=on, gate=opened)
            stage.advance(60)
            sighting = await stage.adapter.look(a_request().name, opened)
            assert isinstance(sighting, Present)
            assert sighting.machine.state is state

    async def test_a_machine_that_is_not_up_yet_is_not_switched_off_and_it_is_nobodys_fault(self, stage: Stage) -> None:
        await stage.adapter.create(a_request(), opened)
        with pytest.raises(NotExecuted) as caught:
            await stage.adapter.power(a_request().name, on=False, gate=opened)
        assert not isinstance(caught.value, Rejected)
        assert not caught.value.unhealthy

    async def test_a_machine_that_is_not_there_is_not_switched_on(self, stage: Stage) -> None:
        with pytest.raises(NotExecuted) as caught:
            await stage.adapter.power("never-there", on=True, gate=opened)
        assert not isinstance(caught.value, CannotStart), "a copy that lags may not show a machine that is there"

    @pytest.mark.parametrize("trouble", [Trouble.LOST, Trouble.LOST_AFTER, Trouble.UNPROMISED])
    async def test_a_power_call_without_an_answer_is_unknown_and_not_repeated(
        self, stage: Stage, trouble: Trouble
    ) -> None:
        await stage.adapter.create(a_request(), opened)
        stage.advance(60)
        stage.spoil(Verb.POWER, trouble)
        with pytest.raises(Unknown):
            await stage.adapter.power(a_request().name, on=False, gate=opened)
        assert stage.calls(Verb.POWER) == 1

    async def test_a_power_call_through_a_closed_gate_lets_nothing_out(self, stage: Stage) -> None:
        with pytest.raises(NotAsked):
            await stage.adapter.power(a_request().name, on=False, gate=closed)
        assert stage.calls() == 0

    async def test_a_refused_connection_switches_nothing(self, stage: Stage) -> None:
        stage.spoil(Verb.POWER, Trouble.REFUSED)
        with pytest.raises(NeverSent):
            await stage.adapter.power(a_request().name, on=False, gate=opened)


class TokenContract:
    """Holds where the provider honours our token: a create that is repeated is answered with the same machine."""

    async def test_a_create_that_is_repeated_with_its_token_is_answered_with_its_machine(self, stage: Stage) -> None:
        request = a_request()
        stage.spoil(Verb.CREATE, Trouble.LOST_AFTER)
        with pytest.raises(Unknown):
            await stage.adapter.create(request, opened)
        again = await stage.adapter.create(replace(request, resent=True), opened)
        assert again.machine.name == request.name
        assert stage.live() == [request.name]

    async def test_sixteen_creates_with_one_token_at_once_make_one_machine(self, stage: Stage) -> None:
        request = a_request()
        ends = await asyncio.gather(*(outcome_of(stage.adapter, request) for _ in range(16)))
        assert stage.live() == [request.name]
        assert all(isinstance(end, Created) for end in ends)
        assert len({end.machine.id for end in ends if isinstance(end, Created)}) == 1

    async def test_a_token_with_another_request_is_unknown_when_it_was_sent_before(self, stage: Stage) -> None:
        request = a_request()
        await stage.adapter.create(request, opened)
        other = replace(request, wishes=Wishes(MACHINE, tags={"team": "audio"}), resent=True)
        end = await outcome_of(stage.adapter, other)
        assert isinstance(end, Unknown)
        assert stage.live() == [request.name]

    async def test_a_token_whose_machine_is_gone_makes_no_second_one(self, stage: Stage) -> None:
        request = a_request()
        created = await stage.adapter.create(request, opened)
        stage.do(Deed.DELETE, request.name)
        stage.advance(60)
        assert isinstance(await outcome_of(stage.adapter, replace(request, resent=True)), Unknown)
        assert await stage.adapter.look(request.name, opened) == Tombstone(created.machine.id)
        assert stage.live() == []


async def _call(adapter: Adapter, verb: Verb, gate: Callable[[], bool] = opened) -> object:
    match verb:
        case Verb.CREATE:
            return await adapter.create(a_request(), gate)
        case Verb.DELETE:
            return await adapter.delete(a_request().name, gate)
        case Verb.LIST:
            return await adapter.list()
        case Verb.LOOK:
            return await adapter.look(a_request().name, gate)
        case Verb.POWER:
            await adapter.power(a_request().name, on=False, gate=gate)
            return None
