"""The soak: a minute of it on a real control plane, what it judges memory by, and what it plans."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.campaign import __main__ as command
from tests.campaign import soak
from tests.campaign.outcome import Outcome
from tests.campaign.soak_memory import LEAST_SECONDS, Sample, growth
from tests.campaign.soak_plan import KILLS_END, Churn, Freeze, GatewayFault, Kill, planned

from gpuwright_sandbox.bench.stage import Stage

SEED = 13  # all kinds of disturbance within a minute, a kill among them
SECONDS = 60.0
INSTANCES = 30
HOUR = 3600.0


def samples(levels: Sequence[float], seconds: float = HOUR) -> list[Sample]:
    """Return samples at equal distances, with these levels of memory."""
    return [Sample(number * seconds / len(levels), mib, 0, 0, 0) for number, mib in enumerate(levels)]


@pytest.mark.long
@pytest.mark.cluster
@pytest.mark.timeout(900)  # on a machine that is busy with other things
def test_a_minute_of_random_faults_doubles_and_leaks_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = soak.run(SEED, seconds=SECONDS, instances=INSTANCES)
    facts = dict(outcome.facts)
    assert outcome.violations == ()
    assert outcome.found == outcome.tested > 3
    assert facts["machines made"] >= INSTANCES
    assert facts["machines doubled"] == facts["machines leaked"] == 0
    assert facts["restarts"] >= 1
    assert facts["API writes"] > INSTANCES
    assert facts["memory was judged"] == 0  # a minute says nothing about it
    assert len([line for line in capsys.readouterr().out.splitlines() if "MiB" in line]) > 20


class Truth:
    """A gateway that knows of one owner with two machines at once, and of one machine that bills at the end."""

    def owners(self) -> dict[str, dict[str, int]]:
        return {"uid-1": {"peak": 2, "created": 2}, "uid-2": {"peak": 1, "created": 1}, "": {"peak": 9, "created": 9}}

    def live_machines(self) -> list[dict[str, str]]:
        return [{"id": "i-3", "name": "left-over"}]


def test_a_double_and_a_leak_are_violations_with_the_command_that_shows_them_again() -> None:
    one = soak.Soak(SEED, SECONDS, INSTANCES)
    stage = Stage(None, Truth(), (), None, None)  # type: ignore[arg-type]  # only the truth is asked
    one._judge(stage)
    outcome = one.outcome(1.0)
    assert [violation.invariant for violation in outcome.violations] == ["I1", "I2"]
    assert outcome.violations[0].replay.endswith("--level soak --seed 13 --seconds 60 --instances 30")
    assert not outcome.clean


def test_memory_that_grows_is_a_violation() -> None:
    one = soak.Soak(SEED, HOUR, INSTANCES)
    one._samples = samples([100.0 + number for number in range(60)])
    one._judge(Stage(None, Truth(), (), None, None))  # type: ignore[arg-type]  # as above
    assert "memory" in [violation.invariant for violation in one.outcome(1.0).violations]


@pytest.mark.parametrize(
    ("levels", "grows"),
    [
        pytest.param([100.0] * 60, False, id="flat"),
        pytest.param([*range(50, 100), *[100.0] * 60], False, id="warming up in the first half only"),
        pytest.param([100.0 + 0.08 * number for number in range(60)], False, id="less than 4 MiB"),
        pytest.param([500.0 + 0.5 * number for number in range(60)], False, id="less than a twentieth"),
        pytest.param([100.0 + 0.5 * number for number in range(60)], True, id="more than either"),
        pytest.param([100.0 + 20 * (number % 2) for number in range(60)], False, id="up and down"),
    ],
)
def test_memory_grows_where_the_second_half_adds_more_than_noise(levels: Sequence[float], grows: bool) -> None:
    assert growth(samples(levels), HOUR).grows is grows


def test_the_slope_is_that_of_the_second_half() -> None:
    found = growth(samples([10.0] * 30 + [100.0 + number for number in range(30)]), HOUR)
    assert found.mib_an_hour == pytest.approx(60.0)
    assert found.mib_added == pytest.approx(29.0)


def test_a_short_soak_shows_memory_and_judges_nothing() -> None:
    short = growth(samples([100.0 + 10 * number for number in range(60)], LEAST_SECONDS), LEAST_SECONDS)
    assert (short.judged, short.grows) == (False, False)
    assert growth([], HOUR).mib_added == 0.0


def test_what_goes_wrong_is_drawn_from_the_seed_and_of_every_kind() -> None:
    plan = planned(SEED, HOUR)
    assert plan == planned(SEED, HOUR) != planned(SEED + 1, HOUR)
    assert {type(entry.disturbance) for entry in plan} == {Kill, Freeze, GatewayFault, Churn}
    assert {entry.disturbance.what for entry in plan if isinstance(entry.disturbance, Freeze)} == {
        "kube-apiserver",
        "gateway",
    }


def test_one_process_lives_through_the_second_half() -> None:
    for seed in range(20):
        kills = [entry.at for entry in planned(seed, HOUR) if isinstance(entry.disturbance, Kill)]
        assert kills
        assert max(kills) < KILLS_END * HOUR < HOUR / 2


def test_a_soak_is_run_only_where_it_is_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[tuple[str, dict[str, object]]] = []

    def level_run(level: str) -> command.Run:
        def run(seed: int, **how: object) -> Outcome:
            asked.append((level, how))
            return Outcome(level, "", 1, 1, (), seed, 0.0)

        return run

    monkeypatch.setattr(command, "KEPT", tmp_path / "campaign.json")
    monkeypatch.setattr(command, "level_run", level_run)
    command.main(["--seed", "7"])
    assert "soak" not in [level for level, _how in asked]
    asked.clear()
    command.main(["--level", "soak", "--seconds", "90", "--seed", "7"])
    assert asked == [("soak", {"sample": 1.0, "replay": "", "seconds": 90.0})]
