"""The demo of placements, as somebody runs it."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gpuwright_sandbox.demo import placements


def test_it_is_a_command_of_its_own() -> None:
    parser = argparse.ArgumentParser()
    placements.add_parser(parser.add_subparsers())
    assert parser.parse_args(["demo-placements"]).run is placements.run


@pytest.mark.cluster
@pytest.mark.timeout(300)
def test_the_whole_demo_comes_true(tmp_path: Path) -> None:
    environment = os.environ | {"TMPDIR": str(tmp_path), "GPUWRIGHT_NO_DOWNLOAD": "1"}
    command = (sys.executable, "-m", "gpuwright_sandbox", "demo-placements")
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=240)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "14 claims checked, all true" in answer.stdout
    assert "NO  " not in answer.stdout
    assert list(tmp_path.iterdir()) == []
