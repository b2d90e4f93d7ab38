"""A sample of L4, and that it catches: with a guard taken away the drawn courses name the invariant that it holds."""

from collections.abc import Callable
from dataclasses import replace
from uuid import uuid4

import pytest
from tests.campaign import l4
from tests.campaign.l4_course import Script, Step, parsed, played
from tests.campaign.l4_machine import WORDS
from tests.campaign.pool import spread
from tests.campaign.test_l1 import without

from gpuwright.instance.actions import Action, Wait
from gpuwright.instance.observation import Observation
from gpuwright.instance.rules import admission, deletion, launch, liveness, settlement, steady
from gpuwright.instance.rules import decide as rules
from gpuwright.model import request
from gpuwright.model.conditions import Reason
from gpuwright.provider import sweeper
from gpuwright.provider.account import Account
from gpuwright.provider.desk import Desk
from gpuwright.provider.looker import Looker
from gpuwright.provider.sweep import Named, Standing
from gpuwright.provider.sweeper import Sweeper

SEED = 20261122
Guard = Callable[[pytest.MonkeyPatch], None]


def test_a_sample_of_courses_breaks_nothing() -> None:
    # In processes of its own, as the campaign: what Hypothesis draws hangs on the modules that a process has loaded.
    outcome = l4.run(SEED, sample=0.008, steps=50, shrinks=False, processes=2)
    assert outcome.violations == ()
    assert (outcome.found, outcome.tested) == (40, 40)
    assert dict(outcome.facts)["steps"] >= 40 * 40


def test_the_same_seed_draws_the_same_courses() -> None:
    one, other = (l4.run(SEED, sample=0.0004, steps=20) for _time in range(2))
    assert replace(one, seconds=0.0) == replace(other, seconds=0.0)


def test_a_script_is_read_as_it_is_written() -> None:
    steps = [Step(what, tuple(choice[0] for choice in words), "0.2") for what, words in WORDS.items()]
    script = Script("list-only", "Delete", tuple(steps))
    assert parsed(str(script)) == script
    for wrong in ("nothing", "token:Never:", "token:Report:dance@0", "token:Report:create/a@0"):
        with pytest.raises(ValueError, match=r"such step|write <class>|not enough values"):
            parsed(wrong)


def test_a_machine_adopted_by_a_name_that_a_dead_one_had_goes_with_its_object() -> None:
    course = "hand@60,machine_of/a/preempt@0,create/a/adopt-hand@0.03,hand@3,provider/delete@60,secret/delete@20"
    assert l4.run(SEED, replay=f"list-only:Delete:{course}").violations == ()


@pytest.mark.parametrize(
    "course",
    [
        pytest.param(
            "token:Report:create/a/plain@0,freeze@20,provider/ask@0,secret/foreign@0,freeze@0.2,freeze@60",
            id="a request confirms no credentials that came with it",
        ),
        pytest.param(
            "token:Report:create/a/plain@20,secret/second@0,machine_of/a/kill@0,freeze@20,again/b@60",
            id="a new process does not call running what no list has shown it",
        ),
        pytest.param(
            "token:Report:create/a/plain@0,create/b/plain@0,create/c/plain@60,secret/foreign@0,machine_of/a/kill@0,"
            "machine_of/b/kill@0,machine_of/c/kill@8,secret/second@60,note/a/ask@60",
            id="machines that are missing in a mass are not called running",
        ),
        pytest.param(
            "token:Report:restart/0.5@0,create/a/plain@0,freeze@8,secret/first@0,machine_of/a/kill@0,freeze@60,"
            "again/b@60,fault/F1/create/1@8,restore/a@0",
            id="a dead machine that a create is answered with is not waited for",
        ),
        pytest.param(
            "token:Report:freeze@0,create/c/plain@1,thaw@60,machine_of/c/preempt@0,freeze@20",
            id="of two leaders the one with the older list names no second machine",
        ),
        pytest.param(
            "token:Report:create/b/plain@0,again/a@20,provider/delete@0,heal@60,secret/foreign@60,restore/b@0,"
            "crash/before/0@0",
            id="a provider that is made again is not trusted with another account",
        ),
        pytest.param(
            "token:Report:create/a/plain@0,freeze@8,backup/a@0,machine_of/a/kill@0,freeze@8,create/a/plain@60,"
            "crash/before/0@60,crash/before/0@60,restore/a@0",
            id="an older status comes back beside a machine that it does not name",
        ),
        pytest.param(
            "token:Report:create/a/plain@0,again/a@0.2,edit/a/spoil@0",
            id="an object whose spec cannot be read is forgotten when asked",
        ),
        pytest.param(
            "create-only:Report:create/a/plain@0,freeze@0,fault/F5/create/1@1,thaw@60,fault/F1/create/1@60",
            id="another leader takes an announcement back while its delete is on its way",
        ),
        pytest.param(
            "token:Report:create/a/plain@0,fault/F19/delete/1@0,again/a@1,again/a@0,freeze@0.2",
            id="a list that lags shows what has a tombstone",
        ),
    ],
)
def test_courses_that_once_broke_something_break_nothing(course: str) -> None:
    assert l4.run(SEED, replay=course).violations == ()


