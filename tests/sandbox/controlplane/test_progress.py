"""One line per long command."""

import io
from pathlib import Path

from gpuwright_sandbox.controlplane import progress


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _command(folder: Path, script: str) -> progress.Command:
    return progress.Command(("/bin/sh", "-c", script), folder, {"WORD": "said"}, folder / "log")


def test_a_command_that_succeeds_leaves_one_line_and_its_log(tmp_path: Path) -> None:
    out = io.StringIO()
    assert progress.run(_command(tmp_path, "echo $WORD; echo more >&2"), "making", out)
    assert out.getvalue() == "making ... 0 s\n"
    assert (tmp_path / "log").read_text() == "said\nmore\n"


def test_a_command_that_fails_says_so(tmp_path: Path) -> None:
    assert not progress.run(_command(tmp_path, "exit 3"), "making", io.StringIO())


def test_on_a_terminal_the_line_is_rewritten_in_place(tmp_path: Path) -> None:
    out = _Terminal()
    progress.run(_command(tmp_path, "true"), "making", out)
    assert out.getvalue() == "making ...\rmaking ... 0 s\n"
