"""What survives the gateway: an append-only file of JSON lines, read back at the start."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from gpuwright_sandbox.gateway.shapes import FieldError, Json, dump, parse


class Journal:
    """A file to which every change of the truth is appended; the last line about a thing is what it is now.

    A line is in the operating system's hands when `append` returns, so a killed gateway loses nothing;
    a machine that loses power may (there is no fsync, which would be slower than the gateway itself).
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None

    def append(self, kind: str, record: object) -> None:
        """Write one line; without `open` first nothing is written."""
        if self._file is not None:
            self._file.write(dump({kind: record}) + b"\n")

    def open(self) -> Iterator[tuple[str, Json]]:
        """Yield what was written so far, as (kind, record), then be ready for more.

        A last line that a kill has torn is dropped from the file.
        """
        whole = 0
        self._path.touch()
        with self._path.open("rb") as lines:
            for line in lines:
                entry = _entry(line)
                if entry is None:
                    break
                whole += len(line)
                yield entry
        self._file = self._path.open("ab", buffering=0)
        self._file.truncate(whole)

    def clear(self) -> None:
        """Forget everything."""
        if self._file is not None:
            self._file.truncate(0)

    def close(self) -> None:
        """Write no more; `open` starts again."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _entry(line: bytes) -> tuple[str, Json] | None:
    if not line.endswith(b"\n"):
        return None
    try:
        body = parse(line)
    except FieldError:
        return None
    return next(iter(body.items()), None) if isinstance(body, dict) else None
