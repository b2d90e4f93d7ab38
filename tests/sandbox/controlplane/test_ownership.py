"""Who owns a directory."""

import dataclasses
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from gpuwright_sandbox.controlplane import identity, ownership
from gpuwright_sandbox.controlplane.errors import DirectoryInUseError
from gpuwright_sandbox.controlplane.identity import Record

Sleeper: TypeAlias = subprocess.Popen[bytes]


def test_a_directory_has_one_owner_at_a_time(tmp_path: Path) -> None:
    with ownership.take(tmp_path), pytest.raises(DirectoryInUseError, match=f"in use by process {os.getpid()}"):
        ownership.take(tmp_path)


def test_a_directory_that_was_given_up_can_be_taken_again(tmp_path: Path) -> None:
    ownership.take(tmp_path).close()
    ownership.take(tmp_path).close()


def test_the_ledger_comes_back_as_it_was_written(tmp_path: Path) -> None:
    records = (Record("etcd", 1, 1.5, "/bin/etcd"), Record("kube-apiserver", 2, 2.5, "/bin/kube-apiserver"))
    ownership.write_ledger(tmp_path, records)
    assert ownership.read_ledger(tmp_path) == records
    ownership.clear_ledger(tmp_path)
    assert ownership.read_ledger(tmp_path) == ()


def _record(name: str, process: Sleeper) -> Record:
    record = identity.identify(name, process.pid)
    assert record is not None
    return record


def test_leftovers_that_are_ours_are_ended_and_strangers_are_not(
    tmp_path: Path, start_sleeper: Callable[[], Sleeper]
) -> None:
    ours, stranger = start_sleeper(), start_sleeper()
    strange = dataclasses.replace(_record("stranger", stranger), create_time=0.0)
    ownership.write_ledger(tmp_path, (_record("ours", ours), strange))
    assert ownership.end_leftovers(tmp_path) == ("ours",)
    assert ours.wait(10) == -9
    assert stranger.poll() is None
    assert ownership.read_ledger(tmp_path) == ()


def test_a_reaper_leaves_the_processes_of_a_living_owner_alone(
    tmp_path: Path, start_sleeper: Callable[[], Sleeper]
) -> None:
    child = start_sleeper()
    with ownership.take(tmp_path):
        ownership.write_ledger(tmp_path, (_record("child", child),))
        assert ownership.reap(tmp_path) == ()
        assert child.poll() is None
