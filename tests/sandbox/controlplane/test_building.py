"""The go command that builds a program."""

import io
from pathlib import Path

import pytest

from gpuwright_sandbox.controlplane.building import Workshop, build, build_environment, estimate, linker_flags
from gpuwright_sandbox.controlplane.errors import BinariesMissingError
from gpuwright_sandbox.controlplane.versions import Pins, Version


def _workshop(folder: Path, script: str) -> Workshop:
    go = folder / "go"
    go.write_text(f"#!/bin/sh\n{script}\n")
    go.chmod(0o755)
    return Workshop(go, folder, Pins(Version(1, 37, 1), Version(3, 7), Version(1, 26), "digest"), folder / "build.log")


def test_go_gets_the_package_the_flags_and_the_target(tmp_path: Path) -> None:
    workshop = _workshop(tmp_path, 'for last; do :; done; echo "$1 $2 $last $CGO_ENABLED" > "$6"')
    out = io.StringIO()
    build("kubectl", tmp_path / "made", workshop, "1 of 4", out)
    assert (tmp_path / "made").read_text() == "build -trimpath k8s.io/kubernetes/cmd/kubectl 0\n"
    assert out.getvalue().startswith("building kubectl (1 of 4), about ")
    assert out.getvalue().endswith(" s\n")


def test_a_failed_build_names_its_log_and_what_it_needs(tmp_path: Path) -> None:
    workshop = _workshop(tmp_path, "echo no space left; exit 1")
    with pytest.raises(BinariesMissingError, match=r"build\.log.*5 GB"):
        build("etcd", tmp_path / "made", workshop, "1 of 1", io.StringIO())
    assert "no space left" in workshop.log.read_text()


def test_the_release_is_linked_into_the_programs() -> None:
    flags = linker_flags(Version(1, 37, 1))
    assert flags.startswith("-s -w -X ")
    assert "-X k8s.io/component-base/version.gitVersion=v1.37.1" in flags
    assert "-X k8s.io/component-base/version.gitMinor=37" in flags


def test_settings_of_the_user_do_not_change_what_is_built() -> None:
    environment = build_environment({"GOFLAGS": "-mod=vendor", "GOOS": "plan9", "GOPROXY": "https://proxy"})
    assert environment["GOFLAGS"] == "-mod=readonly"
    assert environment["GOPROXY"] == "https://proxy"
    assert "GOOS" not in environment


@pytest.mark.parametrize(
    ("cores", "words"),
    [
        pytest.param(1, "about 6 minutes on 1 core", id="one-core"),
        pytest.param(2, "about 3 minutes on 2 cores", id="two-cores"),
        pytest.param(64, "about 1 minute on 64 cores", id="never-less-than-a-minute"),
    ],
)
def test_the_estimate_scales_with_the_cores(cores: int, words: str) -> None:
    assert estimate("kube-controller-manager", cores) == words
