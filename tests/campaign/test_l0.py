"""The exhaustive search: that a share of it is clean, that it finds what it is there for, and can say it again."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.campaign import l0, l0_key
from tests.campaign.book import Book
from tests.campaign.l0_checks import remember
from tests.campaign.l0_guards import GUARDS, IN_DEPTH, Caught, is_caught, narrowed, without_guard
from tests.campaign.l0_key import canonical, form
from tests.campaign.l0_moves import ordinary
from tests.campaign.l0_node import Node, Small, begin
from tests.campaign.l0_parts import GUARD, WORLD, Part, done, guard_named
from tests.campaign.l0_replay import path_of, played, words_of
from tests.campaign.l0_search import Search, disturb
from tests.campaign.l0_seed import PACES, drawn, seeded
from tests.campaign.l0_worlds import small_worlds, world_named
from tests.campaign.pool import spread
from tests.instance.far_side import LOST_AFTER_COMMIT

SEED = 1
SHARE = 0.01
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


def _small_and_path(words: str) -> tuple[Small, tuple[str, ...]]:
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


def a_little_world(name: str, *words: str, budget: int = 2) -> Small:
    return replace(narrowed(world_named(name), words), budget=budget)


def stepped(node: Node) -> Node | None:
    step = ordinary(node)
    return None if step is None else remember(node, step[1], step[0])


def every_state(small: Small) -> set[int]:
    """Return all states of a small world, by a search that leaves out only what was visited in just the same way."""
    begun = replace(small.start(), left=small.budget)
    visited, waiting = set(), [begun]
    while waiting:
        node = waiting.pop()
        visit = (canonical(node), node.spent, node.left)
        if visit in visited:
            continue
        visited.add(visit)
        following = stepped(node)
        waiting += [following] if following is not None else []
        for disturbance in small.disturbances if node.left > 0 else ():
            if disturbance.name not in node.spent and disturbance.may(node):
                waiting.append(disturb(node, disturbance))
    return {state for state, _spent, _left in visited}


@pytest.mark.parametrize(
    "small",
    [
        pytest.param(lambda: a_little_world("names", "crashes", "frozen for 5", "no answer, made"), id="one operator"),
        pytest.param(lambda: a_little_world("two leaders", "overtakes", "A hears nothing", "deletes"), id="two"),
        pytest.param(lambda: a_little_world("create-only", "never made", "deletes", "again", budget=3), id="three"),
    ],
)
def test_what_the_search_leaves_out_leads_to_no_other_state(small: Callable[[], Small]) -> None:
    search = Search(small()).run()
    assert set(search.spent) == every_state(small())
    assert search.states == len(search.spent) > 300


def test_the_path_of_a_visit_leads_to_its_state() -> None:
    small = a_little_world("names", "crashes", "frozen for 5", "deletes")
    search = Search(small).run()
    named = {disturbance.name: disturbance for disturbance in small.disturbances}
    for key in list(search.came)[:: max(1, len(search.came) // 20)]:
        node: Node | None = replace(small.start(), left=small.budget)
        for by in search.path(key):
            assert node is not None
            node = disturb(node, named[by]) if by else stepped(node)
        assert node is not None
        assert key in {hash((canonical(node), spent)) for spent in search.spent[canonical(node)]}


def parts_within(form: object) -> Iterator[object]:
    if isinstance(form, tuple | frozenset):
        for part in form:
            yield from parts_within(part)
    else:
        yield form


def test_nothing_is_in_a_state_whose_hash_differs_from_process_to_process(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []

    def take(*key_and_make: object) -> int:
        make = key_and_make[-1]
        assert callable(make)
        made.append(make())
        return 0

    monkeypatch.setattr(l0_key, "part", take)
    monkeypatch.setattr(l0_key, "fixed", take)
    node: Node | None = begin(fates=(LOST_AFTER_COMMIT,), operators="AB")
    steps = 0
    while node is not None and steps < 60:
        made.append(form(node))
        node, steps = stepped(node), steps + 1
    kinds = {type(part) for part in parts_within(tuple(made))}
    assert [kind for kind in kinds if not issubclass(kind, int | str | bytes)] == []


def test_two_processes_give_the_same_states_the_same_numbers(tmp_path: Path) -> None:
    parts = [Part(WORLD, "create-only", SEED, 0.01, tmp_path / folder) for folder in ("one", "other")]
    entries = [dict(spread(done, [part], 1, apart=True))[part] for part in parts]
    assert [entry["states"] for entry in entries] == [entries[0]["states"]] * 2
    assert parts[0].keys.read_bytes() == parts[1].keys.read_bytes()
    assert l0.distinct(parts) == entries[0]["states"] == parts[0].keys.stat().st_size // 8 > 30


def test_a_state_that_two_worlds_have_counts_once_only_where_their_providers_are_alike(tmp_path: Path) -> None:
    smalls = [replace(world_named(name), budget=0) for name in ("names", "four crashes and lost answers", "lag")]
    names, same, lagging = (Search(small).run() for small in smalls)
    assert names.keys() == same.keys()
    assert set(names.keys()).isdisjoint(lagging.keys())


def test_a_part_that_is_in_the_book_is_not_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Part] = []

    def nobody(_work: object, parts: Iterable[Part], _processes: int, *, apart: bool) -> Iterator[tuple[Part, object]]:
        assert apart
        asked.extend(parts)
        return iter(())

    monkeypatch.setattr(l0, "spread", nobody)
    book = Book(tmp_path / "book", "version", SEED)
    known, lost, guard = (
        Part(WORLD, "known", SEED, 1.0, tmp_path),
        Part(WORLD, "lost its states", SEED, 1.0, tmp_path),
        Part(GUARD, "send window", SEED, 1.0, tmp_path),
    )
    for part in (known, lost, guard):
        book.enter(part.id, states=1)
    known.keys.write_bytes(b"")
    again = Book(tmp_path / "book", "version", SEED)
    assert [part for part, _entry in l0._results([known, lost, guard], again, 1)] == [known, guard]
    assert asked == [lost]


def test_where_another_guard_stands_behind_a_search_that_was_cut_short_is_no_proof() -> None:
    caught = Caught(IN_DEPTH[0], "names", 7, None, exhausted=True)
    assert is_caught(caught)
    assert not is_caught(replace(caught, exhausted=False))


def test_a_seed_changes_how_long_things_take_and_what_is_tried_first_and_nothing_else() -> None:
    small = world_named("names")
    assert len({drawn(seed) for seed in range(40)}) > 20
    assert max(PACES) == 1.0
    one, other = (seeded(small, seed) for seed in (1, 2))
    assert [d.name for d in one.disturbances] != [d.name for d in other.disturbances]
    assert {d.name for d in one.disturbances} == {d.name for d in small.disturbances}
    assert canonical(seeded(small, 1).start()) == canonical(one.start())
    far, draw = one.start().world.far, drawn(1)
    assert (far.boots, far.dying, one.start().pace) == (draw.boots, draw.dying, draw.pace)
    assert one.start().world.provider.poll.period_seconds == draw.poll
    about_it = seeded(world_named("slow death"), 1).start().world.far
    assert about_it.dying == world_named("slow death").start().world.far.dying
