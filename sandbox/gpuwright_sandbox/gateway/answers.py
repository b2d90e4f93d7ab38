"""What clients are told: the machine as the API shows it, and errors in the API's shape."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus

from gpuwright_sandbox.gateway.machines import Machine, MachineState, Protocol
from gpuwright_sandbox.gateway.shapes import Json, as_json, dump

CODES = {
    400: "invalid_spec",
    401: "unauthorized",
    403: "quota",
    404: "not_found",
    409: "name_conflict",
    410: "gone",
    422: "invalid_spec",
    429: "rate_limited",
    500: "internal",
    503: "no_placement",
}
CURRENCY = "USD"
GATE = "203.0.113.9"
FIRST_PORT, PORTS = 20000, 40000


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; a `body` of bytes is sent as it is, anything else as JSON, and None is no body at all.

    Attributes:
        notify: (url, payload) to be posted when the work that was accepted is done; None = nobody.
    """

    status: int
    body: "Json | bytes" = None
    headers: Mapping[str, str] = field(default_factory=dict)
    notify: tuple[str, Json] | None = None

    @property
    def content(self) -> bytes:
        """The body as bytes."""
        if self.body is None:
            return b""
        return self.body if isinstance(self.body, bytes) else dump(self.body)

    @property
    def content_type(self) -> str:
        """Pages that are no JSON come from something in between, and that speaks HTML."""
        return "text/html; charset=utf-8" if isinstance(self.body, bytes) else "application/json"


class RefusedError(Exception):
    """The call is not carried out.

    Attributes:
        answer: what the client is told.
    """

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"{answer.status}: {answer.body!r}")
        self.answer = answer


def refusal(status: int, message: str, code: str = "", field_name: str = "", **beside: Json) -> RefusedError:
    """Return a refusal in the API's error shape.

    Args:
        status: HTTP status.
        message: for people.
        code: for programs; empty = the one that goes with the status.
        field_name: the field of the request that is wrong; empty = none.
        beside: goes next to the error.
    """
    error: dict[str, Json] = {"code": code or CODES.get(status, "internal"), "message": message}
    if field_name:
        error["field"] = field_name
    return RefusedError(Answer(status, {"error": error, **beside}))


def page_answer(status: int) -> Answer:
    """Return what a proxy or a server without such a path says: a page, not the API's error shape."""
    phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else "Error"
    return Answer(status, f"<html><body><h1>{status} {phrase}</h1></body></html>\n".encode())


def represent(machine: Machine, skew_seconds: float = 0.0) -> dict[str, Json]:
    """Return a machine as the API shows it."""
    request = machine.request
    shown: dict[str, Json] = {
        "id": machine.id,
        "name": machine.name,
        "state": _word(machine.state),
        "image": request.image,
        "cpu": request.cpu,
        "memory_gb": request.memory_gb,
        "gpu": None if request.gpu is None else {"type": request.gpu.type, "count": request.gpu.count},
        "region": request.region or "local",
        "zone": request.zone or "local-a",
        "instance_type": request.instance_type,
        "purchase": request.purchase,
        "labels": dict(request.labels),
        "metadata": _plain(request.metadata),
        "addresses": _addresses(machine),
        "endpoints": _endpoints(machine),
        "price_per_hour": machine.price_per_hour,
        "currency": CURRENCY,
        "created_at": _time(machine.created_at + timedelta(seconds=skew_seconds)),
    }
    if machine.reason:
        shown["reason"] = machine.reason
    return shown


def reveal(machine: Machine, now: datetime) -> dict[str, Json]:
    """Return a machine as it truly is: all of the record, whether it is alive, and the US dollars that it billed."""
    record = as_json(machine)
    return {
        **(record if isinstance(record, dict) else {}),
        "alive": machine.alive,
        "owner_uid": machine.owner_uid,
        "incarnation": machine.incarnation,
        "billed": round(machine.billed(now), 6),
    }


def _word(state: MachineState) -> str:
    # The API has no word of its own for powering on.
    return "provisioning" if state is MachineState.STARTING else state.value


def _addresses(machine: Machine) -> list[Json]:
    if machine.state is not MachineState.RUNNING:
        return []
    high, low = divmod(machine.serial, 250)
    return [{"type": "InternalIP", "address": f"10.{high // 256 % 256}.{high % 256}.{low + 2}"}]


def _endpoints(machine: Machine) -> list[Json]:
    """Ports of all machines are behind one address, as where addresses are dear; made up, like the addresses."""
    if machine.state is not MachineState.RUNNING:
        return []
    found: list[Json] = []
    for place, port in enumerate(machine.request.ports):
        if port.protocol is Protocol.HTTP:
            found.append(
                {"name": port.name, "port": port.port, "url": f"https://{machine.id}-{port.port}.sandbox.test"}
            )
        else:
            outside = FIRST_PORT + (16 * machine.serial + place) % PORTS
            found.append({"name": port.name, "port": port.port, "address": GATE, "external_port": outside})
    return found


def _plain(values: Mapping[str, object]) -> Json:
    # They came as JSON, so they are JSON; the type only forgot it.
    plain: dict[str, Json] = {}
    for key, value in values.items():
        plain[key] = value if isinstance(value, None | bool | int | float | str | list | dict) else str(value)
    return plain


def _time(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
