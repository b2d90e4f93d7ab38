"""What the kill benchmark plans and counts."""

from gpuwright_sandbox.bench.driver import Body
from gpuwright_sandbox.bench.kill import HEADER, KillRun, Plan, Round, strangers


def one(*, doubled: int = 0, ownerless: int = 0, leaked: int = 0) -> Round:
    return Round(
        killed_after=1.234,
        posted=200,
        machines=50,
        unrecorded=3,
        ready_seconds=9.87,
        doubled=doubled,
        ownerless=ownerless,
        leaked=leaked,
    )


def test_the_same_seed_kills_at_the_same_moments() -> None:
    delays = Plan(rounds=200, burst=1, seed=7).delays()
    assert delays == Plan(rounds=200, burst=1, seed=7).delays()
    assert delays != Plan(rounds=200, burst=1, seed=8).delays()
    assert 0.2 <= min(delays) < 0.5
    assert 4.7 < max(delays) <= 5.0


def test_a_machine_that_no_object_has_on_record_is_a_stranger() -> None:
    objects: list[Body] = [{"status": {"machine": {"id": "i-1"}}}, {"status": {}}, {}]
    assert strangers(objects, [{"id": "i-1"}, {"id": "i-2"}]) == ["i-2"]


def test_a_round_is_shown_under_its_header() -> None:
    assert one().cells() == ("1.23", "200", "50", "3", "9.9", "0", "0", "0")
    assert len(one().cells()) == len(HEADER)


def test_the_promise_is_broken_by_any_kind_of_machine_too_many() -> None:
    assert KillRun((one(), one()), ()).promise_kept
    assert not KillRun((one(), one(doubled=1)), ()).promise_kept
    assert not KillRun((one(ownerless=1),), ()).promise_kept
    run = KillRun((one(leaked=1), one(leaked=2)), ())
    assert (run.promise_kept, run.leaked) == (False, 3)
