"""A sample of L4, and that it catches: with a guard taken away the drawn courses name the invariant that it holds."""

from dataclasses import replace

import pytest
from tests.campaign import l4
from tests.campaign.l4_course import Script, Step, parsed
from tests.campaign.l4_machine import WORDS

SEED = 20261122


def test_a_sample_of_courses_breaks_nothing() -> None:
    outcome = l4.run(SEED, sample=0.008, steps=50)
    assert outcome.violations == ()
    assert (outcome.found, outcome.tested) == (40, 40)
    assert dict(outcome.facts)["steps"] >= 40 * 45


def test_the_same_seed_draws_the_same_courses() -> None:
    one, other = (l4.run(SEED, sample=0.0004, steps=20) for _time in range(2))
    assert replace(one, seconds=0.0) == replace(other, seconds=0.0)


def test_a_script_is_read_as_it_is_written() -> None:
    steps = [Step(what, tuple(choice[0] for choice in words), "0.2") for what, words in WORDS.items()]
    script = Script("list-only", "Delete", tuple(steps))
    assert parsed(str(script)) == script
    for wrong in ("nothing", "token:Never:", "token:Report:dance@0", "token:Report:create/a@0"):
        with pytest.raises(ValueError, match="l"):
            parsed(wrong)


def test_a_replay_prints_the_trace_of_its_course(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = l4.run(SEED, replay="token:Report:create/a/plain@5,machine_of/a/kill@60")
    assert (outcome.found, outcome.tested, outcome.violations) == (1, 1, ())
    assert "operator-1 says INFO create answered" in capsys.readouterr().out
