"""A double in a thread: whoever is outside of an event loop asks it, and hears of what went wrong in it."""

import gc
import socket
import threading
from contextlib import ExitStack, suppress
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from gpuwright_sandbox.runpod.double import RunpodInThread
from gpuwright_sandbox.runpod.schemas import LeftTheSchema

THREAD = "runpod-double"


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == THREAD]


def test_it_answers_until_its_end_and_leaves_no_thread() -> None:
    with RunpodInThread() as double:
        asked = Request(f"{double.url}/v2/pods", headers={"Authorization": "Bearer rpa_sandbox"})
        with urlopen(asked, timeout=30) as answer:
            assert answer.read() == b'{"pods":[]}'
        assert [call.kind for call in double.server.calls] == ["listPods"]
        assert threads() == [THREAD]
    assert threads() == []


def test_what_the_servers_end_raises_is_raised_and_the_thread_ends_all_the_same() -> None:
    with pytest.raises(LeftTheSchema), RunpodInThread() as double, pytest.raises(HTTPError):
        urlopen(f"{double.url}/v1/pods", timeout=30)
    assert threads() == []


def test_what_raised_in_the_body_is_not_hidden_by_the_servers_end() -> None:
    with pytest.raises(HTTPError), RunpodInThread() as double:
        urlopen(f"{double.url}/v1/pods", timeout=30)


def test_a_connection_of_the_last_moment_is_closed_with_the_double() -> None:
    with ExitStack() as callers:
        with RunpodInThread() as double:
            port = int(double.url.rpartition(":")[2])
            made = [callers.enter_context(socket.create_connection(("127.0.0.1", port))) for _call in range(50)]
        gc.collect()  # a transport that was left open would say so here
        for caller in made:
            with suppress(ConnectionResetError):
                assert caller.recv(1) == b""
