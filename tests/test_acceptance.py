"""The list of what platform teams try first: complete, its tests exist, and nothing passes that was not run."""

from pathlib import Path

import pytest
from tests.acceptance import LINES, ROOT, Claim, Line, Result, belongs, results, told, verdict

NODES = sorted({node for line in LINES for node in line.nodes})
CLAIM = Claim("it holds", ("tests/a/test_b.py::test_c", "tests/d"))
C, D = Result("tests/a/test_b.py::test_c[one]", passed=True), Result("tests/d/test_e.py::test_f", passed=True)


def test_the_list_has_sixteen_lines() -> None:
    assert [line.number for line in LINES] == [*range(1, 17)]


@pytest.mark.parametrize("node", NODES)
def test_a_test_that_is_named_exists(node: str) -> None:
    path, *names = node.split("::")
    assert (ROOT / path).exists()
    assert [name for name in names if f"def {name}(" not in (ROOT / path).read_text()] == []


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        pytest.param([C, D], "pass", id="all were run and passed"),
        pytest.param([C, Result(D.node, passed=False)], "fail", id="one has failed"),
        pytest.param([C], "missing", id="of one node nothing was run"),
        pytest.param([], "missing", id="nothing was run"),
    ],
)
def test_a_claim_passes_only_when_all_of_it_was_run_and_passed(said: list[Result], expected: str) -> None:
    assert verdict(CLAIM, said) == expected


def test_a_claim_without_a_test_is_missing() -> None:
    assert verdict(Claim("nobody has shown it"), [C, D]) == "missing"


@pytest.mark.parametrize(
    "other", ["tests/a/test_b.py::test_cd", "tests/a/test_bc.py::test_c", "tests/dd/test_e.py::test_f"]
)
def test_a_test_of_a_similar_name_is_another_one(other: str) -> None:
    assert not any(belongs(Result(other, passed=True), node) for node in CLAIM.nodes)


def test_a_line_is_as_good_as_its_worst_claim() -> None:
    first, second = Claim("first"), Claim("second")
    printed = told([Line(4, (first, second))], {first: "pass", second: "missing"})
    assert printed == [" 4 missing", "         pass: first", "      missing: second"]


def test_a_report_of_pytest_is_read(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text(
        '<testsuites><testsuite><testcase classname="tests.a.test_b" name="test_c[one]"/>'
        '<testcase classname="tests.d.test_e.TestF" name="test_g"><failure/></testcase>'
        '<testcase classname="tests.d.test_e" name="test_h"><skipped/></testcase></testsuite></testsuites>'
    )
    assert results(report) == [
        C,
        Result("tests/d/test_e.py::TestF::test_g", passed=False),
        Result("tests/d/test_e.py::test_h", passed=False),
    ]
