"""What the benchmark of take-overs plans and counts."""

import pytest

from gpuwright_sandbox.bench.subject import Subject
from gpuwright_sandbox.bench.takeover import HEADER, SUMMARY_HEADER, End, Kubelet, Plan, Round, TakeoverRun


def one(
    end: End = End.KILL,
    *,
    leaderless: float = 14.5,
    code: int = -9,
    doubled: int = 0,
    ownerless: int = 0,
    leaked: int = 0,
) -> Round:
    return Round(
        end=end,
        after=1.234,
        machines=50,
        leaderless=leaderless,
        ready_seconds=20.04,
        code=code,
        doubled=doubled,
        ownerless=ownerless,
        leaked=leaked,
    )


def test_the_same_seed_ends_the_leader_at_the_same_moments_in_every_way() -> None:
    moments = Plan(rounds=50, burst=1, seed=7).moments()
    assert moments == Plan(rounds=50, burst=1, seed=7).moments()
    assert moments != Plan(rounds=50, burst=1, seed=8).moments()
    assert [end for end, _after in moments[:3]] == list(End)
    assert 0.2 <= min(after for _end, after in moments) < max(after for _end, after in moments) <= 3.0


def test_a_round_is_shown_under_its_header() -> None:
    assert one().cells() == ("SIGKILL", "1.23", "50", "14.5", "20.0", "-9", "0", "0", "0")
    assert len(one().cells()) == len(HEADER)


@pytest.mark.parametrize(("end", "code"), [(End.STOP, 0), (End.KILL, -9), (End.FREEZE, 3)])
def test_each_end_has_its_exit_code(end: End, code: int) -> None:
    assert one(end, code=code).is_good
    assert not one(end, code=1).is_good, "a leader that breaks is no take-over"


def test_the_promise_is_broken_by_any_kind_of_machine_too_many() -> None:
    assert TakeoverRun((one(), one()), (), 0).promise_kept
    assert not TakeoverRun((one(), one(doubled=1)), (), 0).promise_kept
    assert not TakeoverRun((one(ownerless=1),), (), 0).promise_kept
    assert not TakeoverRun((one(leaked=1),), (), 0).promise_kept


def test_the_seconds_without_a_leader_are_told_for_each_end() -> None:
    rounds = (one(leaderless=13.0), one(leaderless=16.0), one(leaderless=14.0), one(End.STOP, leaderless=2.0, code=0))
    rows = TakeoverRun(rounds, (), 0).summary()
    assert rows == [("SIGTERM", "1", "2.0", "2.0"), ("SIGKILL", "3", "14.0", "16.0")]
    assert {len(row) for row in rows} == {len(SUMMARY_HEADER)}


class Process(Subject):
    """A replica that has ended, or not."""

    def __init__(self, *, ended: bool) -> None:
        self.ended = ended

    def has_ended(self) -> bool:
        return self.ended

    def stop(self) -> None:
        assert self.ended

    def spawn(self) -> None:
        self.ended = False


def test_a_replica_that_ends_by_itself_is_started_again_and_one_that_was_ended_is_not() -> None:
    lives, ended, spared = Process(ended=False), Process(ended=True), Process(ended=True)
    kubelet = Kubelet((lives, ended, spared))
    kubelet.spared = spared
    kubelet.look()
    kubelet.look()
    assert [lives.ended, ended.ended, spared.ended] == [False, False, True]
    assert kubelet.restarts == 1
