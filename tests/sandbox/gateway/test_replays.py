"""Idempotency keys are remembered per account."""

from pathlib import Path

from gpuwright_sandbox.gateway.replays import Replay, Replays, fingerprint
from gpuwright_sandbox.gateway.store import Journal

REPLAY = Replay("one", "key", "print", 3)


def test_a_key_is_found_by_its_own_account_only() -> None:
    replays = Replays()
    replays.keep(REPLAY)
    assert replays.find("one", "key") == REPLAY
    assert replays.find("two", "key") is None


def test_keys_survive_in_the_journal(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    list(journal.open())
    Replays(journal).keep(REPLAY)
    journal.close()
    again = Replays()
    for kind, record in journal.open():
        again.restore(kind, record)
    journal.close()
    assert again.find("one", "key") == REPLAY
    again.reset()
    assert again.find("one", "key") is None


def test_bodies_that_say_the_same_have_the_same_fingerprint() -> None:
    assert fingerprint({"a": 1, "b": {"c": 2, "d": 3}}) == fingerprint({"b": {"d": 3, "c": 2}, "a": 1})
    assert fingerprint({"a": 1}) != fingerprint({"a": 2})
