"""What the benchmark of neighbours counts."""

import pytest

from gpuwright_sandbox.bench.neighbours import HEADER, NeighboursRun, Waits, percentile_95

WELL = Waits((0.1,) * 19 + (0.3,), (0.2,) * 20)


def test_a_run_is_shown_under_its_header() -> None:
    rows = NeighboursRun(WELL, Waits((0.2,) * 20, (0.2,) * 20), 300, ()).cells()
    assert [len(row) for row in rows] == [len(HEADER)] * 3
    assert rows[0] == ("well", "0.100", "0.110", "0.200", "0.200")
    assert rows[1][0] == "hangs, with 300 calls"
    assert rows[2] == ("ratio", "2.00", "1.82", "1.00", "1.00")


def test_the_ratio_of_what_changes_nothing_is_one() -> None:
    assert NeighboursRun(WELL, WELL, 300, ()).ratios == pytest.approx((1.0,) * 4)


@pytest.mark.parametrize(("seconds", "figure"), [((1.0,), 1.0), ((1.0, 2.0), 1.95), (tuple(range(1, 101)), 95.05)])
def test_the_95th_percentile(seconds: tuple[float, ...], figure: float) -> None:
    assert percentile_95(seconds) == pytest.approx(figure)
