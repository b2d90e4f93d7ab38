"""The workflows: linted, with as few rights as they need, and with nothing in them that is not pinned."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.image.dockerfile import ROOT

from hack import programs

FOLDER = ROOT / ".github" / "workflows"
FILES = sorted(FOLDER.glob("*.yaml"))


def jobs(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text())["jobs"]
    return found


def actionlint(*paths: Path) -> subprocess.CompletedProcess[str]:
    command = (str(programs.find("actionlint", os.environ)), *map(str, paths))
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def steps() -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{path.name} {name}", step) for path in FILES for name, job in jobs(path).items() for step in job["steps"]
    ]


def test_actionlint_finds_nothing() -> None:
    answer = actionlint(*FILES)
    assert answer.returncode == 0, answer.stdout


def test_actionlint_would_find_something(tmp_path: Path) -> None:
    text = (FOLDER / "release.yaml").read_text().replace("steps.image.outputs", "steps.imgae.outputs")
    (tmp_path / "broken.yaml").write_text(text)
    assert "imgae" in actionlint(tmp_path / "broken.yaml").stdout


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_job_may_only_read_unless_it_says_more(path: Path) -> None:
    assert yaml.safe_load(path.read_text())["permissions"] == {"contents": "read"}


def test_only_what_signs_gets_an_identity() -> None:
    holders = {
        (path.name, name)
        for path in FILES
        for name, job in jobs(path).items()
        if "id-token" in job.get("permissions", {})
    }
    assert holders == {("release.yaml", "publish")}


def test_code_of_others_is_pinned() -> None:
    """An action by its commit, a module by its release; there is no action at present."""
    actions = [step["uses"] for _job, step in steps() if "uses" in step]
    assert [action for action in actions if not re.search(r"@[0-9a-f]{40}$", action)] == []
    modules = re.findall(r"\bgithub\.com/\S+/cmd/\S+", (FOLDER / "release.yaml").read_text())
    assert modules
    assert [module for module in modules if not re.search(r"@v\d+\.\d+\.\d+$", module)] == []


def test_what_others_may_name_is_never_put_into_a_script() -> None:
    """A branch can be called `$(...)`: it goes through the environment, as a variable of the shell."""
    texts = {"${{ github.head_ref", "${{ github.event", "${{ github.ref_name"}
    assert [job for job, step in steps() if any(text in step.get("run", "") for text in texts)] == []


def test_every_target_that_is_called_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    scripts = [step.get("run", "") for _job, step in steps()]
    called = {
        word
        for script in scripts
        for line in re.findall(r"\bmake ([a-z -]+)$", script, re.MULTILINE)
        for word in line.split()
    }
    assert {"check", "test", "audit", "sbom"} <= called <= targets


def test_a_release_signs_image_and_chart_and_attests_what_is_in_it() -> None:
    scripts = "\n".join(step.get("run", "") for job, step in steps() if job == "release.yaml publish")
    assert len(re.findall(r"cosign sign --yes", scripts)) == 2
    assert "cosign attest --yes --type cyclonedx" in scripts
    built = "\n".join(step.get("run", "") for job, step in steps() if job == "release.yaml image")
    assert "--provenance mode=max" in built


def test_everything_is_signed_by_its_digest() -> None:
    text = (FOLDER / "release.yaml").read_text()
    signed = re.findall(r"cosign (?:sign|attest) .*", text)
    assert [line for line in signed if "@$" not in line] == []
