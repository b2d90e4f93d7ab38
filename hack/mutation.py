"""Mutation score of the pure rules: each small mistake in them, one at a time, must make a test fail.

`python -m hack.mutation --sample 0.2 --seed 7`; what survives is printed with its place. Tests are collected once; each
mistake is tried in a fork, by the tests that run its function, those of the file beside the module first. Verdicts are
kept in build/mutation.jsonl as they come, so that a run that was stopped goes on where it was; they count for the same
sources and tests only. Mistakes that change nothing are listed, with the reason, in mutation-equivalents.txt.
"""

import argparse
import ast
import hashlib
import json
import os
import random
import signal
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any, Self

import pytest
from _pytest.runner import runtestprotocol
from hack.mutations import Mutation, mutations_of
from hypothesis import Phase, settings

ROOT = Path(__file__).resolve().parents[1]
RULES = ROOT / "operator" / "gpuwright" / "instance" / "rules"
TESTS = ROOT / "tests" / "instance"
KEPT = ROOT / "build" / "mutation.jsonl"
EQUIVALENTS = Path(__file__).with_name("mutation-equivalents.txt")
PACKAGE = "gpuwright.instance.rules"
LEAST = 90.0  # per cent
PATIENCE_SECONDS = 180.0  # a mistake that makes tests run for so long is caught as well
SEEDS = 2**31

_RAN = "_ran_meanwhile"

KILLED, SURVIVED, ENDLESS = "killed", "survived", "endless"


def main(arguments: Iterable[str]) -> int:
    """Return 0 if the score is high enough and the list of equivalents true, else 1."""
    options = _options(arguments)
    session = Session(options)
    # Nobody reads why a test fails here, so nothing is spent on saying it.
    plain = ("-q", "-p", "no:cacheprovider", "--no-header", "--assert=plain", "--tb=no")
    code = pytest.main([*plain, *options.tests], plugins=[session])
    if session.score is None:
        print(f"the tests could not be run: {code}", file=sys.stderr)
        return 1
    return 0 if session.score >= options.least and not session.stale else 1


