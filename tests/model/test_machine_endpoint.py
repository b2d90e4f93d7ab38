"""What status.machine.endpoints says."""

import pytest

from gpuwright.model.machine_endpoint import MachineEndpoint, is_port


def test_what_is_not_known_is_left_out() -> None:
    assert MachineEndpoint("ssh", 22, "203.0.113.9", 31022).recorded() == {
        "name": "ssh",
        "port": 22,
        "address": "203.0.113.9",
        "externalPort": 31022,
    }
    assert MachineEndpoint(port=8888, url="https://web.example").recorded() == {
        "port": 8888,
        "url": "https://web.example",
    }


@pytest.mark.parametrize(
    ("value", "so"),
    [(1, True), (65535, True), (0, False), (65536, False), (-1, False), (True, False), ("22", False), (22.0, False)],
)
def test_a_port_is_a_number_from_1_to_65535(value: object, so: bool) -> None:
    assert is_port(value) is so
