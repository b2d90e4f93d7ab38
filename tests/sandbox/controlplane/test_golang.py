"""Finding Go."""

import io
from pathlib import Path

import pytest

from gpuwright_sandbox.controlplane.golang import find_or_install_go, is_new_enough
from gpuwright_sandbox.controlplane.versions import Version


def _go(path: Path, version: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho {version}\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("version", "enough"),
    [
        pytest.param("go1.20.14", False, id="cannot-fetch-toolchains"),
        pytest.param("go1.21.0", True, id="oldest"),
        pytest.param("go1.27.3", True, id="newer"),
        pytest.param("devel", False, id="no-release"),
    ],
)
def test_go_must_be_able_to_fetch_the_toolchain_it_is_asked_for(tmp_path: Path, version: str, enough: bool) -> None:
    assert is_new_enough(_go(tmp_path / "go", version)) is enough


def test_a_go_that_does_not_run_is_not_new_enough(tmp_path: Path) -> None:
    assert not is_new_enough(tmp_path / "go")


def test_go_on_the_path_is_used(tmp_path: Path) -> None:
    go = _go(tmp_path / "path" / "go", "go1.26.0")
    assert find_or_install_go(tmp_path / "cache", str(go.parent), Version(1, 26), io.StringIO()) == go


def test_an_old_go_on_the_path_gives_way_to_the_one_kept(tmp_path: Path) -> None:
    old = _go(tmp_path / "path" / "go", "go1.19.8")
    kept = _go(tmp_path / "cache" / "go" / "go" / "bin" / "go", "go1.27.3")
    assert find_or_install_go(tmp_path / "cache", str(old.parent), Version(1, 26), io.StringIO()) == kept
