"""Which of the programs found are used."""

from pathlib import Path

import pytest

from gpuwright_sandbox.controlplane.selection import Binaries, Source, Tool, choose, within_one_minor
from gpuwright_sandbox.controlplane.versions import PROGRAMS, Program, Version

PINNED = Version(1, 37, 1)
SERVERS: tuple[Program, ...] = ("kube-apiserver", "kube-controller-manager")


def _source(name: str, **versions: Version) -> Source:
    """One source; the keywords are program names with underscores."""
    tools: dict[Program, Tool] = {}
    for program in PROGRAMS:
        version = versions.get(program.replace("-", "_"))
        if version is not None:
            tools[program] = Tool(Path(name) / program, version, name)
    return tools


def _all(name: str, kube: Version) -> Source:
    return _source(name, etcd=Version(3, 7), kube_apiserver=kube, kube_controller_manager=kube, kubectl=kube)


def _sources(chosen: dict[Program, Tool]) -> dict[Program, str]:
    return {program: tool.source for program, tool in chosen.items()}


def test_the_first_complete_source_wins() -> None:
    chosen = choose([_all("first", Version(1, 33)), _all("second", PINNED)], PINNED)
    assert set(_sources(chosen).values()) == {"first"}
    assert Binaries.of(chosen).by_program() == chosen


def test_nothing_found_leaves_everything_to_be_made() -> None:
    assert choose([{}, {}], PINNED) == {}


def test_servers_of_two_releases_in_one_source_are_not_used() -> None:
    mixed = _source("mixed", kube_apiserver=Version(1, 36), kube_controller_manager=PINNED)
    assert not set(SERVERS) & set(choose([mixed], PINNED))


def test_servers_are_never_taken_from_two_sources() -> None:
    halves = [_source("a", kube_apiserver=PINNED), _source("b", kube_controller_manager=PINNED)]
    assert choose(halves, PINNED) == {}


@pytest.mark.parametrize(
    ("kube", "used"),
    [
        pytest.param(Version(1, 31, 9), False, id="just-too-old"),
        pytest.param(Version(1, 32, 0), True, id="oldest"),
        pytest.param(Version(1, 32, 1), True, id="newer"),
    ],
)
def test_servers_must_be_new_enough(kube: Version, used: bool) -> None:
    assert ("kube-apiserver" in choose([_all("path", kube)], PINNED)) is used


@pytest.mark.parametrize(
    ("etcd", "used"),
    [
        pytest.param(Version(3, 4, 99), False, id="just-too-old"),
        pytest.param(Version(3, 5, 0), True, id="oldest"),
        pytest.param(Version(3, 6, 0), True, id="newer"),
    ],
)
def test_etcd_must_be_new_enough(etcd: Version, used: bool) -> None:
    assert ("etcd" in choose([_source("path", etcd=etcd)], PINNED)) is used


def test_etcd_may_come_from_another_source_than_the_servers() -> None:
    chosen = choose([_source("path", etcd=Version(3, 5)), _all("cache", PINNED)], PINNED)
    assert _sources(chosen)["etcd"] == "path"
    assert _sources(chosen)["kube-apiserver"] == "cache"


def test_kubectl_of_the_servers_own_source_is_preferred() -> None:
    chosen = choose([_source("path", kubectl=Version(1, 36)), _all("cache", PINNED)], PINNED)
    assert _sources(chosen)["kubectl"] == "cache"


@pytest.mark.parametrize(
    ("kubectl", "used"),
    [
        pytest.param(Version(1, 35), False, id="two-behind"),
        pytest.param(Version(1, 36), True, id="one-behind"),
        pytest.param(Version(1, 38), True, id="one-ahead"),
        pytest.param(Version(1, 39), False, id="two-ahead"),
    ],
)
def test_kubectl_of_another_source_must_be_within_one_minor(kubectl: Version, used: bool) -> None:
    servers = _source("cache", kube_apiserver=PINNED, kube_controller_manager=PINNED)
    chosen = choose([_source("path", kubectl=kubectl), servers], PINNED)
    assert ("kubectl" in chosen) is used
    assert set(SERVERS) <= set(chosen)


def test_servers_are_passed_over_when_no_kubectl_could_go_with_them() -> None:
    old = _source("assets", kube_apiserver=Version(1, 33), kube_controller_manager=Version(1, 33))
    assert choose([old], PINNED) == {}
    assert _sources(choose([old, _all("cache", PINNED)], PINNED))["kube-apiserver"] == "cache"


def test_releases_of_two_majors_do_not_go_together() -> None:
    assert not within_one_minor(Version(1, 37), Version(2, 37))
