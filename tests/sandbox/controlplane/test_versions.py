"""Versions: printed, pinned, ordered."""

from pathlib import Path

import pytest

from gpuwright_sandbox.controlplane.versions import Version, parse_version, read_pins, read_version

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    ("text", "version"),
    [
        pytest.param("Kubernetes v1.37.1\n", Version(1, 37, 1), id="kube-apiserver"),
        pytest.param("etcd Version: 3.7.0\nGit SHA: 1\nGo Version: go1.26.8\n", Version(3, 7, 0), id="etcd"),
        pytest.param("Client Version: v1.32.4-dispatcher\nKustomize Version: v5.5.0\n", Version(1, 32, 4), id="suffix"),
        pytest.param("1.26", Version(1, 26, 0), id="no-patch-is-patch-0"),
        pytest.param("no version here", None, id="none"),
        pytest.param("", None, id="empty"),
    ],
)
def test_reads_the_first_version_of_a_text(text: str, version: Version | None) -> None:
    assert parse_version(text) == version


def test_versions_are_ordered_by_number_not_by_letter() -> None:
    assert Version(1, 9) < Version(1, 10) < Version(1, 10, 1)


def test_a_version_prints_as_its_release_tag() -> None:
    assert str(Version(1, 37)) == "v1.37.0"


@pytest.mark.parametrize(
    "script",
    [
        pytest.param("exit 1", id="fails"),
        pytest.param("echo unknown", id="prints-none"),
    ],
)
def test_a_program_that_says_no_version_has_none(tmp_path: Path, script: str) -> None:
    program = tmp_path / "etcd"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    assert read_version("etcd", program) is None


def test_a_program_that_does_not_run_has_no_version(tmp_path: Path) -> None:
    assert read_version("etcd", tmp_path / "etcd") is None


def _write_modules(folder: Path, go_mod: str, go_sum: str = "") -> Path:
    (folder / "go.mod").write_text(go_mod)
    (folder / "go.sum").write_text(go_sum)
    return folder


GO_MOD = """module x

go 1.26.0

require (
	go.etcd.io/etcd/server/v3 v3.7.0 // indirect
	k8s.io/kubernetes v1.37.1 // indirect
)
"""


def test_pins_are_read_from_the_modules(tmp_path: Path) -> None:
    pins = read_pins(_write_modules(tmp_path, GO_MOD))
    assert (pins.kube, pins.etcd, pins.go) == (Version(1, 37, 1), Version(3, 7, 0), Version(1, 26, 0))
    assert (pins.of("etcd"), pins.of("kubectl")) == (pins.etcd, pins.kube)


def test_the_key_changes_with_go_sum_and_starts_with_the_release(tmp_path: Path) -> None:
    before = read_pins(_write_modules(tmp_path, GO_MOD))
    after = read_pins(_write_modules(tmp_path, GO_MOD, "changed"))
    assert before.key != after.key
    assert after.key.startswith("v1.37.1-")


def test_a_go_mod_without_etcd_says_which_line_it_lacks(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="etcd"):
        read_pins(_write_modules(tmp_path, GO_MOD.replace("etcd/server", "other")))


def test_the_modules_of_this_repository_pin_all_that_is_needed() -> None:
    pins = read_pins(REPOSITORY / "hack" / "controlplane")
    assert pins.kube >= Version(1, 32)
    assert pins.etcd >= Version(3, 5)
