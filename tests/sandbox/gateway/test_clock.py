"""The gateway's clock runs at its own speed and never backwards."""

from datetime import UTC, datetime, timedelta

from gpuwright_sandbox.gateway.clock import ManualClock, SandboxClock

START = datetime(2026, 1, 1, tzinfo=UTC)


class Ticks:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def test_follows_the_ticks_from_the_walls_time() -> None:
    ticks = Ticks()
    clock = SandboxClock(START, ticks)
    ticks.seconds += 2
    assert clock.now() == START + timedelta(seconds=2)


def test_a_new_speed_counts_from_now_on() -> None:
    ticks = Ticks()
    clock = SandboxClock(START, ticks)
    ticks.seconds += 2
    clock.change(speed=10)
    ticks.seconds += 1
    assert clock.now() == START + timedelta(seconds=12)


def test_jumps_and_keeps_its_speed() -> None:
    ticks = Ticks()
    clock = SandboxClock(START, ticks)
    clock.change(speed=3)
    clock.change(advance=timedelta(hours=1))
    ticks.seconds += 1
    assert clock.now() == START + timedelta(hours=1, seconds=3)


def test_starts_at_the_wall_by_default() -> None:
    assert abs(SandboxClock().now() - datetime.now(UTC)) < timedelta(seconds=5)


def test_a_manual_clock_stands_still_until_it_is_moved() -> None:
    clock = ManualClock(START)
    assert clock.now() == START
    clock.advance(1.5)
    clock.change(speed=9, advance=timedelta(seconds=1))
    assert clock.now() == START + timedelta(seconds=2.5)
