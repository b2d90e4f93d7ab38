"""What platform teams try first, line by line, with the tests that prove each: `make acceptance`.

`python -m tests.acceptance` runs them all and exits with 1 unless every line passes; `--list` runs nothing, `--line 9`
runs one line. A claim without a test is told as missing, and a line with such a claim does not pass.
"""

import argparse
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

ROOT = Path(__file__).resolve().parents[1]
REPORT = ROOT / "build" / "acceptance.xml"
E2E = "tests/e2e/test_acceptance.py"
INSTALL = "tests/charts/test_install.py"


@dataclass(frozen=True, slots=True)
class Claim:
    """One thing that a line says, and the pytest nodes that prove it together; none: nobody has shown it."""

    text: str
    nodes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the list."""

    number: int
    claims: tuple[Claim, ...]

    @property
    def nodes(self) -> tuple[str, ...]:
        """Return all nodes of the line."""
        return tuple(node for claim in self.claims for node in claim.nodes)


def line(number: int, *claims: tuple[str, ...]) -> Line:
    """Return a line; each claim is its words, then its nodes."""
    return Line(number, tuple(Claim(text, nodes) for text, *rest in claims for nodes in [tuple(rest)]))


LINES = (
    line(1, ("kubectl explain works on every path, and every field is described", "tests/crds/test_explain.py")),
    line(2, ("Ready is there within 2 s of create", f"{E2E}::test_ready_is_there_from_the_first_moment")),
    line(
        3,
        (
            "kubectl wait for Ready and for deletion returns rightly",
            f"{E2E}::test_waiting_for_ready_and_for_deletion_returns_rightly",
            f"{E2E}::test_waiting_goes_on_while_there_is_no_room",
            f"{E2E}::test_waiting_follows_the_power_state",
            f"{E2E}::test_waiting_for_deletion_while_it_is_being_created",
            f"{E2E}::test_waiting_after_a_name_is_used_again",
            f"{E2E}::test_what_is_rejected_has_failed_and_waiting_does_not_say_otherwise",
        ),
    ),
    line(
        4,
        (
            "kstatus of recorded objects agrees with the table",
            f"{E2E}::test_every_recorded_object_agrees_with_the_table",
            f"{E2E}::test_every_recorded_deletion_says_so",
        ),
        ("so does the Lua check of Argo CD", f"{E2E}::test_argo_cd_sees_every_recorded_object_as_kstatus_does"),
    ),
    line(
        5,
        (
            "Helm 3 and 4: install --wait, upgrade and rollback with live machines, uninstall refused, and says why",
            INSTALL,
        ),
    ),
    line(6, ("a CRD upgrade keeps every stored object readable", "tests/crds/test_upgrade.py")),
    line(
        7,
        (
            "a second manager applies the spec without conflict or difference",
            f"{E2E}::test_a_settled_object_shows_no_difference",
            f"{E2E}::test_a_second_manager_applies_the_spec_without_conflict",
            "tests/crds/test_apply.py",
        ),
    ),
    line(
        8,
        ("at most 10 Events a workflow, none twice", f"{E2E}::test_a_workflow_sends_few_events_and_says_nothing_twice"),
        (
            "their reasons are documented, and repeated ones are one Event",
            "tests/docs/test_docs.py::test_every_reason_has_a_section_and_every_section_a_reason",
            "tests/docs/test_docs.py::test_a_section_tells_of_the_event",
            "tests/kube/test_events.py",
        ),
    ),
    line(
        9,
        (
            "every metric is documented",
            "tests/docs/test_docs.py::test_every_metric_is_documented",
            "tests/hack/test_reference.py",
        ),
        ("every alert has a unit test and a runbook", "tests/observability/test_alerts.py"),
    ),
    line(
        10,
        (
            "it installs in a namespace with Pod Security restricted",
            f"{INSTALL}::test_the_namespace_holds_pods_to_the_restricted_profile",
            "tests/charts/test_accepted.py::test_pods_are_taken_without_a_warning",
            "tests/charts/test_accepted.py::test_a_pod_that_is_not_restricted_would_be_told",
        ),
    ),
    line(
        11,
        (
            "rights granted are rights used, by the audit log",
            f"{INSTALL}::test_granted_is_used_and_used_is_granted",
            "tests/docs/test_rights.py",
        ),
    ),
    line(12, ("namespaced mode without any ClusterRole", "tests/charts/test_render.py")),
    line(
        13,
        (
            "every command and YAML block of the documents is run",
            "tests/docs/test_docs.py",
            "tests/docs/test_commands.py",
            "tests/docs/test_quickstart.py",
        ),
    ),
    line(
        14,
        ("it works with a private CA", "tests/adapters/test_gateway.py", "tests/test_http_client.py"),
        ("it works behind a proxy", "tests/test_http_proxy.py"),
    ),
    line(
        15,
        ("the image is small, not root, read-only", "tests/image"),
        ("it has an SBOM", "tests/hack/test_sbom.py"),
    ),
    line(16, ("the quick start takes less than five minutes", "tests/docs/test_quickstart.py")),
)


@dataclass(frozen=True, slots=True)
class Result:
    """What pytest said of one test: where it stands, as a node's beginning, and whether it passed."""

    node: str
    passed: bool


