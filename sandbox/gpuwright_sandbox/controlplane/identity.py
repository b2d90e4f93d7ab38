"""Whether a process is ours, and what it uses: all that is asked of the operating system about processes."""

import contextlib
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # psutil 7 ships no types, and one module is not worth a stub package

# psutil derives a process's start from the boot time and clock ticks; the boot time wobbles when the clock is set.
_CREATE_TIME_TOLERANCE_SECONDS = 1.0
_KILL_WAIT_SECONDS = 10.0
_PAUSE_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class Record:
    """What proves a process to be ours: a pid is reused, a pid with its start time and program is not.

    `create_time` is in seconds since the epoch, as psutil gives it; `exe` is the path of the running program.
    """

    name: str
    pid: int
    create_time: float
    exe: str


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process has used: CPU in seconds since its start, resident memory now and at its peak in bytes."""

    cpu_seconds: float
    rss_bytes: int
    peak_rss_bytes: int


def identify(name: str, pid: int) -> Record | None:
    """Return what proves this running process to be itself; None when it has ended already."""
    try:
        process = psutil.Process(pid)
        return Record(name, pid, process.create_time(), process.exe())
    except psutil.Error:
        return None


def is_running(record: Record) -> bool:
    """Return whether the process of this record runs; False when its pid belongs to somebody else by now."""
    if not is_alive(record.pid):
        return False
    seen = identify(record.name, record.pid)
    if seen is None:
        return False
    same_start = abs(seen.create_time - record.create_time) <= _CREATE_TIME_TOLERANCE_SECONDS
    # Linux marks the path of a program whose file was replaced while it runs.
    return same_start and seen.exe.removesuffix(" (deleted)") == record.exe.removesuffix(" (deleted)")


def is_alive(pid: int) -> bool:
    """Return whether a process with this id runs; one that ended and that nobody has waited for does not."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def kill(record: Record) -> bool:
    """Kill the session that this process leads, if it is provably ours, and wait for it; return whether it was."""
    if not is_running(record):
        return False
    with contextlib.suppress(ProcessLookupError):
        os.killpg(record.pid, signal.SIGKILL)
    deadline = time.monotonic() + _KILL_WAIT_SECONDS
    # psutil's own wait would take the exit code from whoever is the parent.
    while is_running(record) and time.monotonic() < deadline:
        time.sleep(_PAUSE_SECONDS)
    return True


def measure(pid: int) -> Usage:
    """Return what a running process has used; on systems without /proc the peak is what it uses now.

    The peak is VmHWM of /proc/PID/status, in KiB (proc_pid_status(5), read 2026-11-22).
    """
    process = psutil.Process(pid)
    times, rss = process.cpu_times(), process.memory_info().rss
    status = Path(f"/proc/{pid}/status")
    lines = status.read_text().splitlines() if status.exists() else []
    peaks = [int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")]
    return Usage(times.user + times.system, rss, max(rss, *peaks))
