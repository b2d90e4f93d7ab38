"""What goes wrong with a call is told as what it means: sent or not, for a read or for a change."""

import asyncio
from ipaddress import ip_network
from typing import Any, NoReturn

import pytest

from gpuwright.adapters.bearer import BearerToken
from gpuwright.adapters.contract import NotAsked, NotLooked
from gpuwright.adapters.skypilot_answers import Failure, Refusal
from gpuwright.adapters.skypilot_calls import Calls
from gpuwright.adapters.skypilot_wire import Failed, Refused, Unreadable, Wire
from gpuwright.http_client import Endpoint, HttpClient, Interrupted, NotSent, Unasked
from gpuwright.model.addresses import AddressPolicy
from gpuwright.model.conditions import Reason
from gpuwright.model.errors import Blind, EndpointRefused, NeverSent, ProviderError, Rejected, Unknown


class Wrong(Wire):
    """A wire on which one thing goes wrong."""

    def __init__(self, error: Exception) -> None:
        endpoint = Endpoint("http://127.0.0.1:1", 1.0, 1.0, AddressPolicy((ip_network("127.0.0.0/8"),)))
        super().__init__(HttpClient(endpoint), BearerToken("sky_x"))
        self._error = error

    async def submit(self, *_arguments: Any, **_more: Any) -> NoReturn:
        raise self._error

    async def get(self, *_arguments: Any, **_more: Any) -> NoReturn:
        raise self._error


def calls(error: Exception, seconds: float = 5.0) -> Calls:
    return Calls(Wrong(error), {"SKYPILOT_USER": "x"}, seconds)


def refused(refusal: Refusal) -> NoReturn:
    raise Rejected(refusal.message, Reason.REQUEST_REJECTED)


REFUSED = Refused(Refusal(403, True, "no"))


@pytest.mark.parametrize(
    ("error", "outcome", "unhealthy"),
    [
        (Unasked("closed"), NotAsked, False),
        (NotSent("refused"), NeverSent, True),
        (EndpointRefused("loopback"), NeverSent, True),
        (Interrupted("reset"), Unknown, True),
        (Interrupted("slow", timed_out=True), Unknown, True),
        (Unreadable("a page"), Unknown, False),
        (REFUSED, Rejected, False),
    ],
)
async def test_what_is_sent(error: Exception, outcome: type[ProviderError], unhealthy: bool) -> None:
    with pytest.raises(ProviderError) as caught:
        await calls(error).send("/launch", {}, lambda: True, refused)
    assert type(caught.value) is outcome
    assert caught.value.unhealthy is unhealthy


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (Unasked("closed"), NotAsked),
        (NotSent("refused"), NeverSent),
        (Interrupted("reset"), NeverSent),
        (Unreadable("a page"), NeverSent),
        (Failed(Failure("A", "b")), NeverSent),
        (REFUSED, Rejected),
    ],
)
async def test_what_is_read_before_something_is_sent(error: Exception, outcome: type[ProviderError]) -> None:
    found = calls(error)
    with pytest.raises(ProviderError) as caught:
        await found.before(refused, found.health)
    assert type(caught.value) is outcome


@pytest.mark.parametrize(
    ("error", "rejected", "forbidden", "unhealthy"),
    [
        (NotSent("refused"), False, False, True),
        (EndpointRefused("loopback"), False, True, True),
        (Interrupted("reset"), False, False, True),
        (Unreadable("a page"), False, False, False),
        (REFUSED, True, False, False),
        (Failed(Failure("A", "b")), False, False, True),
    ],
)
async def test_what_is_read(error: Exception, rejected: bool, forbidden: bool, unhealthy: bool) -> None:
    found = calls(error)
    with pytest.raises(Blind) as caught:
        async with found.reading():
            await found.health()
    assert (caught.value.rejected, caught.value.forbidden, caught.value.unhealthy) == (rejected, forbidden, unhealthy)


async def test_a_read_that_was_not_begun_says_nothing_of_the_server() -> None:
    found = calls(Unasked("closed"))
    with pytest.raises(NotLooked) as caught:
        async with found.reading():
            await found.health()
    assert not caught.value.unhealthy


async def test_a_failure_that_is_asked_for_comes_as_it_is() -> None:
    found = calls(Failed(Failure("A", "b")))
    with pytest.raises(Failed):
        async with found.reading(failed=True):
            await found.health()


async def test_a_verb_of_several_calls_has_one_time() -> None:
    found = calls(Unasked("never"), seconds=0.05)
    with pytest.raises(Blind) as caught:
        async with found.reading():
            await asyncio.sleep(30)
    assert caught.value.unhealthy
    with pytest.raises(NeverSent):
        await found.before(refused, lambda: asyncio.sleep(30))


async def test_what_is_followed_is_asked_for_until_it_shows() -> None:
    told = iter([None, None, "there"])

    async def step() -> str | None:
        return next(told)

    deadline = asyncio.get_running_loop().time() + 20
    assert await calls(Unasked("never")).followed(deadline, step, "words") == "there"


@pytest.mark.parametrize(("error", "unhealthy"), [(Interrupted("reset"), True), (Unreadable("a page"), False)])
async def test_what_cannot_be_followed_is_unknown(error: Exception, unhealthy: bool) -> None:
    found = calls(error)
    deadline = asyncio.get_running_loop().time() + 20
    with pytest.raises(Unknown, match="words") as caught:
        await found.followed(deadline, found.health, "words")
    assert caught.value.unhealthy is unhealthy


async def test_what_does_not_show_in_time_is_unknown_and_nobodys_sickness() -> None:
    async def step() -> str | None:
        return None

    deadline = asyncio.get_running_loop().time() + 0.1
    with pytest.raises(Unknown, match="words") as caught:
        await calls(Unasked("never")).followed(deadline, step, "words")
    assert not caught.value.unhealthy
