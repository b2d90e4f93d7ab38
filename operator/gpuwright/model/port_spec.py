"""What can be reached from outside: ComputeInstance.spec.machine.ports."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from gpuwright.model.api_base import LABEL, ApiModel, Must, distinct, must_match, no_label

MAX_PORTS = 16
TWICE = "each port may stand there once with the same protocol, and TCP is the same as none: leave one of them out"


class Protocol(StrEnum):
    """What is spoken there. HTTP is for providers that put a proxy in front of it; others open it as TCP."""

    TCP = "TCP"
    UDP = "UDP"
    HTTP = "HTTP"


class Port(ApiModel):
    """One port of the machine. Its protocol has no default in the schema: that would make every apply a change."""

    name: Annotated[
        str,
        StringConstraints(max_length=63),
        must_match(LABEL, no_label("ssh")),
    ] = Field(description="Such as ssh. What status.machine.endpoints calls it. Required.")
    port: Annotated[int, Field(strict=True, ge=1, le=65535)] = Field(
        description="Such as 22. The port inside the machine, 1 to 65535. Required."
    )
    protocol: Protocol | None = Field(
        None,
        description="TCP, UDP or HTTP. HTTP is what a provider may put a proxy with a URL in front of; where it has "
        "none, it is the same as TCP. Default: TCP.",
    )

    @property
    def spoken(self) -> Protocol:
        """Return the protocol, where none is written too."""
        return self.protocol or Protocol.TCP


def _name_of(port: Port) -> str:
    return port.name


def _are_different(ports: list[Port]) -> bool:
    return len({(port.port, port.spoken) for port in ports}) == len(ports)


_SPOKEN = "(has({0}.protocol) ? {0}.protocol : 'TCP')"
_SAME = f"q.port == p.port && {_SPOKEN.format('q')} == {_SPOKEN.format('p')}"
Ports = Annotated[
    list[Port],
    Field(max_length=MAX_PORTS),
    distinct(_name_of, "each name may stand there once"),
    Must(f"self.all(p, self.exists_one(q, {_SAME}))", _are_different, TWICE),
]
