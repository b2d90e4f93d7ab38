"""Programs of one Go module each: what PATH has counts if it is the right one, and what is missing is told."""

import io
from pathlib import Path

import pytest
from hack.programs import IN_GO

from gpuwright_sandbox import go_tools
from gpuwright_sandbox.chart_tools import HELM3, HELM4, KUBECONFORM
from gpuwright_sandbox.chart_tools import TOOLS as OF_THE_CHART
from gpuwright_sandbox.controlplane.errors import BinariesMissingError
from gpuwright_sandbox.controlplane.versions import Version
from gpuwright_sandbox.go_tools import GoTool, find, kept, pinned

TOOLS = (*OF_THE_CHART, *IN_GO.values())


def program(folder: Path, name: str, version: str) -> Path:
    """Return a program that prints a version."""
    path = folder / name
    path.write_text(f"#!/bin/sh\necho {version}\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_each_is_pinned_by_its_folder(tool: GoTool) -> None:
    assert pinned(tool) > Version(0, 1)
    assert (go_tools._HACK / tool.name / "go.sum").stat().st_size > 0


@pytest.mark.parametrize("tool", IN_GO.values(), ids=lambda tool: tool.name)
def test_where_any_release_will_do_the_one_on_path_is_taken(tmp_path: Path, tool: GoTool) -> None:
    there = program(tmp_path, tool.program, "nothing that tells")
    assert find(tool, {"PATH": f"{tmp_path}:/bin", "XDG_CACHE_HOME": str(tmp_path / "cache")}) == there


@pytest.mark.parametrize(("tool", "version"), [(HELM3, "v3.17.0+g1"), (HELM4, "v4.0.1"), (KUBECONFORM, "v0.6.7")])
def test_the_right_one_on_path_is_taken(tmp_path: Path, tool: GoTool, version: str) -> None:
    there = program(tmp_path, tool.program, version)
    assert find(tool, {"PATH": f"{tmp_path}:/bin", "XDG_CACHE_HOME": str(tmp_path / "cache")}) == there


def test_another_major_release_on_path_is_not(tmp_path: Path) -> None:
    program(tmp_path, "helm", "v3.17.0")
    with pytest.raises(BinariesMissingError, match="helm4: not found; run `make chart-tools`"):
        find(HELM4, {"PATH": f"{tmp_path}:/bin", "XDG_CACHE_HOME": str(tmp_path / "cache")})


def test_what_was_built_before_is_taken_from_the_cache(tmp_path: Path) -> None:
    environment = {"PATH": "/bin", "XDG_CACHE_HOME": str(tmp_path)}
    place = go_tools._place(HELM4, environment)
    place.parent.mkdir(parents=True)
    place.write_text("")
    assert kept(HELM4, environment).find_or_make(io.StringIO()) == place


def test_a_change_of_the_pins_is_another_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = go_tools._place(HELM4, {"XDG_CACHE_HOME": "/cache"})
    (tmp_path / "helm4").mkdir()
    for name in ("go.mod", "go.sum"):
        (tmp_path / "helm4" / name).write_bytes((go_tools._HACK / "helm4" / name).read_bytes() + b"\n")
    monkeypatch.setattr(go_tools, "_HACK", tmp_path)
    assert go_tools._place(HELM4, {"XDG_CACHE_HOME": "/cache"}) != before


def test_helm_3_is_told_which_kubernetes_it_speaks() -> None:
    flags = go_tools._linker_flags(HELM3)
    assert "pkg/chartutil.k8sVersionMinor=3" in flags
    assert "MINOR" not in flags
    assert f"version.version={pinned(HELM3)}" in flags


def test_outside_a_clone_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(go_tools, "_HACK", tmp_path)
    with pytest.raises(BinariesMissingError, match="run from a clone"):
        pinned(HELM3)


def test_a_pin_that_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "promtool").mkdir()
    (tmp_path / "promtool" / "go.mod").write_text("module x\n")
    monkeypatch.setattr(go_tools, "_HACK", tmp_path)
    with pytest.raises(ValueError, match=r"pins no github\.com/prometheus/prometheus"):
        pinned(IN_GO["promtool"])
