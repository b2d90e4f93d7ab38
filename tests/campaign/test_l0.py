"""The exhaustive search: that a share of it is clean, that it finds what it is there for, and can say it again."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from tests.campaign import l0
from tests.campaign.l0_guards import GUARDS, IN_DEPTH, Guard, is_caught, narrowed, without_guard
from tests.campaign.l0_key import canonical
from tests.campaign.l0_moves import ordinary
from tests.campaign.l0_node import Node, begin
from tests.campaign.l0_replay import path_of, played, words_of
from tests.campaign.l0_rest import follow
from tests.campaign.l0_search import Search
from tests.campaign.l0_worlds import small_worlds, world_named
from tests.instance.far_side import LOST_AFTER_COMMIT

SEED = 1
SHARE = 0.005
QUICK = (
    "intent on record before the send",
    "finalizer before the first send",
    "send window",
    "intent guarded by resourceVersion",
    "no send again before it has settled",
    "no release before it has settled",
    "never an old token with another body",
    "tombstone by id only",
    "look by owner first",
    "ending on record before a terminate",
    "next incarnation only after proof",
)
"""Guards whose absence is found within some thousand states."""


@pytest.fixture(autouse=True)
def exact_time() -> Iterator[None]:
    with l0.exact_time():
        yield


def guard_named(name: str) -> Guard:
    return next(guard for guard in GUARDS if guard.name == name)


def after(node: Node, steps: int) -> Node:
    for _step in range(steps):
        following = ordinary(node)
        assert following is not None
        node = following[1]
    return node


def test_a_share_of_all_small_worlds_is_searched_and_nothing_is_broken() -> None:
    searches = [Search(small, SHARE, SEED).run() for small in small_worlds()]
    assert [(search.small.name, search.found) for search in searches if search.found] == []
    assert all(search.exhausted for search in searches)
    assert sum(search.states for search in searches) > 5_000


@pytest.mark.parametrize("name", QUICK)
def test_without_a_guard_the_search_finds_what_the_guard_is_there_against(name: str) -> None:
    caught = without_guard(guard_named(name))
    assert is_caught(caught), caught.found


@pytest.mark.parametrize("name", QUICK)
def test_with_the_guard_the_same_search_finds_nothing(name: str) -> None:
    guard = guard_named(name)
    search = Search(replace(narrowed(world_named(guard.world), guard.words), budget=1)).run()
    assert search.found == []


def test_a_path_that_was_found_breaks_the_same_invariant_when_it_is_played_again() -> None:
    caught = without_guard(guard_named("look by owner first"))
    assert caught.found is not None
    words = f"look by owner first | {words_of(caught.world, caught.found.path)}"
    outcome = l0.run(SEED, replay=words)
    assert [violation.invariant for violation in outcome.violations] == [caught.found.invariant]


def test_a_path_that_is_played_with_all_guards_breaks_nothing_and_tells_what_happens() -> None:
    lines, wrong = played(*_small_and_path("names: 6 · no answer, made · 12"))
    assert wrong == []
    assert any("create of" in line and "Unknown" in line for line in lines)
    assert any("billing: i-1" in line for line in lines)


def _small_and_path(words: str) -> tuple[l0.Small, tuple[str, ...]]:
    name, path = path_of(words)
    return world_named(name), path


def test_words_of_a_path_are_read_back_as_the_same_path() -> None:
    path = ("", "", "A crashes", "", "a user deletes it", "")
    assert path_of(words_of("names", path)) == ("names", path)


def test_two_guards_and_two_worlds_never_share_a_name() -> None:
    guards = (*GUARDS, *IN_DEPTH)
    assert len({guard.name for guard in guards}) == len(guards) >= 20
    assert all(guard.invariants for guard in GUARDS)
    assert len({small.name for small in small_worlds()}) == len(small_worlds())


def test_states_that_differ_in_what_a_decision_reads_are_not_taken_for_one() -> None:
    node = after(begin(), 12)
    world = node.world
    others = [
        node.then(world.deleted()),
        node.then(world.crashes("A")),
        node.then(world.provider_is(blind=True)),
        node.then(replace(world, secret="2")),
        node.then(replace(world, fates=(LOST_AFTER_COMMIT,))),
        node.then(world.operator("A", deaf=True)),
        node.ends(5.0, "thaws", "A"),
        node.ends(6.0, "thaws", "A"),
        after(node, 1),
    ]
    assert len({canonical(other) for other in [node, *others]}) == len(others) + 1


def test_states_that_differ_only_in_the_time_of_day_and_in_names_of_processes_are_taken_for_one() -> None:
    node = begin()
    later = node.then(replace(node.world, now=node.world.now + 3600))
    restarted = node.then(node.world.crashes("A"))
    assert canonical(node) == canonical(later) == canonical(restarted)


def test_a_machine_that_runs_undisturbed_comes_back_to_a_state_it_was_in() -> None:
    search = Search(replace(world_named("names"), budget=0)).run()
    assert (search.found, search.circles) == ([], 1)
    assert search.states < 60


def test_a_run_that_stands_still_without_a_machine_is_no_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    small = replace(world_named("names"), budget=0)
    monkeypatch.setattr("tests.campaign.l0_moves.busy", lambda world, who: False)
    assert [found.invariant for found in Search(small).run().found] == ["I12"]


def test_following_a_path_leads_to_the_state_that_it_leads_to_step_by_step() -> None:
    small = world_named("names")
    assert canonical(follow(small, ("",) * 9)) == canonical(after(begin(), 9))
