"""The command, as somebody runs it."""

import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gpuwright_sandbox.demo import cli
from gpuwright_sandbox.demo.errors import OverdueError

COMMAND = (sys.executable, "-m", "gpuwright_sandbox", "demo")


def parsed(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    cli.add_parser(parser.add_subparsers())
    return parser.parse_args(["demo", *arguments])


def test_nothing_has_to_be_said() -> None:
    arguments = parsed()
    assert (arguments.keep, arguments.plain, arguments.record, arguments.seed) == (False, False, None, None)
    assert arguments.run is cli.run


def test_all_can_be_said(tmp_path: Path) -> None:
    picture = tmp_path / "a.svg"
    arguments = parsed("--keep", "--plain", "--record", str(picture), "--seed", "7")
    assert (arguments.keep, arguments.plain, arguments.record, arguments.seed) == (True, True, picture, 7)


@pytest.mark.parametrize("path", ["picture.png", "no/such/folder/picture.svg"])
def test_a_picture_that_could_not_be_written_is_refused_before_anything_starts(
    path: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parsed("--record", str(tmp_path / path))
    assert "must end in .svg and lie in a folder that exists" in capsys.readouterr().err


def test_what_takes_too_long_is_ended() -> None:
    with pytest.raises(OverdueError, match="it took over"), cli._limit(0.01):
        signal.pause()


def test_the_limit_ends_with_its_block() -> None:
    with cli._limit(60):
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 0
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0


@pytest.mark.cluster
@pytest.mark.timeout(300)
def test_the_whole_demo_comes_true(tmp_path: Path) -> None:
    picture = tmp_path / "demo.svg"
    environment = os.environ | {"TMPDIR": str(tmp_path), "GPUWRIGHT_NO_DOWNLOAD": "1"}
    command = (*COMMAND, "--plain", "--record", str(picture))
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=240)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "[7/7] Gone means gone" in answer.stdout
    assert "20 claims checked, all true" in answer.stdout
    assert "NO  " not in answer.stdout
    assert "\x1b" not in answer.stdout
    assert answer.stderr == ""
    assert picture.read_text().startswith("<svg")
    assert [path.name for path in tmp_path.iterdir()] == ["demo.svg"]


@pytest.mark.cluster
def test_an_interrupted_demo_leaves_nothing_behind(tmp_path: Path) -> None:
    environment = os.environ | {"TMPDIR": str(tmp_path), "GPUWRIGHT_NO_DOWNLOAD": "1"}
    with subprocess.Popen(COMMAND, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("ok  operator"):
                break
        process.send_signal(signal.SIGINT)
        # Whoever presses Ctrl-C twice must not disturb the cleaning up.
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
        assert process.wait(60) == 130
    assert rest.endswith("stopped, nothing is left behind\n")
    assert list(tmp_path.iterdir()) == []
