"""Where things stand: tests mirror the tree, and what must not exist does not."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "operator" / "gpuwright"
TESTS = ROOT / "tests"

# Modules that are only words for others to keep, or that no test could run by itself, and what keeps them instead.
ELSEWHERE = {
    "__main__.py": "tests/e2e runs it as the process that it is",
    "assembly.py": "tests/campaign/l1_process.py lives on it, and tests/e2e",
    "adapters/contract.py": "tests/adapters/contract.py, the suite that every adapter's tests inherit",
    "adapters/desk.py": "tests/provider/test_desk.py, the tests of what implements it",
    "model/event_reasons.py": "tests/docs compares each reason with its section",
    "model/provider_status_schema.py": "tests/crds asks a real API server",
    "model/status_schema.py": "tests/crds asks a real API server",
}
CLOCKS = {
    ("time", "time"),
    ("time", "monotonic"),
    ("time", "perf_counter"),
    ("time", "clock_gettime"),
    ("time", "sleep"),
    ("datetime", "now"),
    ("datetime", "utcnow"),
    ("datetime", "today"),
    ("date", "today"),
}


def modules() -> list[str]:
    """Return every module of the operator, as a path below its package."""
    return sorted(str(path.relative_to(SOURCE)) for path in SOURCE.rglob("*.py") if path.name != "__init__.py")


def twin(module: str) -> Path:
    """Return where the tests of a module stand."""
    path = Path(module)
    return TESTS / path.parent / f"test_{path.name}"


def test_the_operators_folder_is_no_package() -> None:
    """It would shadow the standard library's operator module (4-style.md, 4.4)."""
    assert not (ROOT / "operator" / "__init__.py").exists()


@pytest.mark.parametrize("module", [module for module in modules() if module not in ELSEWHERE])
def test_a_module_has_its_tests_at_the_same_place(module: str) -> None:
    assert twin(module).is_file(), f"{module} has no {twin(module).relative_to(ROOT)}"


@pytest.mark.parametrize("module", sorted(ELSEWHERE))
def test_a_module_that_is_tested_elsewhere_still_exists_and_has_no_tests_of_its_own(module: str) -> None:
    assert (SOURCE / module).is_file()
    assert not twin(module).exists(), "take it off the list"


@pytest.mark.parametrize("module", [module for module in modules() if module != "__main__.py"])
def test_clocks_are_read_at_the_entrance_only(module: str) -> None:
    assert _clocks_read(SOURCE / module) == []


def test_a_clock_would_be_found(tmp_path: Path) -> None:
    module = tmp_path / "guilty.py"
    module.write_text("import time\nfrom datetime import datetime\ntime.sleep(1)\nx = datetime.now()\ny = time.time\n")
    assert _clocks_read(module) == ["time.sleep, line 3", "datetime.now, line 4", "time.time, line 5"]


@pytest.mark.parametrize("folder", sorted(str(path.relative_to(SOURCE)) for path in SOURCE.rglob("*") if path.is_dir()))
def test_every_folder_with_code_is_a_package(folder: str) -> None:
    if not any((SOURCE / folder).glob("*.py")):
        return
    assert (SOURCE / folder / "__init__.py").is_file()


def _clocks_read(path: Path) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Attribute(value=ast.Name(id=owner), attr=name) if (owner, name) in CLOCKS:
                found.append((node.lineno, f"{owner}.{name}"))
            case ast.ImportFrom(module="time"):
                found += [(node.lineno, f"time.{alias.name}") for alias in node.names]
    return [f"{name}, line {line}" for line, name in sorted(found)]
