"""ComputeInstance.spec.machine.ports: what can be reached from outside."""

from typing import Any

import pytest
from pydantic import ValidationError

from gpuwright.model.api_base import sentences
from gpuwright.model.machine_spec import MachineSpec
from gpuwright.model.port_spec import MAX_PORTS, TWICE, Port, Protocol

SSH = {"name": "ssh", "port": 22}


def ports(*entries: dict[str, Any]) -> list[Port]:
    return MachineSpec.model_validate({"gpu": {"type": "H100"}, "ports": [*entries]}).ports


def refusal(*entries: dict[str, Any]) -> tuple[str, ...]:
    with pytest.raises(ValidationError) as caught:
        ports(*entries)
    return sentences(caught.value, "machine")


def test_a_port_is_tcp_where_nothing_is_said() -> None:
    (ssh,) = ports(SSH)
    assert (ssh.protocol, ssh.spoken) == (None, Protocol.TCP)


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        pytest.param({"port": 22}, "0.name: Field required", id="no name"),
        pytest.param({"name": "ssh"}, "0.port: Field required", id="no port"),
        pytest.param({"name": "SSH", "port": 22}, "0.name: must be a name of lower-case", id="upper case"),
        pytest.param({"name": "a.b", "port": 22}, "0.name: must be a name of lower-case", id="a dot"),
        pytest.param({"name": "a" * 64, "port": 22}, "0.name: String should have at most 63", id="too long"),
        pytest.param({"name": "a", "port": 0}, "0.port: Input should be greater", id="nought"),
        pytest.param({"name": "a", "port": 65536}, "0.port: Input should be less", id="too large"),
        pytest.param({"name": "a", "port": "22"}, "0.port: Input should be a valid integer", id="text"),
        pytest.param({"name": "a", "port": 22, "protocol": "tcp"}, "0.protocol: Input should be 'TCP'", id="a word"),
    ],
)
def test_what_is_no_port_is_refused_with_what_to_write(entry: dict[str, Any], sentence: str) -> None:
    assert refusal(entry)[0].startswith(f"machine.ports.{sentence}")


def test_a_name_stands_there_once() -> None:
    assert refusal(SSH, {"name": "ssh", "port": 23}) == ("machine.ports: each name may stand there once",)


def test_a_port_stands_there_once_for_each_protocol() -> None:
    assert len(ports(SSH, {"name": "a", "port": 22, "protocol": "UDP"}, {"name": "b", "port": 23})) == 3
    assert refusal(SSH, {"name": "a", "port": 22, "protocol": "TCP"}) == (f"machine.ports: {TWICE}",)


def test_there_are_at_most_sixteen() -> None:
    entries = [{"name": f"a{number}", "port": number} for number in range(1, MAX_PORTS + 2)]
    assert len(ports(*entries[:-1])) == MAX_PORTS
    assert refusal(*entries)
