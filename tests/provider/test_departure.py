"""What was let go leaves its ledger only when it is proven gone."""

from typing import Any

import pytest
from tests.builders import a_machine, a_snapshot

from gpuwright.model.machine import Absent, Machine, MachineState, Present, Sighting, Tombstone
from gpuwright.provider.departure import Entry, Watch, after_list, entries, without_what_is_gone

SETTLED_AFTER = 97.0
F = 60.0
LEAK: Entry = ("leaks", "i-1", "n", "uid-1")
STATUS: dict[str, Any] = {
    "leaks": [{"id": "i-1", "name": "n", "ownerUID": "uid-1", "reason": "r"}],
    "leakCount": 30,
    "retained": [{"id": "i-2", "name": "m", "ownerUID": "uid-2"}],
}
Watches = dict[Entry, Watch]


def looked(watches: Watches, began: float, *machines: Machine, counts: bool = True) -> Watches:
    snapshot = a_snapshot(*machines, began=began)
    return after_list(watches, [LEAK], snapshot, now=began + 1, settled_after=SETTLED_AFTER, counts=counts)


def missed_since(began: float, *, lists: int, apart: float) -> Watches:
    """Return the watches after lists that miss the entry, the first of them at `began`."""
    watches: Watches = {LEAK: Watch(0.0)}
    for number in range(lists):
        watches = looked(watches, began + number * apart)
    return watches


def test_every_entry_of_both_ledgers_is_watched() -> None:
    assert entries(STATUS) == (LEAK, ("retained", "i-2", "m", "uid-2"))
    assert entries({}) == ()


@pytest.mark.parametrize(("began", "counted"), [(96.9, False), (97.0, True), (97.1, True)])
def test_a_list_counts_only_after_anything_sent_has_settled(began: float, counted: bool) -> None:
    assert (looked({LEAK: Watch(0.0)}, began)[LEAK].missing_since == began) is counted


def test_the_wait_begins_when_the_entry_is_seen_not_when_an_older_list_began() -> None:
    assert looked({}, 50.0)[LEAK] == Watch(51.0)


@pytest.mark.parametrize(
    ("lists", "apart", "due"),
    [
        pytest.param(1, 0.0, False, id="one list"),
        pytest.param(2, 59.9, False, id="two lists, just less than F apart"),
        pytest.param(2, 60.0, True, id="two lists, F apart"),
        pytest.param(3, 30.0, True, id="three lists over F"),
    ],
)
def test_a_direct_look_is_due_after_lists_over_f(lists: int, apart: float, due: bool) -> None:
    watch = missed_since(200.0, lists=lists, apart=apart)[LEAK]
    assert watch.is_due(F, 200.0 + (lists - 1) * apart) is due


@pytest.mark.parametrize(
    "shown",
    [
        pytest.param(a_machine(id="i-1", name="renamed"), id="by its id"),
        pytest.param(a_machine(id="i-other", name="n"), id="by its name"),
    ],
)
def test_what_a_list_shows_begins_anew(shown: Machine) -> None:
    watches = missed_since(200.0, lists=2, apart=60.0)
    assert looked(watches, 400.0, shown)[LEAK] == Watch(0.0)


def test_a_dead_one_is_not_there() -> None:
    dead = a_machine(id="i-1", name="n", state=MachineState.GONE)
    assert looked({LEAK: Watch(0.0)}, 100.0, dead)[LEAK].missing_since == 100.0


def test_a_list_of_the_wrong_account_proves_nothing() -> None:
    watches = missed_since(200.0, lists=2, apart=60.0)
    assert looked(watches, 400.0, counts=False)[LEAK] == Watch(0.0)


@pytest.mark.parametrize(
    ("sighting", "gone"),
    [
        pytest.param(Absent(), True, id="absent"),
        pytest.param(Tombstone("i-1"), True, id="a tombstone"),
        pytest.param(Present(a_machine(state=MachineState.GONE)), True, id="dead"),
        pytest.param(Present(a_machine()), False, id="alive"),
    ],
)
def test_the_last_look_is_a_direct_one(sighting: Sighting, gone: bool) -> None:
    """A machine that a person had us adopt carries no tag, so that no list of ours shows it."""
    watch = missed_since(200.0, lists=2, apart=60.0)[LEAK]
    assert watch.after_look(sighting).gone is gone


def test_what_has_left_the_ledger_is_watched_no_more() -> None:
    snapshot = a_snapshot(began=500.0)
    assert after_list({LEAK: Watch(0.0)}, [], snapshot, now=500.0, settled_after=1.0, counts=True) == {}


def test_only_what_is_gone_leaves_and_the_count_with_it() -> None:
    kept = without_what_is_gone(STATUS, {LEAK: Watch(0.0, gone=True), ("retained", "i-2", "m", "uid-2"): Watch(0.0)})
    assert kept == {"leaks": [], "leakCount": 29, "retained": STATUS["retained"]}


def test_without_a_proof_everything_stays() -> None:
    assert without_what_is_gone(STATUS, {}) == STATUS
    assert without_what_is_gone({}, {}) == {}
