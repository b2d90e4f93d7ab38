"""Ports of a pod: asked for in RunPod's words, and found again under their names."""

from typing import Any

import pytest

from gpuwright.adapters.runpod_ports import ENV_PORTS, endpoints_of, names_text, word_of
from gpuwright.model.machine_endpoint import MOST, MachineEndpoint
from gpuwright.model.port_spec import Port, Protocol

SSH, WEB = Port(name="ssh", port=22), Port(name="web", port=8888, protocol=Protocol.HTTP)
OPEN = {"private": 22, "public": 34446, "type": "tcp", "ip": "195.26.233.3"}


def pod(**changes: Any) -> dict[str, Any]:
    told = {"id": "7h9k2m4n6p", "ports": ["22/tcp", "8888/http"], "runtime": {"ports": [OPEN]}}
    return {**told, "env": {ENV_PORTS: names_text([SSH, WEB])}, **changes}


def test_a_port_in_runpods_words() -> None:
    assert [word_of(port) for port in (SSH, WEB)] == ["22/tcp", "8888/http"]
    assert names_text([SSH, WEB]) == "ssh=22/tcp,web=8888/http"


def test_ports_come_back_under_their_names() -> None:
    url = "https://7h9k2m4n6p-8888.proxy.runpod.net"
    assert endpoints_of(pod()) == (
        MachineEndpoint("ssh", 22, "195.26.233.3", 34446),
        MachineEndpoint("web", 8888, url=url),
    )


@pytest.mark.parametrize("env", [None, {}, {ENV_PORTS: 7}, {ENV_PORTS: ""}, {ENV_PORTS: ",=,x"}])
def test_a_pod_whose_names_somebody_took_away_is_reached_all_the_same(env: Any) -> None:
    assert [(way.name, way.port) for way in endpoints_of(pod(env=env))] == [("", 22), ("", 8888)]


@pytest.mark.parametrize("runtime", [None, 7, []])
def test_a_pod_that_does_not_run_is_not_reached(runtime: Any) -> None:
    assert endpoints_of(pod(runtime=runtime)) == ()


@pytest.mark.parametrize(
    "entry",
    [
        7,
        {**OPEN, "private": 23},
        {**OPEN, "type": "http"},
        {**OPEN, "ip": None},
        {**OPEN, "public": None},
        {**OPEN, "public": 0},
        {**OPEN, "public": True},
    ],
)
def test_a_port_that_is_not_open_yet_is_left_out(entry: Any) -> None:
    assert [way.name for way in endpoints_of(pod(runtime={"ports": [entry]}))] == ["web"]
    assert [way.name for way in endpoints_of(pod(runtime={"ports": entry}))] == ["web"]


@pytest.mark.parametrize("ports", [None, 7, "22/tcp", [], [7], ["22"], ["ssh/tcp"], ["0/http"], ["65536/http"], [""]])
def test_what_is_no_port_is_left_out(ports: Any) -> None:
    assert endpoints_of(pod(ports=ports)) == ()


def test_no_more_are_told_than_the_status_holds() -> None:
    assert len(endpoints_of(pod(ports=[f"{number}/http" for number in range(1, MOST + 2)]))) == MOST