def _options(arguments: Iterable[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m hack.mutation", description=__doc__)
    parser.add_argument("--sample", type=float, default=1.0, help="share of the mistakes that is tried (default: 1)")
    parser.add_argument("--seed", type=int, default=None, help="of the sample (default: a new one, which is printed)")
    parser.add_argument("--only", default="", help="part of the keys of the mistakes that are tried, such as launch.py")
    parser.add_argument("--least", type=float, default=LEAST, help=f"score to reach in per cent (default: {LEAST:g})")
    parser.add_argument("--again", action="store_true", help="forget what survived before, and try it again")
    parser.add_argument("--tests", nargs="+", default=[str(TESTS)], help="default: tests/instance")
    return parser.parse_args(list(arguments))


class Session:
    """A plugin of pytest that runs the collected tests once as they are, and then for each mistake."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._items: list[pytest.Item] = []
        self._run_by: dict[str, list[pytest.Item]] = {}
        self.score: float | None = None
        self.stale: list[str] = []

    def pytest_configure(self) -> None:
        """See pytest. An example that fails is enough: none is made smaller."""
        phases = (Phase.explicit, Phase.generate)
        settings.register_profile("mutation", phases=phases, derandomize=True, database=None, deadline=None)
        settings.load_profile("mutation")

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """See pytest."""
        self._items = sorted(session.items, key=lambda item: "rules" not in item.path.parts)
        self._take_note()
        known = equivalents(EQUIVALENTS.read_text(encoding="utf-8")) if EQUIVALENTS.exists() else {}
        every = [entry for path in sorted(RULES.glob("*.py")) for entry in mutations_of(path.name, path.read_text())]
        self.stale = sorted(known.keys() - {entry.key for entry in every})
        chosen = [entry for entry in every if entry.key not in known and self._options.only in entry.key]
        self._report(self._tried(_share(chosen, self._options)), len(every), len(known))
        return True

    def _take_note(self) -> None:
        """Run each test once, and take note of the functions of the rules that it runs."""
        print(f"\n{len(self._items)} tests are run as they are, to see what each of them runs", flush=True)
        with Watching() as watching:
            for item in self._items:
                if _fails(item):
                    raise pytest.UsageError(f"{item.nodeid} fails without any mistake")
                for function in watching.newly():
                    self._run_by.setdefault(function, []).append(item)

    def _tried(self, mutations: Sequence[Mutation]) -> dict[Mutation, str]:
        book = Book(KEPT, _version(), again=self._options.again)
        verdicts = {}
        for number, mutation in enumerate(mutations, 1):
            verdict = book.get(mutation.key)
            if verdict is None:
                verdict = in_a_fork(mutation, self._tests_of(mutation))
                book.enter(mutation.key, verdict)
            verdicts[mutation] = verdict
            if verdict == SURVIVED:
                print(f"{_place(mutation)} survives: {mutation.before} => {mutation.after}", flush=True)
            if number % 50 == 0:
                survived = list(verdicts.values()).count(SURVIVED)
                print(f"{number} of {len(mutations)} tried, {survived} survived", flush=True)
        return verdicts

    def _tests_of(self, mutation: Mutation) -> list[pytest.Item]:
        """Return the tests that can see it: at a module's level all, else those that run the function."""
        beside = f"test_{mutation.file}"
        items = self._run_by.get(f"{mutation.file}:{mutation.function}", []) if mutation.function else self._items
        return sorted(items, key=lambda item: item.path.name != beside)

    def _report(self, verdicts: Mapping[Mutation, str], every: int, known: int) -> None:
        survived = sum(verdict == SURVIVED for verdict in verdicts.values())
        self.score = 100.0 * (len(verdicts) - survived) / max(1, len(verdicts))
        print(f"{every} mistakes, {known} of them change nothing; {len(verdicts)} tried, {survived} survived")
        for file in sorted({mutation.file for mutation in verdicts}):
            here = [verdict for mutation, verdict in verdicts.items() if mutation.file == file]
            print(f"    {file}: {len(here) - here.count(SURVIVED)} of {len(here)}")
        for key in self.stale:
            print(f"no such mistake can be made any more, take it out of {EQUIVALENTS.name}: {key}")
        print(f"score: {self.score:.1f} %", flush=True)


class Watching:
    """Takes note of the functions of the rules that run while it lasts, as `<file>:<function>`.

    Each function's code says so itself meanwhile: a trace function would make the tests eight times as slow.
    """

    def __init__(self) -> None:
        self.ran: set[str] = set()
        self._codes: dict[FunctionType, CodeType] = {}

    def __enter__(self) -> Self:
        for path in sorted(RULES.glob("[a-z]*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            for node in tree.body:
                if isinstance(node, ast.FunctionDef):
                    node.body.insert(0, ast.parse(f"{_RAN}.add({f'{path.name}:{node.name}'!r})").body[0])
            module = _module_of(path.name)
            setattr(module, _RAN, self.ran)
            self._codes |= _with_code_of(module, ast.fix_missing_locations(tree))
        return self

    def __exit__(self, *_: object) -> None:
        for function, code in self._codes.items():
            function.__code__ = code

    def newly(self) -> frozenset[str]:
        """Return what ran since the last time."""
        found = frozenset(self.ran)
        self.ran.clear()
        return found


class Book:
    """Verdicts, kept as they come."""

    def __init__(self, path: Path, version: str, *, again: bool) -> None:
        self._path = path
        self._version = version
        self._known: dict[str, str] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
            entry = json.loads(line)
            if entry["version"] == version and not (again and entry["verdict"] == SURVIVED):
                self._known[entry["key"]] = entry["verdict"]

    def get(self, key: str) -> str | None:
        """Return the verdict of a mistake that was tried before."""
        return self._known.get(key)

    def enter(self, key: str, verdict: str) -> None:
        """Keep a verdict."""
        with self._path.open("a", encoding="utf-8") as book:
            book.write(json.dumps({"version": self._version, "key": key, "verdict": verdict}) + "\n")


def in_a_fork(mutation: Mutation, items: Sequence[pytest.Item]) -> str:
    """Return the verdict: the tests run in a fork, with the mistake made, until one of them fails."""
    child = os.fork()
    if child == 0:
        code = 2
        try:
            made(mutation)
            code = int(any(_fails(item) for item in items))
        finally:
            os._exit(code)
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            # Anything but 0 is a failure: a mistake can end the process, too.
            return SURVIVED if status == 0 else KILLED
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return ENDLESS


def made(mutation: Mutation) -> None:
    """Make the mistake in the module that is imported: its functions keep their identity, and get other code."""
    module = _module_of(mutation.file)
    with mutation.tree() as tree:
        _with_code_of(module, tree)
        other = _executed(module, tree)
        for name in _assigned(tree):
            _set_everywhere(name, getattr(module, name), _as_they_are(getattr(other, name), other, module))


def _module_of(file: str) -> ModuleType:
    return import_module(f"{PACKAGE}.{file.removesuffix('.py')}")


def _executed(module: ModuleType, tree: ast.Module) -> ModuleType:
    other = ModuleType(module.__name__)
    exec(compile(tree, str(module.__file__), "exec"), other.__dict__)
    return other


def _with_code_of(module: ModuleType, tree: ast.Module) -> dict[FunctionType, CodeType]:
    """Give the module's functions the code of this tree; return what they had."""
    before = {}
    for name, value in vars(_executed(module, tree)).items():
        known = getattr(module, name, None)
        if isinstance(value, FunctionType) and isinstance(known, FunctionType) and value.__module__ == module.__name__:
            before[known] = known.__code__
            known.__code__, known.__defaults__ = value.__code__, value.__defaults__
    return before


def _assigned(tree: ast.Module) -> set[str]:
    """Return the names that are given a value at the level of the module."""
    targets = [t for node in tree.body if isinstance(node, ast.Assign) for t in node.targets]
    targets += [node.target for node in tree.body if isinstance(node, ast.AnnAssign)]
    return {target.id for target in targets if isinstance(target, ast.Name)}


def _as_they_are(value: Any, other: ModuleType, module: ModuleType) -> Any:
    """Return a tuple of functions with the module's own in place of the copies."""
    if not isinstance(value, tuple):
        return value
    own = {id(copied): getattr(module, name, copied) for name, copied in vars(other).items()}
    return tuple(own.get(id(entry), entry) for entry in value)


def _set_everywhere(name: str, known: object, value: object) -> None:
    """Give a constant another value, wherever it was imported."""
    for module in list(sys.modules.values()):
        if module.__name__.startswith(("gpuwright.", "tests.")) and getattr(module, name, None) is known:
            setattr(module, name, value)


def _fails(item: pytest.Item) -> bool:
    """Return whether a test fails. Each sets up and puts away all that it needs."""
    return any(report.failed for report in runtestprotocol(item, nextitem=None, log=False))


def _share(mutations: Sequence[Mutation], options: argparse.Namespace) -> list[Mutation]:
    """Return the share that is tried, in an order of chance: whoever stops early has a fair sample all the same."""
    seed = random.randrange(SEEDS) if options.seed is None else options.seed
    print(f"seed {seed}", flush=True)
    return random.Random(seed).sample(mutations, round(len(mutations) * options.sample))


def equivalents(text: str) -> dict[str, str]:
    """Return the reasons by key: a line with the key of a mistake, and an indented one with the reason."""
    found: dict[str, str] = {}
    key = ""
    for line in text.splitlines():
        if line.startswith(" ") and key:
            found[key] = f"{found[key]} {line.strip()}".strip()
        elif line.strip() and not line.startswith("#"):
            key = line.strip()
            found[key] = ""
    unfounded = [key for key, reason in found.items() if not reason]
    if unfounded:
        raise ValueError(f"without a reason: {', '.join(unfounded)}")
    return found


def _files() -> Iterator[Path]:
    yield from sorted(RULES.glob("*.py"))
    yield from sorted(TESTS.rglob("*.py"))


def _version() -> str:
    digest = hashlib.sha256()
    for path in _files():
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _place(mutation: Mutation) -> str:
    return f"{(RULES / mutation.file).relative_to(ROOT)}:{mutation.line}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
