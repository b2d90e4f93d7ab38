"""What is due happens in order and as of its time, whenever somebody asks."""

from datetime import datetime, timedelta

import pytest

from gpuwright_sandbox.gateway.agenda import Agenda
from gpuwright_sandbox.gateway.clock import ManualClock


class Diary:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.start = self.clock.now()
        self.agenda = Agenda(self.clock)
        self.entries: list[tuple[str, datetime]] = []

    def plan(self, word: str, seconds: float) -> None:
        self.agenda.after(seconds, lambda: self.entries.append((word, self.agenda.now)))

    def seconds(self) -> list[tuple[str, float]]:
        return [(word, (at - self.start).total_seconds()) for word, at in self.entries]


def test_happens_in_order_and_as_of_its_time() -> None:
    diary = Diary()
    diary.plan("late", 5)
    diary.plan("early", 2)
    diary.clock.advance(100)
    diary.agenda.advance()
    assert diary.seconds() == [("early", 2), ("late", 5)]
    assert diary.agenda.now == diary.start + timedelta(seconds=100)


@pytest.mark.parametrize(
    ("passed", "happened"),
    [
        pytest.param(1.999, 0, id="just before"),
        pytest.param(2.0, 1, id="at its time"),
        pytest.param(2.001, 1, id="just after"),
    ],
)
def test_nothing_happens_before_its_time(passed: float, happened: int) -> None:
    diary = Diary()
    diary.plan("it", 2)
    diary.clock.advance(passed)
    diary.agenda.advance()
    assert len(diary.entries) == happened


def test_what_follows_from_a_thing_happens_in_the_same_breath() -> None:
    diary = Diary()
    diary.agenda.after(1, lambda: diary.plan("second", 1))
    diary.clock.advance(10)
    diary.agenda.advance()
    assert diary.seconds() == [("second", 2)]


def test_asking_from_inside_does_not_run_ahead() -> None:
    diary = Diary()
    diary.agenda.after(1, diary.agenda.advance)
    diary.plan("other", 2)
    diary.clock.advance(1)
    diary.agenda.advance()
    assert diary.entries == []


def test_two_things_at_one_time_keep_their_order() -> None:
    diary = Diary()
    for word in "abc":
        diary.plan(word, 1)
    diary.clock.advance(1)
    diary.agenda.advance()
    assert [word for word, _ in diary.entries] == ["a", "b", "c"]


def test_the_time_is_right_again_after_something_went_wrong() -> None:
    diary = Diary()
    diary.agenda.after(1, lambda: 1 / 0)
    diary.clock.advance(5)
    with pytest.raises(ZeroDivisionError):
        diary.agenda.advance()
    assert diary.agenda.now == diary.clock.now()


def test_a_cleared_agenda_lets_nothing_happen() -> None:
    diary = Diary()
    diary.plan("it", 1)
    diary.agenda.clear()
    diary.clock.advance(1)
    diary.agenda.advance()
    assert diary.entries == []
