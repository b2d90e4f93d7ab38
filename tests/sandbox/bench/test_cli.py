"""The command line."""

import argparse
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from gpuwright_sandbox.bench import cli
from gpuwright_sandbox.bench.errors import BenchError


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def parsed(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    cli.add_parser(parser.add_subparsers())
    return parser.parse_args(["bench", *arguments])


def test_sizes_and_rounds_have_defaults() -> None:
    assert parsed("size").sizes == (100, 500, 1000)
    assert parsed("size", "--sizes", "7,8").sizes == (7, 8)
    assert (parsed("kill").rounds, parsed("kill").burst, parsed("kill").seed) == (20, 200, None)


@pytest.mark.parametrize("text", ["", "0", "-1,5", "ten", "5,"])
def test_sizes_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(SystemExit):
        parsed("size", f"--sizes={text}")


def test_what_ends_a_run_is_said_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    def fail(_arguments: argparse.Namespace) -> int:
        raise ExceptionGroup("of tasks", [ExceptionGroup("inner", [BenchError("the gateway saw 2")])])

    assert cli.run(argparse.Namespace(measure=fail)) == 1
    assert capsys.readouterr().err == "bench: the gateway saw 2\n"


def test_a_defect_among_the_reasons_keeps_its_traceback() -> None:
    def fail(_arguments: argparse.Namespace) -> int:
        raise ExceptionGroup("of tasks", [BenchError("the gateway saw 2"), KeyError("defect")])

    with pytest.raises(ExceptionGroup):
        cli.run(argparse.Namespace(measure=fail))


def test_the_module_can_be_run() -> None:
    command = (sys.executable, "-m", "gpuwright_sandbox.bench", "--help")
    assert "SIGKILL" in subprocess.run(command, capture_output=True, text=True, check=True).stdout
