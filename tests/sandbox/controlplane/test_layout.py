"""Folders and ports."""

import socket
import threading
from pathlib import Path

from gpuwright_sandbox.controlplane.layout import Layout, is_free, take_ports


def test_folders_that_hold_keys_are_for_their_owner_only(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "new" / "plane")
    layout.create()
    assert layout.pki.stat().st_mode & 0o777 == 0o700
    assert layout.log("etcd").parent.is_dir()


def test_creating_twice_is_fine(tmp_path: Path) -> None:
    Layout(tmp_path).create()
    Layout(tmp_path).create()


def test_ports_differ_and_are_kept(tmp_path: Path) -> None:
    ports = take_ports(tmp_path / "ports.json")
    assert len({ports.etcd, ports.apiserver, ports.controller_manager}) == 3
    assert take_ports(tmp_path / "ports.json") == ports


def test_other_ports_are_taken_when_one_of_those_kept_is_in_use(tmp_path: Path) -> None:
    ports = take_ports(tmp_path / "ports.json")
    with socket.socket() as somebody:
        somebody.bind(("127.0.0.1", ports.apiserver))
        somebody.listen()
        assert not is_free(ports.apiserver)
        others = take_ports(tmp_path / "ports.json")
    assert others.apiserver != ports.apiserver
    assert take_ports(tmp_path / "ports.json") == others


def test_ports_that_a_dying_process_still_holds_are_waited_for(tmp_path: Path) -> None:
    ports = take_ports(tmp_path / "ports.json")
    dying = socket.socket()
    dying.bind(("127.0.0.1", ports.etcd))
    dying.listen()
    timer = threading.Timer(0.5, dying.close)
    timer.start()
    assert take_ports(tmp_path / "ports.json") == ports
    timer.join()
