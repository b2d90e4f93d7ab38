"""Finding programs: on PATH, in KUBEBUILDER_ASSETS, in the cache."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from gpuwright_sandbox.controlplane.binaries import Places, find, find_all
from gpuwright_sandbox.controlplane.errors import BinariesMissingError
from gpuwright_sandbox.controlplane.versions import PROGRAMS, Program, Version, read_pins

GO_MOD = "module x\n\ngo 1.26.0\n\nrequire (\n\tgo.etcd.io/etcd/server/v3 v3.7.0\n\tk8s.io/kubernetes v1.37.1\n)\n"


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """Empty folders, and modules that pin 1.37.1 and 3.7.0."""
    for name in ("path", "assets", "cache", "modules"):
        (tmp_path / name).mkdir()
    (tmp_path / "modules" / "go.mod").write_text(GO_MOD)
    (tmp_path / "modules" / "go.sum").write_text("")
    return Places(
        search_path=str(tmp_path / "path"),
        assets=tmp_path / "assets",
        cache=tmp_path / "cache",
        modules=tmp_path / "modules",
        may_download=False,
    )


def _put(folder: Path, versions: Mapping[Program, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for program, version in versions.items():
        (folder / program).write_text(f"#!/bin/sh\necho {version}\n")
        (folder / program).chmod(0o755)


def _all(kube: str, etcd: str) -> dict[Program, str]:
    return {"etcd": etcd, "kube-apiserver": kube, "kube-controller-manager": kube, "kubectl": kube}


def test_programs_on_the_path_come_first(places: Places) -> None:
    _put(Path(places.search_path), _all("v1.33.2", "3.5.1"))
    _put(places.cache / read_pins(places.modules).key, _all("v1.37.1", "3.7.0"))
    binaries = find_all(places)
    assert {tool.source for tool in binaries.by_program().values()} == {"PATH"}
    assert binaries.kube_apiserver.version == Version(1, 33, 2)


def test_assets_without_a_controller_manager_give_etcd_only(places: Places) -> None:
    assets = _all("v1.37.0", "3.6.4")
    del assets["kube-controller-manager"]
    assert places.assets is not None
    _put(places.assets, assets)
    _put(places.cache / read_pins(places.modules).key, _all("v1.37.1", "3.7.0"))
    sources = {program: tool.source for program, tool in find_all(places).by_program().items()}
    assert sources == {
        "etcd": "KUBEBUILDER_ASSETS",
        "kube-apiserver": "cache",
        "kube-controller-manager": "cache",
        "kubectl": "cache",
    }


def test_programs_in_the_cache_are_not_asked_for_their_version(places: Places) -> None:
    _put(places.cache / read_pins(places.modules).key, _all("would say nonsense", "would say nonsense"))
    tools, pins = find(places)
    assert {program: tool.version for program, tool in tools.items()} == {p: pins.of(p) for p in PROGRAMS}


def test_a_cache_of_other_pins_is_not_used(places: Places) -> None:
    _put(places.cache / read_pins(places.modules).key, _all("v1.37.1", "3.7.0"))
    (places.modules / "go.sum").write_text("changed")
    assert find(places)[0] == {}


def test_a_program_on_the_path_that_is_too_old_is_passed_over(places: Places) -> None:
    _put(Path(places.search_path), {"etcd": "3.4.9"})
    assert find(places)[0] == {}


def test_what_is_missing_is_named_with_the_command_that_makes_it(places: Places) -> None:
    _put(Path(places.search_path), {"etcd": "3.7.0"})
    with pytest.raises(BinariesMissingError, match=r"kube-apiserver, .*kubectl: not found; run `make tools`"):
        find_all(places)


def test_without_the_modules_a_clone_is_asked_for(places: Places) -> None:
    (places.modules / "go.mod").unlink()
    with pytest.raises(BinariesMissingError, match="clone"):
        find_all(places)


def test_places_are_read_from_the_environment(tmp_path: Path) -> None:
    environment = {"XDG_CACHE_HOME": str(tmp_path), "KUBEBUILDER_ASSETS": "/assets", "GPUWRIGHT_NO_DOWNLOAD": "1"}
    places = Places.of_environment({"PATH": "/bin", **environment})
    assert places.cache == tmp_path / "gpuwright" / "controlplane"
    assert (places.search_path, places.assets, places.may_download) == ("/bin", Path("/assets"), False)
    assert (places.modules / "go.mod").is_file()


def test_empty_variables_count_as_absent() -> None:
    places = Places.of_environment({"XDG_CACHE_HOME": "", "KUBEBUILDER_ASSETS": "", "GPUWRIGHT_NO_DOWNLOAD": ""})
    assert places.cache == Path.home() / ".cache" / "gpuwright" / "controlplane"
    assert places.assets is None
    assert places.may_download