def test_a_replay_prints_the_trace_of_its_course(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = l4.run(SEED, replay="token:Report:create/a/plain@5,machine_of/a/kill@60")
    assert (outcome.found, outcome.tested, outcome.violations) == (1, 1, ())
    assert "operator-1 says INFO create answered" in capsys.readouterr().out


def sent_again_at_once(patch: pytest.MonkeyPatch) -> None:
    without(patch, settlement.wait_until_settled, settlement.prove_that_nothing_was_made)


def let_go_unproven(patch: pytest.MonkeyPatch) -> None:
    without(patch, deletion.wait_for_settlement, deletion.prove_absence)


def another_token_each_time(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(request, "token", lambda *_any: uuid4().hex)


def no_finalizer(patch: pytest.MonkeyPatch) -> None:
    without(patch, launch.finalize_before_intent, admission.keep_finalizer)


def one_list_is_proof(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(liveness, "absence_proven", lambda *_any: True)


def silence_is_health(patch: pytest.MonkeyPatch) -> None:
    def all_is_well(seen: Observation) -> Action | None:
        ready = seen.launch is not None and bool(seen.memory.machine)
        return Wait(Reason.RUNNING, "it ran once", ready=True) if ready else None

    swapped = tuple(all_is_well if rule is steady.say_how_it_is else rule for rule in rules.WANTED)
    patch.setattr(rules, "WANTED", swapped)


def no_sweep(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Sweeper, "due_at", lambda *_any: None)


def everything_is_an_orphan(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(sweeper, "suspects", lambda own, _living, _named: tuple(own))
    patch.setattr(sweeper, "standing_of", lambda *_any: Standing.GONE)
    patch.setattr(sweeper, "named_in", lambda *_any: Named())


def any_account_will_do(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Looker, "_confirm_account", _confirm)


def _confirm(_looker: Looker, account: Account) -> None:
    account.confirmed_version = account.credentials.version


def whoever_asks_adopts(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Desk, "_asking_before", lambda *_any: iter(()))


FOUND = (
    ("I1", sent_again_at_once, "list-only:Report:fault/F7/create/1@0,create/a/plain@60"),
    ("I7", let_go_unproven, "list-only:Report:create/a/plain@8,delete/a@20"),
    ("I5", another_token_each_time, "token:Report:create/a/plain@8"),
    ("I6", no_finalizer, "token:Report:create/a/plain@8"),
    ("I1", one_list_is_proof, "token:Report:create/a/plain@15,fault/F13/list/50@20"),
    ("I8", silence_is_health, f"token:Report:create/a/plain@8,fault/F6/list/50@60{8 * ',wait@60'}"),
    ("I2", no_sweep, "token:Report:create/a/plain@20,restart/90@0,delete/a@0,tear/a@0"),
    ("I4", everything_is_an_orphan, "token:Delete:create/a/plain@60,wait@60,wait@60"),
    ("I9", any_account_will_do, "list-only:Report:create/a/plain@20,secret/foreign@60,wait@60,wait@60"),
    ("I4", whoever_asks_adopts, "list-only:Report:hand@0,create/a/adopt-hand@0,create/b/adopt-hand@20"),
)


@pytest.mark.parametrize(("invariant", "guard", "script"), FOUND)
def test_without_a_guard_a_course_names_what_it_held(
    invariant: str, guard: Guard, script: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert played(parsed(script), SEED)[0] == ()
    guard(monkeypatch)
    assert invariant in {name for name, _words in played(parsed(script), SEED)[0]}


@pytest.mark.parametrize("guard", [let_go_unproven, another_token_each_time, no_finalizer])
def test_without_a_guard_the_drawn_courses_find_it(guard: Guard, monkeypatch: pytest.MonkeyPatch) -> None:
    guard(monkeypatch)
    assert l4.run(SEED, sample=0.008, steps=50, shrinks=False).violations


def test_another_process_draws_the_same_courses() -> None:
    part = l4.Part(SEED, 0, 2, 10, shrinks=False)
    one, another = (dict(spread(l4.drawn, [part], 1, apart=True))[part] for _ in range(2))
    assert one == another
    assert one.tested == 2
