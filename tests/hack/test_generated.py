"""Generated files: what is written, and what --check tells of those that are out of date."""

from pathlib import Path

import pytest
from hack.generated import ROOT, SHOWN_LINES, Generated, command

ADVICE = "it is not what it would be: run `make it`"


def run(files: Generated, *arguments: str) -> int:
    return command(arguments, "What it does.", lambda: [files], ADVICE)


def test_writing_makes_the_check_pass(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = Generated(tmp_path / "new", {"a.yaml": "a\n", "b.md": "b\n"})
    assert run(files) == 0
    assert (tmp_path / "new" / "b.md").read_text() == "b\n"
    assert run(files, "--check") == 0
    assert capsys.readouterr().out == ""


def test_check_shows_what_differs_and_what_to_do_and_changes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.md").write_text("old\n")
    assert run(Generated(tmp_path, {"a.md": "new\n", "b.md": "b\n"}), "--check") == 1
    printed = capsys.readouterr().out
    assert "\n-old\n+new\n" in printed
    assert "\n+b\n" in printed
    assert printed.endswith(f"{ADVICE}\n")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old\n"]


def test_a_long_difference_is_cut_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(Generated(tmp_path, {"a.md": "new\n" * 100}), "--check") == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == SHOWN_LINES + 2
    assert lines[-2] == "... and 63 more lines"


def test_check_sees_a_file_too_many_and_writing_removes_it(tmp_path: Path) -> None:
    for name in ("gpuwright.dev_computejobs.yaml", "notes.md"):
        (tmp_path / name).write_text("old\n")
    assert list(Generated(tmp_path, {}).differences()) == []
    assert list(Generated(tmp_path, {}, alone=True).differences())[2:] == ["@@ -1 +0,0 @@", "-old"]
    Generated(tmp_path, {"new.yaml": "new\n"}, alone=True).write()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new.yaml", "notes.md"]


def test_files_of_the_project_are_named_as_they_stand_in_it() -> None:
    first = next(Generated(ROOT / "docs", {"no-such.md": "a\n"}).differences())
    assert first == "--- docs/no-such.md"


def test_an_argument_that_is_not_understood_ends_before_anything_is_generated() -> None:
    with pytest.raises(SystemExit):
        command(["--chek"], None, pytest.fail, ADVICE)
