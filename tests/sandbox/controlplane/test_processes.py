"""Child processes that end with their parent."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gpuwright_sandbox.controlplane import identity
from gpuwright_sandbox.controlplane.errors import ControlPlaneError, DirectoryInUseError
from gpuwright_sandbox.controlplane.processes import Children

SLEEP = ("sleep", "600")
STUBBORN = ("/bin/sh", "-c", "trap '' TERM; echo ready; while :; do sleep 600; done")
# Starts one child, says its pid and its reaper's, and waits to be killed.
PARENT = """
import sys
from pathlib import Path
from gpuwright_sandbox.controlplane.processes import Children
directory = Path(sys.argv[1])
children = Children(directory)
children.open()
children.spawn("sleeper", ("sleep", "600"), directory / "log")
print(children.pids()["sleeper"], children._reaper.pid, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def children(tmp_path: Path) -> Iterator[Children]:
    children = Children(tmp_path)
    children.open()
    yield children
    children.close()


@pytest.fixture
def parent(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], int, int]]:
    """A process that owns a child: the process, the child's pid, the reaper's pid."""
    command = (sys.executable, "-c", PARENT, str(tmp_path))
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        child, reaper = process.stdout.readline().split()
        yield process, int(child), int(reaper)
        process.kill()


def _gone_within(seconds: float, pid: int) -> bool:
    deadline = time.monotonic() + seconds
    while identity.is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not identity.is_alive(pid)


def test_children_of_a_killed_parent_end(parent: tuple[subprocess.Popen[str], int, int]) -> None:
    process, child, reaper = parent
    process.kill()
    process.wait(10)
    assert _gone_within(10, child)
    assert _gone_within(10, reaper)


def test_the_next_start_ends_what_a_parent_killed_with_its_reaper_left(
    parent: tuple[subprocess.Popen[str], int, int], tmp_path: Path
) -> None:
    process, child, reaper = parent
    os.kill(reaper, signal.SIGKILL)
    process.kill()
    process.wait(10)
    assert identity.is_alive(child)
    successor = Children(tmp_path)
    try:
        assert successor.open() == ("sleeper",)
        assert not identity.is_alive(child)
    finally:
        successor.close()


def test_a_directory_with_a_living_owner_is_refused_and_left_alone(
    parent: tuple[subprocess.Popen[str], int, int], tmp_path: Path
) -> None:
    process, child, _ = parent
    with pytest.raises(DirectoryInUseError, match=str(process.pid)):
        Children(tmp_path).open()
    assert identity.is_alive(child)


def test_output_goes_to_the_log_and_is_appended(children: Children, tmp_path: Path) -> None:
    for word in ("one", "two"):
        children.spawn("speaker", ("/bin/sh", "-c", f"echo {word}; echo {word} >&2"), tmp_path / "log")
        while children.exit_code("speaker") is None:
            time.sleep(0.01)
    assert (tmp_path / "log").read_text().split() == ["one", "one", "two", "two"]


def test_a_child_is_ended_by_sigterm_within_its_grace(children: Children, tmp_path: Path) -> None:
    children.spawn("sleeper", SLEEP, tmp_path / "log")
    pid = children.pids()["sleeper"]
    children.end(("sleeper",), grace_seconds=10)
    assert children.pids() == {}
    assert not identity.is_alive(pid)


def test_a_child_that_ignores_sigterm_is_killed_after_its_grace(children: Children, tmp_path: Path) -> None:
    children.spawn("stubborn", STUBBORN, tmp_path / "log")
    while "ready" not in (tmp_path / "log").read_text():
        time.sleep(0.01)
    children.end(("stubborn",), grace_seconds=0.1)
    assert not children.is_running("stubborn")


def test_a_frozen_child_is_running_and_can_be_ended(children: Children, tmp_path: Path) -> None:
    children.spawn("sleeper", SLEEP, tmp_path / "log")
    children.send("sleeper", signal.SIGSTOP)
    assert children.is_running("sleeper")
    children.end(("sleeper",), grace_seconds=10)
    assert not children.is_running("sleeper")


def test_closing_kills_what_runs_and_lets_the_reaper_go(tmp_path: Path) -> None:
    children = Children(tmp_path)
    children.open()
    children.spawn("sleeper", SLEEP, tmp_path / "log")
    pid = children.pids()["sleeper"]
    reaper = children._reaper
    children.close()
    assert not identity.is_alive(pid)
    assert reaper is not None
    assert reaper.returncode == 0
    assert (tmp_path / "reaper.log").read_text() == ""


def test_closing_twice_does_nothing(children: Children) -> None:
    children.close()
    children.close()


def test_one_name_runs_once(children: Children, tmp_path: Path) -> None:
    children.spawn("sleeper", SLEEP, tmp_path / "log")
    with pytest.raises(ControlPlaneError, match="runs already"):
        children.spawn("sleeper", SLEEP, tmp_path / "log")


def test_nothing_starts_before_the_directory_is_taken(tmp_path: Path) -> None:
    with pytest.raises(ControlPlaneError, match="was not started"):
        Children(tmp_path).spawn("sleeper", SLEEP, tmp_path / "log")


def test_a_signal_to_what_does_not_run_says_so(children: Children) -> None:
    with pytest.raises(ControlPlaneError, match="etcd is not running"):
        children.send("etcd", signal.SIGSTOP)


def test_usage_is_told_for_what_runs(children: Children, tmp_path: Path) -> None:
    assert children.usage() == {}
    children.spawn("sleeper", SLEEP, tmp_path / "log")
    assert children.usage()["sleeper"].peak_rss_bytes > 0
