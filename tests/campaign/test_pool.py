"""Parts of a level are done once each, by one process or by several, with the same result."""

import os

import pytest
from tests.campaign.pool import HASH_SEED, spread

PARTS = ("3", "1", "2")


def test_one_process_does_them_itself_and_in_order() -> None:
    assert list(spread(int, PARTS, 1)) == [("3", 3), ("1", 1), ("2", 2)]


def test_two_processes_do_each_once() -> None:
    assert sorted(spread(int, PARTS, 2)) == [("1", 1), ("2", 2), ("3", 3)]


def test_apart_it_is_another_process_that_hashes_words_as_all_others_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HASH_SEED, "7")
    ((_name, value),) = spread(os.getenv, [HASH_SEED], 1, apart=True)
    assert value == "0"
    assert os.environ[HASH_SEED] == "7"


def test_a_part_that_cannot_be_done_ends_the_level() -> None:
    with pytest.raises(ValueError, match="a word"):
        list(spread(int, ("a word",), 2))
