"""Holding a run against the two columns."""

import pytest

from gpuwright_sandbox.bench.audit import Traffic
from gpuwright_sandbox.bench.budgets import HEADER, OK, OVER, Row, kill_rows, request_cells, size_rows
from gpuwright_sandbox.bench.meter import Phase
from gpuwright_sandbox.bench.results import SizeRun, Truth

NOTHING = Traffic({}, {}, {})


def phase(traffic: Traffic = NOTHING, *, seconds: float = 1.0, cpu: float = 0.1, peak: float = 80.0) -> Phase:
    return Phase(
        seconds=seconds, cpu={"operator": cpu}, others_cores=0, peak_mib=peak, traffic=traffic, calls={}, details={}
    )


def run(size: int = 1000, **phases: Phase) -> SizeRun:
    quiet = {name: phase(seconds=60.0 if name == "idle" else 1.0) for name in ("create", "idle", "restart", "delete")}
    return SizeRun(size=size, phases=quiet | phases, truth=Truth(created=size, alive=0, peak=1), complaints=())


def row(rows: list[Row], name: str) -> Row:
    return next(row for row in rows if row.name == name)


@pytest.mark.parametrize(
    ("ours", "verdict"),
    [
        pytest.param(4.94, OK, id="below"),
        pytest.param(5.04, OK, id="the same as far as it is shown"),
        pytest.param(5.06, OVER, id="above"),
    ],
)
def test_a_verdict_compares_what_is_shown(ours: float, verdict: str) -> None:
    assert Row("CPU", "70", 5, ours).verdict == verdict


def test_a_figure_without_a_budget_has_no_verdict() -> None:
    assert Row("CPU", "57", None, 99).cells() == ("CPU", "57", "", "99.0", "")


def test_a_run_in_which_nothing_happens_is_within_every_budget() -> None:
    rows = size_rows(run())
    assert {row.verdict for row in rows} == {OK, ""}
    assert all(len(row.cells()) == len(HEADER) for row in rows)


def test_writes_per_machine_leave_out_events_and_what_is_written_about_other_things() -> None:
    writes = {"PATCH computeinstances/status": 3000, "PATCH computeinstances": 1000, "PATCH computeproviders/status": 7}
    rows = size_rows(run(create=phase(Traffic(writes, {"POST events": 20}, {"get secrets": 1}))))
    assert row(rows, "API writes per machine, creation to Ready").cells()[2:] == ("4", "4.00", OK)
    assert row(rows, "Events, creation and delete").ours == 20
    assert row(rows, "other API writes, creation and delete").ours == 7


def test_one_write_too_many_for_a_few_machines_is_seen() -> None:
    rows = size_rows(run(create=phase(Traffic({"PATCH computeinstances/status": 4010}, {}, {}))))
    assert row(rows, "API writes per machine, creation to Ready").verdict == OVER


def test_an_event_after_a_restart_is_a_write_as_it_is_the_peers() -> None:
    rows = size_rows(run(restart=phase(Traffic({}, {"POST events": 1}, {}))))
    assert row(rows, "restart: API writes").verdict == OVER


@pytest.mark.parametrize(("size", "budget"), [(100, 0.5), (500, 2.5), (1000, 5.0), (2000, 10.0)])
def test_what_grows_with_the_size_has_a_budget_that_does(size: int, budget: float) -> None:
    rows = size_rows(run(size))
    assert row(rows, "operator CPU s, creation to Ready").budget == budget
    assert row(rows, "seconds until all are Ready").budget == budget * 10
    assert row(rows, "peak resident memory MiB").budget == 150


def test_idle_cpu_is_told_for_a_minute_whatever_the_length_of_the_phase() -> None:
    rows = size_rows(run(idle=phase(seconds=30.0, cpu=0.6)))
    assert row(rows, "idle: operator CPU s a minute").cells()[3:] == ("1.20", OVER)


def test_the_peak_of_memory_is_that_of_all_phases() -> None:
    assert row(size_rows(run(restart=phase(peak=151.0))), "peak resident memory MiB").verdict == OVER


def test_a_size_that_the_peer_was_not_measured_at_shows_no_figures_of_its() -> None:
    assert {row.peer for row in size_rows(run(7))} == {"-", "in the writes"}


def test_requests_have_a_row_per_kind_and_a_column_per_phase() -> None:
    traffic = Traffic({"PATCH computeinstances": 5}, {"POST events": 2}, {"get secrets": 1})
    rows = request_cells(run(create=phase(traffic), delete=phase(Traffic({"PATCH computeinstances": 7}, {}, {}))))
    assert rows == [
        ("PATCH computeinstances", "5", "0", "0", "7"),
        ("POST events", "2", "0", "0", "0"),
        ("get secrets", "1", "0", "0", "0"),
    ]


@pytest.mark.parametrize("found", [(1, 0, 0), (0, 1, 0), (0, 0, 1)])
def test_one_machine_too_many_is_over(found: tuple[int, int, int]) -> None:
    assert [row.verdict for row in kill_rows(4000, *found)].count(OVER) == 1
    assert [row.verdict for row in kill_rows(4000, 0, 0, 0)] == [OK, OK, OK]
