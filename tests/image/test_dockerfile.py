"""What the image is made of: read from the Dockerfile, because no container is built where these tests run."""

import fnmatch
import json
import os
import re
import subprocess
from pathlib import PurePosixPath

import pytest
from tests.image.dockerfile import DOCKERFILE, ROOT, Stage, stages

from hack import programs

BEFORE, BUILD, IMAGE = stages(DOCKERFILE.read_text())
BASES = dict(line.split("=", 1) for line in BEFORE.all("ARG"))
REQUIREMENTS = ("build", "runtime")
SECRET = re.compile(r"TOKEN|PASSWORD|SECRET|CREDENTIAL", re.IGNORECASE)


def names(lock: str) -> set[str]:
    """Return what a file of requirements installs."""
    text = (ROOT / "requirements" / f"{lock}.txt").read_text()
    return {found.lower() for found in re.findall(r"^([\w.-]+)==", text, re.MULTILINE)}


def context(path: str) -> bool:
    """Return whether .dockerignore lets a path through to the builder: the last rule that fits decides."""
    there = True
    for rule in (ROOT / ".dockerignore").read_text().splitlines():
        if not rule or rule.startswith("#"):
            continue
        pattern = rule.removeprefix("!").removeprefix("**/")
        parents = [str(parent) for parent in PurePosixPath(path).parents][:-1]
        fits = any(fnmatch.fnmatch(part, pattern) for part in (path, *parents))
        inside = rule.startswith("**/") and pattern in PurePosixPath(path).parts
        there = rule.startswith("!") if fits or inside else there
    return there


def test_hadolint_finds_nothing() -> None:
    command = (str(programs.find("hadolint", os.environ)), str(DOCKERFILE))
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout


def test_hadolint_would_find_something() -> None:
    command = (str(programs.find("hadolint", os.environ)), "-")
    text = DOCKERFILE.read_text().replace("USER 65532:65532", "USER root")
    answer = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert "DL3002" in answer.stdout


def test_what_builds_stays_behind() -> None:
    assert IMAGE.all("COPY") == ["--from=build /opt/gpuwright /opt/gpuwright"]
    assert IMAGE.all("RUN") == [], "the image has no shell to run anything"


def test_the_image_has_no_shell_and_no_package_manager() -> None:
    assert BASES["RUN_BASE"].startswith("gcr.io/distroless/python3-")


def test_both_stages_have_the_same_python() -> None:
    assert "debian:12" in BASES["BUILD_BASE"]
    assert "debian12" in BASES["RUN_BASE"], "extension modules fit one release of Python only"


def test_every_base_has_a_tag_that_is_not_latest() -> None:
    assert [base for base in BASES.values() if not re.search(r":(?!latest)[\w.-]+$", base)] == []


def test_it_runs_as_a_number_that_is_not_root() -> None:
    (user,) = IMAGE.all("USER")
    assert all(int(number) >= 10_000 for number in user.split(":"))


def test_it_writes_no_compiled_modules() -> None:
    assert "PYTHONDONTWRITEBYTECODE=1" in " ".join(IMAGE.all("ENV"))


def test_it_starts_the_operator_and_flags_come_after() -> None:
    (entry,) = IMAGE.all("ENTRYPOINT")
    assert json.loads(entry) == ["/opt/gpuwright/bin/gpuwright"]
    assert IMAGE.all("CMD") == []


@pytest.mark.parametrize("stage", [BUILD, IMAGE], ids=["build", "image"])
def test_no_secret_is_baked_in(stage: Stage) -> None:
    assert [line for word in ("ENV", "ARG") for line in stage.all(word) if SECRET.search(line)] == []


@pytest.mark.parametrize("lock", REQUIREMENTS)
def test_everything_that_is_installed_has_a_hash(lock: str) -> None:
    assert any(f"--require-hashes -r requirements/{lock}.txt" in line for line in BUILD.all("RUN"))
    text = (ROOT / "requirements" / f"{lock}.txt").read_text()
    entries = re.split(r"^(?=[\w.-]+==)", text, flags=re.MULTILINE)[1:]
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []


def test_nothing_else_is_fetched() -> None:
    installs = [part for line in BUILD.all("RUN") for part in line.split("&&") if " install " in part]
    pip = [part for part in installs if "pip" in part]
    assert len(pip) == 3
    assert all("--require-hashes" in part or "--no-deps" in part for part in pip)


def test_the_kubernetes_client_is_not_in_it() -> None:
    """kopf imports it as soon as it is there, which costs 54 MB of memory."""
    assert "kubernetes" not in names("runtime")
    assert "kopf" in names("runtime")


def test_no_tool_of_the_tests_is_in_it() -> None:
    assert names("runtime") & {"pytest", "mypy", "ruff", "hypothesis", "pip", "setuptools", "hatchling"} == set()


def test_the_builder_sees_what_is_copied() -> None:
    sources = [path for line in BUILD.all("COPY") for path in line.split()[:-1]]
    assert [path for path in sources if not context(path)] == []
    assert context("operator/gpuwright/process.py")


@pytest.mark.parametrize(
    "path", [".git/config", ".venv/bin/python", "build/x", "tests/conftest.py", "operator/gpuwright/__pycache__/x.pyc"]
)
def test_the_builder_does_not_see(path: str) -> None:
    assert not context(path)
