"""Names are looked up once at a time and in nobody else's way; what becomes of addresses is in test_http_client.py."""

import asyncio
import gc
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpcore
import pytest

from gpuwright import http_guard
from gpuwright.http_guard import Names

PATIENCE = 5.0  # seconds: far more than a look-up here takes, far less than a silent one does
SILENT = "silent.example"
MANY = 64  # names without an answer; the loop's own threads are far fewer


class NameService:
    """Answers every name at once but those that are silent; counts what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.speaks = threading.Event()

    def getaddrinfo(self, host: str, port: int, **_: Any) -> list[Any]:
        """Return one address that is another one each time."""
        self.asked.append(host)
        if host.endswith(SILENT) and not self.speaks.wait(60):
            raise AssertionError("no test waits this long")
        if host.startswith("nobody"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        address = f"192.0.2.{len(self.asked)}"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))] * 2


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[NameService]:
    made = NameService()
    monkeypatch.setattr(http_guard, "getaddrinfo", made.getaddrinfo)
    yield made
    made.speaks.set()


async def until(holds: Callable[[], bool]) -> None:
    """Wait for what a thread does."""
    async with asyncio.timeout(PATIENCE):
        while not holds():  # noqa: ASYNC110 - a thread tells no Event of the loop
            await asyncio.sleep(0.001)


async def test_an_address_that_is_told_twice_is_one(service: NameService) -> None:
    assert await Names().addresses("a.example", 443) == ["192.0.2.1"]


async def test_what_was_answered_is_asked_anew(service: NameService) -> None:
    names = Names()
    assert await names.addresses("a.example", 443) != await names.addresses("a.example", 443)


async def test_a_name_that_is_being_looked_up_is_not_asked_for_again(service: NameService) -> None:
    names = Names()
    askers = [asyncio.ensure_future(names.addresses(SILENT, 443)) for _ in range(20)]
    await until(lambda: service.asked == [SILENT])
    service.speaks.set()
    assert await asyncio.gather(*askers) == [["192.0.2.1"]] * 20
    assert service.asked == [SILENT]


async def test_who_gives_up_leaves_the_answer_to_the_others(service: NameService) -> None:
    names = Names()
    first, second = (asyncio.ensure_future(names.addresses(SILENT, 443)) for _ in range(2))
    await until(lambda: service.asked == [SILENT])
    first.cancel()
    await asyncio.wait([first])
    third = asyncio.ensure_future(names.addresses(SILENT, 443))
    await asyncio.sleep(0)
    service.speaks.set()
    assert (await second, await third) == (["192.0.2.1"], ["192.0.2.1"])
    assert first.cancelled()


async def test_names_whose_servers_are_silent_are_in_nobodys_way(service: NameService) -> None:
    """As many providers as you like may have a name that nobody answers."""
    stuck = [asyncio.ensure_future(Names().addresses(f"{n}.{SILENT}", 443)) for n in range(MANY)]
    await until(lambda: len(service.asked) == MANY)
    async with asyncio.timeout(PATIENCE):
        assert await Names().addresses("a.example", 443) == [f"192.0.2.{MANY + 1}"]
    assert not any(asker.done() for asker in stuck)
    service.speaks.set()
    await asyncio.gather(*stuck)


async def test_a_name_that_nobody_has_is_no_connection(service: NameService) -> None:
    with pytest.raises(httpcore.ConnectError, match=r"nobody\.example: .*not known"):
        await Names().addresses("nobody.example", 443)


async def test_a_failure_that_nobody_waits_for_is_nobodys_business(
    service: NameService, caplog: pytest.LogCaptureFixture
) -> None:
    name = f"nobody.{SILENT}"
    asker = asyncio.ensure_future(Names().addresses(name, 443))
    await until(lambda: service.asked == [name])
    asker.cancel()
    await asyncio.wait([asker])
    service.speaks.set()
    await asyncio.sleep(0.05)
    gc.collect()
    assert caplog.records == []


def test_a_loop_that_is_gone_when_the_answer_comes_is_no_error(service: NameService) -> None:
    async def give_up() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await Names().addresses(SILENT, 443)

    with asyncio.Runner() as runner:
        runner.run(give_up())
    service.speaks.set()
    for thread in threading.enumerate():
        if thread.name == "name":
            thread.join(PATIENCE)  # pytest turns an exception in a thread into a failure
