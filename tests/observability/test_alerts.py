"""The alerts: on metrics that exist, each with words, a runbook and a test by promtool that fails without it."""

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.docs.pages import ROOT, page

from hack import programs, reference

FILES = ROOT / "charts" / "gpuwright" / "files"
OURS = re.compile(r"\b(?:gpuwright|controller_runtime|rest_client)_[a-z_]+\b")
SUFFIXES = ("_bucket", "_sum", "_count")

Rule = dict[str, Any]


def rules() -> list[Rule]:
    """Return all rules, in the order of the file."""
    groups = yaml.safe_load((FILES / "alerts.yaml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def cases() -> list[Rule]:
    """Return what the file of tests expects of alerts."""
    tests = yaml.safe_load((FILES / "alerts_test.yaml").read_text())["tests"]
    return [case for test in tests for case in test["alert_rule_test"]]


def name_of(rule: Rule) -> str:
    return str(rule["alert"])


NAMES = [name_of(rule) for rule in rules()]
each_rule = pytest.mark.parametrize("rule", rules(), ids=name_of)


def promtool(*arguments: str, folder: Path = FILES) -> subprocess.CompletedProcess[str]:
    command = (str(programs.find("promtool", os.environ)), *arguments)
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def without(change: Callable[[Rule], Rule], folder: Path) -> set[str]:
    """Return the alerts whose tests fail once each rule is changed so."""
    groups = yaml.safe_load((FILES / "alerts.yaml").read_text())["groups"]
    for group in groups:
        group["rules"] = [change(rule) for rule in group["rules"]]
    (folder / "alerts.yaml").write_text(yaml.safe_dump({"groups": groups}))
    (folder / "alerts_test.yaml").write_text((FILES / "alerts_test.yaml").read_text())
    answer = promtool("test", "rules", "alerts_test.yaml", folder=folder)
    assert answer.returncode != 0
    return set(re.findall(r"alertname: (\w+),", answer.stdout + answer.stderr))


@each_rule
def test_an_alert_asks_for_metrics_that_exist(rule: Rule) -> None:
    known = {metric.name for metric in reference.metrics()}
    asked = {re.sub(f"({'|'.join(SUFFIXES)})$", "", name) for name in OURS.findall(rule["expr"])}
    assert asked
    assert asked <= known


@each_rule
def test_an_alert_has_a_severity_and_words(rule: Rule) -> None:
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert len(rule["annotations"]["summary"]) < 80
    assert rule["annotations"]["description"].endswith(".")
    assert {*rule["annotations"]} == {"summary", "description", "runbook_url"}


@each_rule
def test_an_alert_links_to_its_section(rule: Rule) -> None:
    site, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    assert f"site_url: {site.removesuffix('runbooks/')}\n" in (ROOT / "mkdocs.yml").read_text()
    assert site.endswith("/runbooks/")
    assert anchor == name_of(rule).lower()
    assert anchor in page("runbooks.md").anchors


@each_rule
def test_a_section_says_how_urgent_it_is_what_it_means_and_what_to_do(rule: Rule) -> None:
    section = page("runbooks.md").section(name_of(rule))
    assert section.strip().startswith(rule["labels"]["severity"].capitalize())
    assert [part for part in ("- **Means.** ", "- **Money.** ", "- **Do.** ") if part not in section] == []


def test_no_runbook_is_left_over() -> None:
    assert [words for level, words in page("runbooks.md").headings if level == 3] == NAMES


def test_no_alert_has_the_name_of_another() -> None:
    assert len({*NAMES}) == len(NAMES) >= 15


@pytest.mark.parametrize("name", NAMES)
def test_an_alert_is_tested_both_ways(name: str) -> None:
    fires = [bool(case["exp_alerts"]) for case in cases() if case["alertname"] == name]
    assert {*fires} == {True, False}


def test_promtool_finds_nothing_wrong_with_the_rules() -> None:
    answer = promtool("check", "rules", "--lint=all", "--lint-fatal", "alerts.yaml")
    assert answer.returncode == 0, answer.stderr


def test_every_alert_fires_when_it_should_and_only_then() -> None:
    answer = promtool("test", "rules", "alerts_test.yaml")
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_an_alert_that_never_fires_is_found(tmp_path: Path) -> None:
    assert without(lambda rule: rule | {"expr": "vector(0) > 1"}, tmp_path) == {*NAMES}


def test_an_alert_that_always_fires_is_found(tmp_path: Path) -> None:
    always = {"expr": "vector(1)", "for": "0s"}
    words = {"annotations": {"summary": "always"}}
    assert without(lambda rule: rule | always | words, tmp_path) == {*NAMES}


def test_an_alert_that_does_not_wait_is_found(tmp_path: Path) -> None:
    waiting = {name_of(rule) for rule in rules() if "for" in rule}
    # What is asked for over an hour, or begins with a first event, waits by itself.
    assert without(lambda rule: {**rule, "for": "0s"}, tmp_path) == waiting
