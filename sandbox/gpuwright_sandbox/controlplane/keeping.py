"""What is made once and kept in the user's cache, ($XDG_CACHE_HOME or ~/.cache)/gpuwright, by one process at a time."""

import contextlib
import fcntl
import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from gpuwright_sandbox.controlplane.errors import BinariesMissingError


def cache_home(environment: Mapping[str, str]) -> Path:
    """Return the folder of all that is made here; an empty variable counts as absent."""
    return Path(environment.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")) / "gpuwright"


def digest(*pins: Path) -> str:
    """Return a short digest of what these files hold: other pins make another program."""
    return hashlib.sha256(b"".join(file.read_bytes() for file in pins)).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class KeptProgram:
    """A program that is looked for, and made where it is not found.

    Attributes:
        name: what a message calls it.
        folder: where it is made, which one process does at a time.
        made_by: the command that makes it, for a message.
        look: returns where it is, or None.
        make: makes it, where `look` then finds it, and says so; raises BinariesMissingError.
    """

    name: str
    folder: Path
    made_by: str
    look: Callable[[], Path | None]
    make: Callable[[TextIO], None]

    def find(self) -> Path:
        """Return it without making it: for a caller that has no minutes to spare.

        Raises:
            BinariesMissingError: it is to be made first; the message says how.
        """
        found = self.look()
        if found is None:
            raise BinariesMissingError(f"{self.name}: not found; run `{self.made_by}`, which makes it once")
        return found

    def find_or_make(self, out: TextIO) -> Path:
        """Return it, made where it was not found; that takes minutes, and says so.

        Raises:
            BinariesMissingError: it cannot be made here; the message says what is missing.
        """
        make_once(lambda: self.look() is not None, lambda: self.make(out), self.folder, out)
        return self.find()


def make_once(is_there: Callable[[], bool], make: Callable[[], None], folder: Path, out: TextIO) -> None:
    """Make what is not there, alone in this folder of the cache."""
    if is_there():
        return
    with _alone(folder, out):
        # Another process may have made it while this one waited.
        if not is_there():
            make()


@contextlib.contextmanager
def _alone(folder: Path, out: TextIO) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            out.write("waiting for another process that makes programs there\n")
            out.flush()
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
