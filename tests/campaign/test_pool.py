"""Parts of a level are done once each, by one process or by several, with the same result."""

import os
import subprocess
import sys
import time
from multiprocessing import active_children

import pytest
from tests.campaign.pool import HASH_SEED, spread

PARTS = ("3", "1", "2")
LONG = 600.0  # seconds that a part takes which nobody waits for


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


def test_who_waits_no_longer_leaves_no_process_behind() -> None:
    results = spread(time.sleep, [0.0, LONG], 2)
    next(results)
    results.close()
    assert not active_children()


def test_sigterm_ends_a_campaign_with_all_its_processes() -> None:
    campaign = [sys.executable, "-m", "tests.campaign", "--level", "L0", "--seed", "1", "--processes", "2"]
    with subprocess.Popen(campaign, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "seed 1\n"
        time.sleep(3)  # until its processes are at work
        process.terminate()
        _said, complaint = process.communicate(timeout=30)  # until the last of them has closed its end
    assert "KeyboardInterrupt" in complaint
