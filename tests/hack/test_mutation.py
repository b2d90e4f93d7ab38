"""The mutation score: that mistakes are made where they should be, that tests catch them, and what is kept."""

import ast
from pathlib import Path

import pytest
from hack.mutation import KILLED, SURVIVED, Book, Watching, equivalents, in_a_fork, made
from hack.mutations import Mutation, mutations_of

from gpuwright.instance.rules import evidence, settlement
from hack import mutation

SOURCE = '''
LIMIT = 3


def is_due(now: float, since: float | None) -> bool:
    """Return whether 3 seconds are over."""
    if since is None:
        return False
    return not now - since < LIMIT and True
'''


def keys(source: str) -> list[str]:
    return [found.key.removeprefix("a.py:") for found in mutations_of("a.py", source)]


def mistake(file: str, before: str, after: str) -> Mutation:
    """Return one mistake in a file of the rules."""
    found = mutations_of(file, (mutation.RULES / file).read_text(encoding="utf-8"))
    return next(one for one in found if (one.before, one.after) == (before, after))


def test_every_small_mistake_is_made_once() -> None:
    assert keys(SOURCE) == [
        ": 3 => 4",
        ": 3 => 2",
        "is_due: if since is None: ... => pass",
        "is_due: return not now - since < LIMIT and True => return None",
        "is_due: since is None => since is not None",
        "is_due: not now - since < LIMIT and True => not now - since < LIMIT or True",
        "is_due: False => True",
        "is_due: not now - since < LIMIT => now - since < LIMIT",
        "is_due: True => False",
        "is_due: now - since < LIMIT => now - since <= LIMIT",
        "is_due: now - since < LIMIT => now - since >= LIMIT",
        "is_due: now - since => now + since",
    ]


def test_every_mistake_is_another_program_and_tells_its_line() -> None:
    found = list(mutations_of("a.py", SOURCE))
    programs = {ast.unparse(ast.parse(SOURCE))}
    for one in found:
        with one.tree() as tree:
            compile(tree, "a.py", "exec")
            programs.add(ast.unparse(tree))
    assert len(programs) == len(found) + 1
    assert [one.line for one in found[:3]] == [2, 2, 7]


def test_the_same_words_twice_in_a_function_are_two_mistakes() -> None:
    assert keys("def f():\n    return g(1) + g(1)\n")[1:] == [
        "f: g(1) + g(1) => g(1) - g(1)",
        "f: 1 => 2",
        "f: 1 => 0",
        "f: 1 (#2) => 2",
        "f: 1 (#2) => 0",
    ]


def test_no_rule_of_a_list_may_be_missing() -> None:
    rules = ", ".join(f"m.rule_{number}" for number in range(12))
    assert "left out of the list" in keys(f"RULES = ({rules})\n")[5]


def test_a_mistake_is_made_wherever_its_function_was_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    function = evidence.settle_seconds
    monkeypatch.setattr(function, "__code__", function.__code__)  # put back at the end
    made(
        mistake(
            "evidence.py",
            "max(launch.settle_seconds, provider.settle_seconds)",
            "min(launch.settle_seconds, provider.settle_seconds)",
        )
    )
    assert vars(settlement)["settle_seconds"] is function
    assert "min" in function.__code__.co_names


class Verdict(pytest.Item):
    """A test whose end is known."""

    fails = False

    def runtest(self) -> None:
        assert not self.fails


@pytest.mark.parametrize(("fails", "verdict"), [(True, KILLED), (False, SURVIVED)])
def test_a_mistake_is_caught_if_a_test_fails(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, fails: bool, verdict: str
) -> None:
    item = Verdict.from_parent(request.node.parent, name="verdict")
    monkeypatch.setattr(mutation, "_fails", lambda _item: fails)
    assert in_a_fork(mistake("evidence.py", "2.0", "3.0"), [item]) == verdict


def test_what_runs_is_known_by_function() -> None:
    code = evidence._patience.__code__
    with Watching() as watching:
        evidence._patience(3.0)
        assert watching.newly() == {"evidence.py:_patience"}
        assert watching.newly() == frozenset()
    assert evidence._patience.__code__ is code


def test_verdicts_are_kept_for_the_same_version_only(tmp_path: Path) -> None:
    path = tmp_path / "build" / "book.jsonl"
    Book(path, "a", again=False).enter("x", SURVIVED)
    Book(path, "a", again=False).enter("y", KILLED)
    assert Book(path, "a", again=False).get("x") == SURVIVED
    assert Book(path, "b", again=False).get("x") is None
    again = Book(path, "a", again=True)
    assert (again.get("x"), again.get("y")) == (None, KILLED)


def test_a_mistake_that_changes_nothing_needs_a_reason() -> None:
    assert equivalents("# words\na.py:f: 1 => 2\n    because\n    of this\n") == {"a.py:f: 1 => 2": "because of this"}
    with pytest.raises(ValueError, match="without a reason"):
        equivalents("a.py:f: 1 => 2\n")


def test_the_list_of_what_changes_nothing_names_mistakes_that_there_are() -> None:
    known = equivalents(mutation.EQUIVALENTS.read_text(encoding="utf-8"))
    every = {one.key for path in mutation.RULES.glob("*.py") for one in mutations_of(path.name, path.read_text())}
    assert known.keys() <= every