def results(report: Path) -> list[Result]:
    """Return what a JUnit report of pytest says; a test that was skipped has not passed."""
    found = []
    for case in ET.parse(report).getroot().iter("testcase"):
        # tests.charts.test_x.TestClass becomes tests/charts/test_x.py::TestClass::test_y
        names = str(case.get("classname")).split(".")
        module = next((index for index, name in enumerate(names) if name.startswith("test_")), len(names) - 1)
        path = "/".join(names[: module + 1]) + ".py"
        node = "::".join((path, *names[module + 1 :], str(case.get("name"))))
        passed = not any(case.find(word) is not None for word in ("failure", "error", "skipped"))
        found.append(Result(node, passed))
    return found


def belongs(result: Result, node: str) -> bool:
    """Return whether a test is one of a node: a folder, a file, or a function with all its parameters."""
    return result.node == node or result.node.startswith((f"{node}/", f"{node}::", f"{node}["))


def verdict(claim: Claim, said: Sequence[Result]) -> str:
    """Return "pass", "fail" or "missing": no node, or a node of which no test was run."""
    of_nodes = [[result for result in said if belongs(result, node)] for node in claim.nodes]
    if not of_nodes or not all(of_nodes):
        return "missing"
    return "pass" if all(result.passed for found in of_nodes for result in found) else "fail"


def told(lines: Sequence[Line], verdicts: Mapping[Claim, str]) -> list[str]:
    """Return what is printed: each line's number and worst verdict, then its claims."""
    order = ("fail", "missing", "pass")
    shown = []
    for each in lines:
        worst = min((verdicts[claim] for claim in each.claims), key=order.index)
        several = len(each.claims) > 1
        shown.append(f"{each.number:>2} {worst:<8}{'' if several else each.claims[0].text}".rstrip())
        shown += [f"   {verdicts[claim]:>10}: {claim.text}" for claim in each.claims if several]
    return shown


def run(lines: Sequence[Line]) -> list[Result]:
    """Run the tests of these lines, each once, and return what came of them. What is not there is left out.

    Files are run whole: end-to-end tests of one file share what they see.
    """
    files = dict.fromkeys(node.partition("::")[0] for each in lines for node in each.nodes)
    nodes = [file for file in files if (ROOT / file).exists()]
    if not nodes:
        return []
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.unlink(missing_ok=True)
    command = (sys.executable, "-m", "pytest", "-q", "--no-header", f"--junitxml={REPORT}", *nodes)
    subprocess.run(command, cwd=ROOT, check=False)
    return results(REPORT) if REPORT.exists() else []


def say(text: str) -> None:
    """Print it."""
    print(text)  # noqa: T201 - a command, no test


def main(arguments: Sequence[str]) -> int:
    """Return the exit code: 0 only if every line that was asked for passes."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--list", action="store_true", help="run nothing; say which tests prove which line")
    parser.add_argument("--line", type=int, action="append", help="only this line; repeatable")
    chosen = parser.parse_args(arguments)
    lines = [each for each in LINES if not chosen.line or each.number in chosen.line]
    if chosen.list:
        for each in lines:
            for claim in each.claims:
                say(f"{each.number:>2} {claim.text}: {', '.join(claim.nodes) or 'missing'}")
        return 0
    said = run(lines)
    verdicts = {claim: verdict(claim, said) for each in lines for claim in each.claims}
    say("\n".join(told(lines, verdicts)))
    passed = sum(all(verdicts[claim] == "pass" for claim in each.claims) for each in lines)
    say(f"{passed} of {len(lines)} lines pass")
    return 0 if lines and passed == len(lines) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
