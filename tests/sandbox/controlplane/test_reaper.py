"""The process that outlives a killed owner; with a real owner it is tested with the child processes."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from gpuwright_sandbox.controlplane import identity, ownership


def test_it_ends_the_processes_of_the_ledger_once_its_input_ends(
    tmp_path: Path, start_sleeper: Callable[[], subprocess.Popen[bytes]]
) -> None:
    child = start_sleeper()
    record = identity.identify("child", child.pid)
    assert record is not None
    ownership.write_ledger(tmp_path, (record,))
    command = (sys.executable, "-m", "gpuwright_sandbox.controlplane.reaper", str(tmp_path))
    assert subprocess.run(command, input=b"", timeout=30, check=False).returncode == 0
    assert child.wait(10) == -9


def test_it_loads_no_api_client() -> None:
    script = "import sys, gpuwright_sandbox.controlplane.reaper; sys.exit('kubernetes' in sys.modules)"
    assert subprocess.run((sys.executable, "-c", script), check=False).returncode == 0
