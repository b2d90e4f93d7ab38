"""Bodies of the calls that make something, read and checked field by field."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from gpuwright_sandbox.gateway.fleet import Order
from gpuwright_sandbox.gateway.images import MachineConfig
from gpuwright_sandbox.gateway.machines import Gpu, MachineRequest
from gpuwright_sandbox.gateway.shapes import Json, read

LONGEST_NAME = 253


@dataclass(frozen=True, slots=True)
class Callback:
    """Whom to tell when accepted work is done; the metadata is sent back as it is."""

    url: str
    metadata: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SnapshotBody:
    """Body of a snapshot call."""

    callback: Callback | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreBody:
    """Body of a restore call; cores and GiB."""

    name: str
    cpu: float
    memory_gb: float
    metadata: Mapping[str, object] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplatesBody:
    """Body of a templates call."""

    image: str
    machine_configs: tuple[MachineConfig, ...]
    background: bool = False
    callback: Callback | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _CreateBody(MachineRequest):
    name: str


class UnfitError(ValueError):
    """A field has the right type and a value that no machine can have; attributes as in FieldError."""

    def __init__(self, field_name: str, problem: str) -> None:
        super().__init__(f"{field_name}: {problem}")
        self.field = field_name


def read_create(payload: Json, account: str) -> Order:
    """Return what a create asks for.

    Raises:
        FieldError: a field is missing, unknown or of another type.
        UnfitError: a field has a value out of range.
    """
    body = read(_CreateBody, payload)
    request = MachineRequest(**{item.name: getattr(body, item.name) for item in fields(MachineRequest)})
    return _fit(Order(name=body.name, request=request, account=account))


def read_restore(payload: Json, account: str, image: str) -> Order:
    """Return what a restore asks for; raises as `read_create`."""
    body = read(RestoreBody, payload)
    request = MachineRequest(
        image=image, cpu=body.cpu, memory_gb=body.memory_gb, metadata=body.metadata, labels=body.labels
    )
    return _fit(Order(name=body.name, request=request, account=account))


def _fit(order: Order) -> Order:
    request = order.request
    _require(0 < len(order.name) <= LONGEST_NAME, "name", f"must have 1 to {LONGEST_NAME} characters")
    _require(order.name.isprintable(), "name", "must be printable")
    _require(request.image != "", "image", "must not be empty")
    _require(request.cpu > 0, "cpu", "must be above 0 cores")
    _require(request.memory_gb > 0, "memory_gb", "must be above 0 GiB")
    _require(request.disk_gb is None or request.disk_gb > 0, "disk_gb", "must be above 0 GiB")
    _fit_gpu(request.gpu)
    for place, port in enumerate(request.ports):
        _require(port.name != "", f"ports[{place}].name", "must not be empty")
        _require(0 < port.port < 65536, f"ports[{place}].port", "must be from 1 to 65535")
    return order


def _fit_gpu(gpu: Gpu | None) -> None:
    if gpu is not None:
        _require(gpu.type != "", "gpu.type", "must not be empty")
        _require(gpu.count >= 1, "gpu.count", "must be at least 1")


def _require(fits: bool, field_name: str, problem: str) -> None:
    if not fits:
        raise UnfitError(field_name, problem)
