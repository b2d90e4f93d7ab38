"""The commands, as a developer runs them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gpuwright_sandbox.controlplane import identity, ownership

COMMAND = (sys.executable, "-m", "gpuwright_sandbox")


def test_without_a_command_the_help_is_shown() -> None:
    answer = subprocess.run(COMMAND, capture_output=True, text=True, check=False)
    assert answer.returncode == 2
    assert "COMMAND" in answer.stderr


def test_tools_that_cannot_be_had_end_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "go").write_text('#!/bin/sh\ntest "$1" = env && echo go1.26.0 && exit\nexit 1\n')
    (tmp_path / "bin" / "go").chmod(0o755)
    environment = {"PATH": str(tmp_path / "bin"), "XDG_CACHE_HOME": str(tmp_path), "GPUWRIGHT_NO_DOWNLOAD": "1"}
    answer = subprocess.run((*COMMAND, "tools"), env=environment, capture_output=True, text=True, check=False)
    assert answer.returncode == 1
    assert "building etcd failed" in answer.stderr
    assert "Traceback" not in answer.stderr


@pytest.mark.cluster
def test_tools_that_were_found_are_listed() -> None:
    environment = os.environ | {"GPUWRIGHT_NO_DOWNLOAD": "1"}
    answer = subprocess.run((*COMMAND, "tools"), env=environment, capture_output=True, text=True, check=True)
    assert [line.split()[0] for line in answer.stdout.splitlines()] == [
        "etcd",
        "kube-apiserver",
        "kube-controller-manager",
        "kubectl",
    ]


@pytest.mark.cluster
def test_a_control_plane_runs_until_it_is_told_to_stop(tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    command = (*COMMAND, "controlplane", "--dir", str(tmp_path), "--kubeconfig-out", str(kubeconfig), "--no-audit")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(4)]
        assert lines[0].startswith("ready after")
        subprocess.run((lines[2].split()[0], "get", "ns", "--kubeconfig", str(kubeconfig)), check=True)
        children = ownership.read_ledger(tmp_path)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert len(children) == 3
    assert not any(identity.is_alive(child.pid) for child in children)


@pytest.mark.cluster
def test_a_start_that_is_interrupted_leaves_nothing_behind(tmp_path: Path) -> None:
    command = (*COMMAND, "controlplane", "--dir", str(tmp_path))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 30
        while not (children := ownership.read_ledger(tmp_path)) and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    assert children
    assert not any(identity.is_alive(child.pid) for child in children)
