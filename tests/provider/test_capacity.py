"""What a provider had no room for is remembered for a while, survives a restart, and costs few writes."""

from datetime import UTC, datetime, timedelta

import pytest

from gpuwright.provider.capacity import MAX_SHOWN, REMEMBERED_SECONDS, CapacityMemory, resumed

NOW = 1000.0
WALL = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
H100 = "H100 x 8, us-east-1a, Spot"
FULL = CapacityMemory().refused(H100, "no room", NOW, WALL)


def later(memory: CapacityMemory, seconds: float, what: str = H100) -> CapacityMemory:
    return memory.refused(what, "still none", NOW + seconds, WALL + timedelta(seconds=seconds))


def test_it_counts_until_its_time_is_over_and_says_until_when() -> None:
    assert FULL.until == {H100: NOW + REMEMBERED_SECONDS}
    assert FULL.body() == [
        {"offer": H100, "sinceTime": "2026-11-22T12:00:00Z", "untilTime": "2026-11-22T12:03:00Z", "message": "no room"}
    ]


def test_another_answer_soon_after_changes_nothing() -> None:
    assert later(FULL, 80) is FULL


def test_another_answer_later_makes_it_longer_and_keeps_since_when() -> None:
    (entry,) = later(FULL, 100).body()
    assert (entry["sinceTime"], entry["untilTime"]) == ("2026-11-22T12:00:00Z", "2026-11-22T12:04:40Z")


def test_after_its_end_it_begins_anew() -> None:
    (entry,) = later(FULL, REMEMBERED_SECONDS + 1).body()
    assert entry["sinceTime"] == "2026-11-22T12:03:01Z"


def test_a_machine_of_the_kind_ends_it() -> None:
    assert FULL.made(H100) == CapacityMemory()
    assert FULL.made("another") is FULL


def test_what_is_over_leaves_with_the_next_change() -> None:
    assert list(later(FULL, REMEMBERED_SECONDS, "another").until) == ["another"]


def test_no_more_than_can_be_shown_are_kept_the_newest() -> None:
    memory = FULL
    for number in range(MAX_SHOWN):
        memory = later(memory, 1, f"kind {number}")
    assert len(memory.offers) == MAX_SHOWN
    assert H100 not in memory.offers


class TestAfterARestart:
    def test_what_still_counts_is_taken_over_for_the_rest_of_its_time(self) -> None:
        memory = resumed(FULL.body(), 50.0, WALL + timedelta(seconds=60))
        assert memory.until == {H100: 50.0 + REMEMBERED_SECONDS - 60}
        assert memory.body() == FULL.body()

    @pytest.mark.parametrize(
        "entry",
        [
            pytest.param({"offer": H100, "untilTime": "2026-11-22T12:00:00Z"}, id="over"),
            pytest.param({"offer": H100, "untilTime": "2026-11-22T13:00:00Z"}, id="too far off to be ours"),
            pytest.param({"offer": H100, "untilTime": "soon"}, id="no time"),
            pytest.param({"offer": H100}, id="without a time"),
            pytest.param({"untilTime": "2026-11-22T12:01:00Z"}, id="of nothing"),
        ],
    )
    def test_anything_else_is_forgotten(self, entry: dict[str, str]) -> None:
        assert resumed([entry], 0.0, WALL) == CapacityMemory()
