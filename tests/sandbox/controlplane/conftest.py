"""Processes to practise on."""

import subprocess
from collections.abc import Callable, Iterator

import pytest

Sleeper = subprocess.Popen[bytes]


@pytest.fixture
def start_sleeper() -> Iterator[Callable[[], Sleeper]]:
    """Starts processes that wait until they are ended, each in a session of its own; they end with the test."""
    started: list[Sleeper] = []

    def start() -> Sleeper:
        started.append(subprocess.Popen(("sleep", "600"), start_new_session=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait(10)
