"""Known vulnerabilities: a package that nobody answered for is never taken for one without."""

import json
import subprocess
from pathlib import Path

import pytest

from hack import audit, programs

GOOD = {"name": "aiohttp", "version": "3.14.5", "vulns": []}
BAD = {"name": "idna", "version": "3.1", "vulns": [{"id": "PYSEC-2024-60", "fix_versions": ["3.7"]}]}
UNKNOWN = {"name": "orjson", "skip_reason": "Dependency not found on PyPI and could not be audited: orjson (3.13.0)"}


def report(*packages: object) -> str:
    return json.dumps({"dependencies": packages, "fixes": []})


def test_all_answered_for_and_nothing_known() -> None:
    found = audit.read(report(GOOD))
    assert found.lines() == ["audited: 1 packages, 0 known vulnerabilities"]
    assert found.exit_code(strict=True) == 0


def test_a_vulnerability_fails_and_says_what_mends_it() -> None:
    found = audit.read(report(GOOD, BAD))
    assert found.lines()[0] == "idna 3.1: PYSEC-2024-60, mended in 3.7"
    assert found.exit_code(strict=False) == 1


def test_an_index_without_advisories_is_no_clean_bill() -> None:
    """pip-audit exits with 0 then."""
    found = audit.read(report(UNKNOWN, UNKNOWN))
    assert found.lines() == ["not audited: the index that pip uses has advisories for none of 2 packages"]
    assert (found.exit_code(strict=False), found.exit_code(strict=True)) == (0, 1)


def test_one_package_that_nobody_answered_for_is_named() -> None:
    found = audit.read(report(GOOD, UNKNOWN))
    assert found.lines()[0] == "not audited: 1 of 2: orjson"
    assert (found.exit_code(strict=False), found.exit_code(strict=True)) == (0, 1)


def test_a_vulnerability_is_told_beside_packages_that_nobody_answered_for() -> None:
    found = audit.read(report(BAD, UNKNOWN))
    assert found.lines()[0].startswith("idna")
    assert found.exit_code(strict=False) == 1


@pytest.mark.parametrize("text", ["", "no JSON", "[]", '{"dependencies": []}', '{"dependencies": null}'])
def test_a_report_that_says_nothing_is_not_audited(text: str) -> None:
    found = audit.read(text)
    assert found.lines()[0].startswith("not audited: ")
    assert found.exit_code(strict=True) == 1


def test_a_tool_that_dies_is_not_audited_and_its_last_words_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    died = subprocess.CompletedProcess((), 1, "", "ERROR: Temporary failure\nConnectionError: no route\n")
    monkeypatch.setattr(subprocess, "run", lambda *_a, **_k: died)
    assert audit.asked(Path("pip-audit")).lines() == ["not audited: ConnectionError: no route"]


def test_a_tool_that_hangs_is_not_audited(monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(*_arguments: object, **_options: object) -> None:
        raise subprocess.TimeoutExpired("pip-audit", 180)

    monkeypatch.setattr(subprocess, "run", hang)
    assert audit.asked(Path("pip-audit")).lines() == ["not audited: no answer within 180 s"]


@pytest.mark.parametrize(("arguments", "code"), [([], 0), (["--strict"], 1)])
def test_the_command_says_it_and_is_strict_on_demand(
    arguments: list[str], code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(audit, "asked", lambda _tool: audit.read(report(GOOD, UNKNOWN)))
    monkeypatch.setattr(programs, "find_or_make", lambda *_a: Path("pip-audit"))
    assert audit.main(arguments) == code
    assert "not audited: 1 of 2: orjson" in capsys.readouterr().out
