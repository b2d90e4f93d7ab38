"""Starts that fail, with programs that only pretend."""

from pathlib import Path

import pytest

from gpuwright_sandbox.controlplane.errors import ControlPlaneError, NotReadyError, PortTakenError
from gpuwright_sandbox.controlplane.plane import ControlPlane
from gpuwright_sandbox.controlplane.selection import Binaries, Tool
from gpuwright_sandbox.controlplane.versions import PROGRAMS, Version


def _pretend(folder: Path, script: str) -> Binaries:
    program = folder / "program"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return Binaries.of({name: Tool(program, Version(1, 37), "test") for name in PROGRAMS})


def test_a_component_that_ends_is_named_with_the_end_of_its_log(tmp_path: Path) -> None:
    plane = ControlPlane(tmp_path / "plane", binaries=_pretend(tmp_path, "echo disk full; exit 3"))
    with pytest.raises(NotReadyError, match=r"etcd ended with code 3; the end of .*etcd\.log:\ndisk full"):
        plane.start()
    assert plane.pids() == {}


def test_only_the_output_of_the_failed_start_is_shown(tmp_path: Path) -> None:
    plane = ControlPlane(tmp_path / "plane", binaries=_pretend(tmp_path, "echo once; exit 1"))
    for _ in range(2):
        with pytest.raises(NotReadyError, match=r"log:\nonce$"):
            plane.start()


def test_other_ports_are_tried_when_one_was_taken_meanwhile(tmp_path: Path) -> None:
    script = f'echo x >> {tmp_path}/tries; echo "listen tcp 127.0.0.1:1: bind: address already in use"; exit 1'
    plane = ControlPlane(tmp_path / "plane", binaries=_pretend(tmp_path, script))
    with pytest.raises(PortTakenError):
        plane.start()
    assert (tmp_path / "tries").read_text().count("x") == 3


def test_a_failed_start_frees_the_directory(tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(NotReadyError):
            ControlPlane(tmp_path / "plane", binaries=_pretend(tmp_path, "exit 1")).start()


def test_a_control_plane_that_was_never_started_says_so(tmp_path: Path) -> None:
    plane = ControlPlane(tmp_path / "plane")
    with pytest.raises(ControlPlaneError, match=r"call start\(\)"):
        plane.admin_kubeconfig()
    plane.stop()
