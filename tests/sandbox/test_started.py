"""What is started ends with its `with`, also where the start fails, and is waited for until it is up or has ended."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from gpuwright_sandbox.started import Started, comes_up


class ABulb(Started):
    def __init__(self, broken: bool = False) -> None:
        self.seen: list[str] = []
        self._broken = broken

    def start(self) -> None:
        self.seen.append("start")
        if self._broken:
            raise OSError("no light")

    def close(self) -> None:
        self.seen.append("close")


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    """A process that runs until its input ends."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
        yield child


def test_it_runs_as_long_as_the_with() -> None:
    with ABulb() as bulb:
        assert bulb.seen == ["start"]
    assert bulb.seen == ["start", "close"]


def test_it_is_closed_when_the_body_raises() -> None:
    bulb = ABulb()
    with pytest.raises(KeyError), bulb:
        raise KeyError
    assert bulb.seen == ["start", "close"]


def test_what_fails_to_start_is_closed_and_says_why() -> None:
    bulb = ABulb(broken=True)
    with pytest.raises(OSError, match="no light"), bulb:
        pytest.fail("it did not start")
    assert bulb.seen == ["start", "close"]


def test_a_child_is_waited_for_until_it_is_up(child: subprocess.Popen[bytes]) -> None:
    looks = iter([False, False, True])
    assert comes_up(child, lambda: next(looks), patience_seconds=60, glance_seconds=0)
    assert list(looks) == []


def test_a_child_that_is_not_up_within_the_patience_does_not_come_up(child: subprocess.Popen[bytes]) -> None:
    assert not comes_up(child, lambda: False, patience_seconds=0, glance_seconds=0)
    assert child.poll() is None


def test_a_child_that_has_ended_is_not_waited_for(child: subprocess.Popen[bytes]) -> None:
    child.communicate()
    assert not comes_up(child, lambda: False, patience_seconds=600, glance_seconds=600)
