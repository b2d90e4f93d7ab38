"""What is let go stands in the provider's status, and nothing that is kept on purpose ever falls out of it."""

from dataclasses import replace
from typing import Any

import pytest

from gpuwright.adapters.desk import LedgerEntry, LedgerFull
from gpuwright.model.names import Owner
from gpuwright.provider.ledger import MAX_LEAKS, MAX_RETAINED, with_entry

NOW = "2026-11-22T10:00:00Z"
LEAK = LedgerEntry(
    names=("trainer-0-3f", "trainer-0-3f-r2"),
    machine_id="i-7",
    owner=Owner("cluster-1", "team-a", "trainer-0", "uid-1"),
    place="5f0c",
    reason="a person said so",
    retained=False,
)
KEPT = replace(LEAK, names=("trainer-0-3f",), retained=True)


class TestLeaks:
    def test_say_what_may_still_bill_and_why(self) -> None:
        first, second = with_entry({}, LEAK, NOW)["leaks"]
        assert first == {
            "id": "i-7",
            "name": "trainer-0-3f",
            "owner": "team-a/trainer-0",
            "ownerUID": "uid-1",
            "place": "5f0c",
            "reason": "a person said so",
            "sinceTime": NOW,
        }
        assert (second["name"], second["id"]) == ("trainer-0-3f-r2", "")

    def test_are_counted_beyond_what_is_shown(self) -> None:
        status: dict[str, Any] = {}
        for number in range(MAX_LEAKS + 5):
            status |= with_entry(status, replace(LEAK, names=(f"n-{number}",)), NOW)
        assert status["leakCount"] == MAX_LEAKS + 5
        assert [leak["name"] for leak in status["leaks"]] == [f"n-{number}" for number in range(5, MAX_LEAKS + 5)]

    @pytest.mark.parametrize(("known", "shown"), [(MAX_LEAKS - 1, 20), (MAX_LEAKS, 20), (MAX_LEAKS + 1, 20)])
    def test_are_at_most_twenty(self, known: int, shown: int) -> None:
        leaks = [{"name": f"n-{number}", "id": ""} for number in range(known)]
        changed = with_entry({"leaks": leaks, "leakCount": known}, replace(LEAK, names=("new",)), NOW)
        assert len(changed["leaks"]) == shown
        assert changed["leaks"][-1]["name"] == "new"

    def test_are_not_written_down_twice(self) -> None:
        once = with_entry({}, LEAK, NOW)
        again = with_entry(once, LEAK, NOW)
        assert [leak["name"] for leak in again["leaks"]] == ["trainer-0-3f", "trainer-0-3f-r2"]
        assert again["leakCount"] == 2

    @pytest.mark.parametrize("names", [MAX_LEAKS - 1, MAX_LEAKS, MAX_LEAKS + 1, 65])
    def test_that_were_pushed_out_are_not_counted_again_when_they_are_entered_again(self, names: int) -> None:
        entry = replace(LEAK, names=tuple(f"n-{number}" for number in range(names)))
        once = with_entry({}, entry, NOW)
        again = with_entry(once, entry, NOW)
        assert (once["leakCount"], again["leakCount"]) == (names, names)
        assert again["leaks"] == once["leaks"]

    def test_of_another_owner_are_not_taken_for_the_same_where_both_have_no_name(self) -> None:
        other = replace(LEAK, names=(), owner=replace(LEAK.owner, uid="uid-2"))
        both = with_entry(with_entry({}, replace(LEAK, names=()), NOW), other, NOW)
        assert ([leak["ownerUID"] for leak in both["leaks"]], both["leakCount"]) == (["uid-1", "uid-2"], 2)

    def test_without_a_name_are_written_down_all_the_same(self) -> None:
        (leak,) = with_entry({}, replace(LEAK, names=()), NOW)["leaks"]
        assert (leak["id"], leak["name"]) == ("i-7", "")

    def test_leave_what_is_retained_alone(self) -> None:
        assert "retained" not in with_entry({"retained": [{"id": "i-1"}]}, LEAK, NOW)


class TestRetained:
    def test_is_one_entry_for_one_machine(self) -> None:
        changed = with_entry({"retained": [{"id": "i-1"}]}, KEPT, NOW)
        assert changed == {
            "retained": [
                {"id": "i-1"},
                {"id": "i-7", "name": "trainer-0-3f", "ownerUID": "uid-1", "sinceTime": NOW},
            ]
        }
        assert len(with_entry(changed, KEPT, NOW)["retained"]) == 2

    @pytest.mark.parametrize(("known", "room"), [(MAX_RETAINED - 1, True), (MAX_RETAINED, False)])
    def test_is_never_dropped_to_make_room(self, known: int, room: bool) -> None:
        status = {"retained": [{"id": f"i-{1000 + number}"} for number in range(known)]}
        if room:
            assert len(with_entry(status, KEPT, NOW)["retained"]) == MAX_RETAINED
        else:
            with pytest.raises(LedgerFull, match="500 machines are retained at this provider: remove some"):
                with_entry(status, KEPT, NOW)

    def test_is_written_again_where_it_stands_already_even_when_the_list_is_full(self) -> None:
        status = {"retained": [{"id": f"i-{number}"} for number in range(MAX_RETAINED)]}
        assert len(with_entry(status, KEPT, NOW)["retained"]) == MAX_RETAINED
