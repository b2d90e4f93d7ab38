"""States that take time, which moto's do not."""

from tests.engine.manual_clock import ManualClock

from gpuwright_sandbox.ec2.fates import PREEMPTED, Fates, Pace

PACE = Pace(boot=5, stop=3, end=2)


def born() -> tuple[Fates, ManualClock]:
    clock = ManualClock()
    fates = Fates(PACE, clock.monotonic)
    fates.born(["i-1"])
    return fates, clock


def test_a_machine_is_pending_until_it_has_booted() -> None:
    fates, clock = born()
    assert fates.word("i-1", "running") == "pending"
    assert fates.refusal("StopInstances", ["i-1"])
    clock.advance(5)
    assert fates.word("i-1", "running") == "running"
    assert not fates.refusal("StopInstances", ["i-1"])


def test_what_ends_cannot_be_started_and_its_end_is_not_put_off() -> None:
    fates, clock = born()
    fates.changed("TerminateInstances", ["i-1"])
    clock.advance(1)
    fates.changed("TerminateInstances", ["i-1"])
    assert fates.word("i-1", "terminated") == "shutting-down"
    clock.advance(1)
    assert fates.word("i-1", "terminated") == "terminated"
    assert fates.refusal("StartInstances", ["i-1"])
    assert not fates.refusal("TerminateInstances", ["i-1"])


def test_what_was_taken_away_says_why() -> None:
    fates, _clock = born()
    fates.preempt("i-1")
    assert fates.reason("i-1") == PREEMPTED
    assert fates.is_ended("i-1")


def test_what_nobody_has_made_here_is_as_moto_says() -> None:
    fates, _clock = born()
    assert fates.word("i-9", "running") == "running"
    assert not fates.is_hidden("i-9")
