"""Who owns a directory, and which processes the owner has started: a lock and a ledger.

The lock is the kernel's (flock), so it is given up however the owner ends; the ledger then says what to clean up.
"""

import fcntl
import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import IO

from gpuwright_sandbox.controlplane import identity
from gpuwright_sandbox.controlplane.errors import DirectoryInUseError
from gpuwright_sandbox.controlplane.identity import Record

_TAKE_OVER_SECONDS = 10.0
_TAKE_OVER_PAUSE_SECONDS = 0.05


def take(directory: Path) -> IO[str]:
    """Return the open file whose lock makes this process the owner; closing it, or dying, gives the directory up.

    Raises:
        DirectoryInUseError: the owner is alive.
    """
    lock = _lock(directory)
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def reap(directory: Path) -> tuple[str, ...]:
    """End what a dead owner left behind and return its names; do nothing once the next owner took over."""
    try:
        # Without signing: the next owner waits for a lock that bears the name of a dead one.
        with _lock(directory):
            return end_leftovers(directory)
    except DirectoryInUseError:
        return ()


def end_leftovers(directory: Path) -> tuple[str, ...]:
    """Kill every process of the ledger that is provably ours, last started first; return the names of those killed."""
    killed = tuple(record.name for record in reversed(read_ledger(directory)) if identity.kill(record))
    clear_ledger(directory)
    return killed


def read_ledger(directory: Path) -> tuple[Record, ...]:
    """Return the processes the owner has started; empty when there is no ledger."""
    try:
        entries = json.loads(_ledger(directory).read_text())
    except FileNotFoundError:
        return ()
    return tuple(Record(**entry) for entry in entries)


def write_ledger(directory: Path, records: Sequence[Record]) -> None:
    """Replace the ledger in one step, so that whoever reads it sees the old list or the new one."""
    temporary = directory / "children.new"
    temporary.write_text(json.dumps([asdict(record) for record in records], indent=1))
    temporary.replace(_ledger(directory))


def clear_ledger(directory: Path) -> None:
    """Forget every process: none runs any more."""
    _ledger(directory).unlink(missing_ok=True)


def _ledger(directory: Path) -> Path:
    return directory / "children.json"


def _lock(directory: Path) -> IO[str]:
    deadline = time.monotonic() + _TAKE_OVER_SECONDS
    while True:
        # Appending leaves the pid of the owner in place until the lock is taken.
        lock = (directory / "lock").open("a+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            owner = lock.read()
            lock.close()
            # A dead owner's reaper holds the lock for the moment it needs to clean up.
            if not owner.isdecimal() or identity.is_alive(int(owner)) or time.monotonic() > deadline:
                raise DirectoryInUseError(
                    f"{directory} is in use by process {owner}: stop that one, or take another directory"
                ) from error
            time.sleep(_TAKE_OVER_PAUSE_SECONDS)
        else:
            return lock
