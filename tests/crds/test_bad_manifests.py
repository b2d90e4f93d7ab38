"""The corpus of bad input: each file of bad_manifests/ is refused, and its comment has what kubectl then prints.

A file with two documents is about a change: the first is applied, the second refused. ` ... ` stands for a long value.
"""

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.crds.conftest import NAMESPACE
from tests.crds.server import BLOCK, NO_FIELD, Server

from gpuwright_sandbox.controlplane.plane import ControlPlane

FOLDER = Path(__file__).parent / "bad_manifests"
FILES = sorted(FOLDER.glob("*.yaml"))
COMMENT = "#   "
CUT = " ... "
AT_ONCE = 4


def expected(path: Path) -> list[str]:
    """Return the lines of the refusal that the file's comment has."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line.removeprefix(COMMENT) for line in lines if line.startswith(COMMENT)]


def documents(path: Path) -> list[str]:
    """Return the manifests of a file; all but the last one are good."""
    return re.split(r"^---\n", path.read_text(encoding="utf-8"), flags=re.MULTILINE)


def said(error: str) -> list[str]:
    """Return the lines of a refusal as kubectl prints it, without its heading and without what helps nobody."""
    found = re.search(r"is invalid: *\n?(.*)$|(strict decoding error: .*)$", error.strip(), re.DOTALL)
    if found is None:
        return [error.strip() or "accepted"]
    lines = [line.removeprefix("* ").strip() for line in (found[1] or found[2]).splitlines()]
    return [BLOCK.sub("Invalid value: ", line) for line in lines if line and not line.startswith(NO_FIELD)]


@pytest.fixture(scope="module")
def printed(server: Server, control_plane: ControlPlane, admin: Path) -> dict[str, list[str]]:
    """What kubectl prints of each file, asked some at once, because each call takes a quarter of a second."""
    good = "\n---\n".join(document for path in FILES for document in documents(path)[:-1])
    applied = control_plane.kubectl("apply", "-n", NAMESPACE, "-f", "-", kubeconfig=admin, input=good)
    assert applied.returncode == 0, applied.stderr

    def refuse(path: Path) -> list[str]:
        asked = ("apply", "-n", NAMESPACE, "--dry-run=server", "-f", "-")
        return said(control_plane.kubectl(*asked, kubeconfig=admin, input=documents(path)[-1]).stderr)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(zip((path.stem for path in FILES), pool.map(refuse, FILES), strict=True))


def same(line: str, wanted: str) -> bool:
    """Return whether a line is the wanted one, which may have its middle cut out."""
    begin, cut, end = wanted.partition(CUT)
    return line.startswith(begin) and line.endswith(end) if cut else line == wanted


@pytest.mark.cluster
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_bad_manifest_is_refused_with_the_sentence_in_its_comment(printed: dict[str, list[str]], path: Path) -> None:
    lines, wanted = printed[path.stem], expected(path)
    assert len(lines) == len(wanted), lines
    assert all(same(line, sentence) for line, sentence in zip(lines, wanted, strict=True)), lines


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_file_says_why_it_is_bad_and_what_the_user_reads(path: Path) -> None:
    reason, heading, *_ = path.read_text(encoding="utf-8").splitlines()
    assert reason.startswith("# ")
    assert heading == "# The user reads:"
    assert expected(path)
