"""The clock is a protocol: whatever has the three of them is one."""

from datetime import UTC, datetime

from gpuwright.model.clock import Clock


class _Still:
    def monotonic(self) -> float:
        return 1.0

    def boottime(self) -> float:
        return 2.0

    def wall(self) -> datetime:
        return datetime(2026, 11, 22, tzinfo=UTC)


def test_any_three_clocks_will_do() -> None:
    clock: Clock = _Still()
    assert (clock.monotonic(), clock.boottime(), clock.wall().tzinfo) == (1.0, 2.0, UTC)
