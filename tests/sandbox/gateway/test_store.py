"""The journal gives back what was written, also after a kill in the middle of a line."""

from pathlib import Path

import pytest

from gpuwright_sandbox.gateway.shapes import Json
from gpuwright_sandbox.gateway.store import Journal


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.jsonl"


def written(path: Path, *records: int) -> None:
    journal = Journal(path)
    list(journal.open())
    for record in records:
        journal.append("n", record)
    journal.close()


def recalled(path: Path) -> list[tuple[str, Json]]:
    journal = Journal(path)
    entries = list(journal.open())
    journal.close()
    return entries


def test_gives_back_what_was_written_in_order(path: Path) -> None:
    written(path, 1, 2)
    written(path, 3)
    assert recalled(path) == [("n", 1), ("n", 2), ("n", 3)]


def test_a_new_file_holds_nothing(path: Path) -> None:
    assert recalled(path) == []


@pytest.mark.parametrize("torn", [b'{"n":', b'{"n":3}', b"garbage\n", b"[]\n"])
def test_a_torn_last_line_is_dropped_and_the_next_one_stands_alone(path: Path, torn: bytes) -> None:
    written(path, 1, 2)
    with path.open("ab") as file:
        file.write(torn)
    written(path, 4)
    assert recalled(path) == [("n", 1), ("n", 2), ("n", 4)]


def test_a_line_is_in_the_file_at_once(path: Path) -> None:
    journal = Journal(path)
    list(journal.open())
    journal.append("n", 1)
    assert recalled(path) == [("n", 1)]
    journal.close()


def test_forgets_when_cleared_and_goes_on(path: Path) -> None:
    journal = Journal(path)
    list(journal.open())
    journal.append("n", 1)
    journal.clear()
    journal.append("n", 2)
    journal.close()
    assert recalled(path) == [("n", 2)]


def test_a_closed_journal_writes_nothing(path: Path) -> None:
    journal = Journal(path)
    journal.append("n", 1)
    journal.clear()
    journal.close()
    assert recalled(path) == []
