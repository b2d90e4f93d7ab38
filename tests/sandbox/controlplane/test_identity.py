"""Whether a process is ours."""

import dataclasses
import os
import subprocess
from collections.abc import Callable
from typing import TypeAlias

import pytest

from gpuwright_sandbox.controlplane import identity
from gpuwright_sandbox.controlplane.identity import Record

Sleeper: TypeAlias = subprocess.Popen[bytes]


@pytest.fixture
def child(start_sleeper: Callable[[], Sleeper]) -> Sleeper:
    return start_sleeper()


def _record(child: Sleeper) -> Record:
    record = identity.identify("child", child.pid)
    assert record is not None
    return record


def test_a_process_with_pid_start_and_program_is_ours(child: Sleeper) -> None:
    record = _record(child)
    assert identity.is_running(record)
    assert identity.kill(record)
    assert child.wait(10) == -9


def test_a_pid_that_started_at_another_time_is_left_alone(child: Sleeper) -> None:
    record = _record(child)
    stranger = dataclasses.replace(record, create_time=record.create_time - 2)
    assert not identity.kill(stranger)
    assert child.poll() is None


def test_a_pid_that_runs_another_program_is_left_alone(child: Sleeper) -> None:
    assert not identity.kill(dataclasses.replace(_record(child), exe="/usr/local/bin/etcd"))
    assert child.poll() is None


def test_a_process_that_ended_and_that_nobody_waited_for_does_not_run(child: Sleeper) -> None:
    record = _record(child)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not identity.is_alive(child.pid)
    assert not identity.kill(record)


def test_a_pid_that_nobody_has_is_nobody() -> None:
    assert identity.identify("nobody", 2**30) is None
    assert not identity.is_alive(2**30)


def test_what_a_process_uses_is_measured() -> None:
    usage = identity.measure(os.getpid())
    assert usage.cpu_seconds > 0
    assert usage.peak_rss_bytes >= usage.rss_bytes > 1_000_000
