"""The operator as a child: started, ended, and told nothing that it should not hear."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gpuwright_sandbox.demo.operator_process import OperatorProcess


@pytest.fixture
def operator(tmp_path: Path) -> Iterator[OperatorProcess]:
    """An operator that finds no cluster."""
    process = OperatorProcess(tmp_path, tmp_path / "no.kubeconfig")
    yield process
    process.close()


def test_before_its_start_it_is_neither_alive_nor_ready(operator: OperatorProcess) -> None:
    assert operator.pid is None
    assert not operator.is_ready()
    assert operator.log_tail() == ""


def test_without_a_cluster_it_ends_and_its_log_says_why(
    operator: OperatorProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Were this heard, it would end with code 2 and another sentence.
    monkeypatch.setenv("GPUWRIGHT_LOG_FORMAT", "nonsense")
    before = dict(os.environ)
    operator.spawn()
    assert dict(os.environ) == before
    assert operator.pid_file.read_text() == f"{operator.pid}\n"
    deadline = time.monotonic() + 60
    while operator.pid is not None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert operator.pid is None
    assert operator.log_tail()
    assert "log-format" not in operator.log_tail()


def test_it_can_be_killed_and_started_again(operator: OperatorProcess) -> None:
    operator.spawn()
    first = operator.pid
    operator.kill()
    assert operator.pid is None
    operator.spawn()
    assert operator.pid not in {None, first}
