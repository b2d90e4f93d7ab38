"""Idempotency keys: which machine a key has made, and from which body."""

import hashlib
from dataclasses import dataclass

import orjson

from gpuwright_sandbox.gateway.shapes import Json, read
from gpuwright_sandbox.gateway.store import Journal


@dataclass(frozen=True, slots=True)
class Replay:
    """A key that has made the machine of this serial, from a body of this fingerprint."""

    account: str
    key: str
    fingerprint: str
    serial: int


class Replays:
    """The keys that were used."""

    def __init__(self, journal: Journal | None = None) -> None:
        self._journal = journal
        self._replays: dict[tuple[str, str], Replay] = {}

    def find(self, account: str, key: str) -> Replay | None:
        """Return what this key has made; None for a key that was never used."""
        return self._replays.get((account, key))

    def keep(self, replay: Replay) -> None:
        """Remember a key for good."""
        self._replays[replay.account, replay.key] = replay
        if self._journal is not None:
            self._journal.append("replay", replay)

    def restore(self, kind: str, record: Json) -> None:
        """Take back one line of the journal; lines of other kinds are somebody else's."""
        if kind == "replay":
            replay = read(Replay, record)
            self._replays[replay.account, replay.key] = replay

    def reset(self) -> None:
        """Forget everything."""
        self._replays.clear()


def fingerprint(payload: Json) -> str:
    """Return the same text for bodies that say the same, in whatever order of keys."""
    return hashlib.sha256(orjson.dumps(payload, option=orjson.OPT_SORT_KEYS)).hexdigest()
