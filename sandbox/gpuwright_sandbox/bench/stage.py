"""Everything that a run needs, started together: control plane, gateway, provider, operator, driver, audit log."""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from gpuwright_sandbox.bench import driver, venv
from gpuwright_sandbox.bench.audit import AuditTail, Request
from gpuwright_sandbox.bench.driver import Body, Driver
from gpuwright_sandbox.bench.errors import BenchError
from gpuwright_sandbox.bench.subject import Subject
from gpuwright_sandbox.controlplane.plane import ControlPlane
from gpuwright_sandbox.controlplane.selection import Binaries
from gpuwright_sandbox.gateway.process import GatewayProcess
from gpuwright_sandbox.gateway.shapes import Json, dump

USER = "gpuwright-bench-operator"
NAMESPACE = "bench"
PROVIDER = "gateway"
_API = "gpuwright.dev/v1alpha1"
_PROVIDER_SECONDS = 30.0
_LOOK_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Setting:
    """How one run is set up: the provider's spec beside its endpoint, and the gateway's settings.

    `replicas`: with two of them there is an election.
    """

    name: str
    provider: Mapping[str, Json]
    gateway: Mapping[str, Json]
    audit: bool = True
    replicas: int = 1


@dataclass(frozen=True, slots=True)
class Stage:
    """What runs. `subjects` are all replicas, the one that was started first in front."""

    plane: ControlPlane
    gateway: GatewayProcess
    subjects: tuple[Subject, ...]
    driver: Driver
    audit: AuditTail

    @property
    def subject(self) -> Subject:
        """The only replica, or the first one."""
        return self.subjects[0]


@asynccontextmanager
async def staged(setting: Setting, binaries: Binaries, command: Sequence[str]) -> AsyncIterator[Stage]:
    """Start everything anew, the operator last, and end it with the block; the provider is Ready at the start.

    Raises:
        BenchError: something did not start.
    """
    with tempfile.TemporaryDirectory(prefix="gpuwright-bench-", ignore_cleanup_errors=True) as folder:
        plane = ControlPlane(Path(folder), audit=setting.audit, binaries=binaries)
        with plane, GatewayProcess(setting.gateway) as gateway:
            plane.install_crds(venv.REPOSITORY / "crds")
            apply(plane, *surroundings(gateway, setting.provider))
            # As the peer was: in system:masters, so that priority and fairness holds nobody back.
            identity = plane.kubeconfig(USER, ("system:masters",))
            environment = venv.environment(identity, venv.copy_code(Path(folder)))
            subjects = _subjects(setting, command, environment)
            audit = AuditTail(plane.audit_log, USER)
            try:
                async with driver.opened(plane.admin_kubeconfig(), NAMESPACE) as opened:
                    for subject in subjects:
                        subject.start()
                    await _provider_ready(opened)
                    yield Stage(plane, gateway, subjects, opened, audit)
            finally:
                for subject in subjects:
                    subject.stop()


def _subjects(setting: Setting, command: Sequence[str], environment: Mapping[str, str]) -> tuple[Subject, ...]:
    logs = venv.BUILD / "bench-logs"
    if setting.replicas == 1:
        return (Subject(command, environment, logs / f"{setting.name}.log"),)
    election = ("--leader-elect", "--namespace", NAMESPACE)
    paths = (logs / f"{setting.name}-{number}.log" for number in range(1, setting.replicas + 1))
    return tuple(Subject(command, environment, path, election) for path in paths)


def surroundings(gateway: GatewayProcess, provider: Mapping[str, Json]) -> tuple[Body, ...]:
    """Return what instances need: the namespace, the Secret with the token, the provider."""
    namespace: Body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    return (namespace, *provider_of(gateway, PROVIDER, provider))


def provider_of(gateway: GatewayProcess, name: str, settings: Mapping[str, Json]) -> tuple[Body, ...]:
    """Return a provider for a gateway, and the Secret with its token."""
    reference: Json = {"name": f"{name}-token", "key": "token"}
    spec: Body = {"type": "Gateway", "gateway": {"endpoint": gateway.url, "credentialsSecretRef": reference}}
    return (
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": f"{name}-token", "namespace": NAMESPACE},
            "stringData": {"token": gateway.token},
        },
        {
            "apiVersion": _API,
            "kind": "ComputeProvider",
            "metadata": {"name": name, "namespace": NAMESPACE},
            "spec": {**spec, **settings},
        },
    )


def instance(name: str) -> Body:
    """Return a small instance: one GPU, one image, as in examples/instance-minimal.yaml."""
    return {
        "apiVersion": _API,
        "kind": "ComputeInstance",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "providerRef": {"name": PROVIDER},
            "machine": {"gpu": {"type": "H100", "count": 1}, "image": "registry.example/trainer:1"},
        },
    }


async def quiet(audit: AuditTail, seconds: float, at_most: float) -> list[Request]:
    """Return what the operator asked for until it has written nothing for so many seconds.

    Raises:
        BenchError: it did not come to rest in time.
    """
    heard: list[Request] = []
    rest = began = time.monotonic()
    while time.monotonic() - rest < seconds:
        await asyncio.sleep(_LOOK_SECONDS)
        fresh = audit.read()
        heard += fresh
        if any(request.is_write for request in fresh):
            rest = time.monotonic()
        if time.monotonic() - began > at_most:
            raise BenchError(f"the operator still writes after {at_most:.0f} s; the last: {heard[-5:]}")
    return heard


async def _provider_ready(opened: Driver) -> None:
    deadline = time.monotonic() + _PROVIDER_SECONDS
    body = await opened.provider(PROVIDER)
    while not driver.is_true(body, "Ready"):
        if time.monotonic() > deadline:
            raise BenchError(f"the provider is not Ready: {body.get('status')}")
        await asyncio.sleep(_LOOK_SECONDS)
        body = await opened.provider(PROVIDER)


def apply(plane: ControlPlane, *bodies: Body) -> None:
    """Create these objects, as kubectl does. Raises BenchError."""
    listed = {"apiVersion": "v1", "kind": "List", "items": list(bodies)}
    applied = plane.kubectl("apply", "-f", "-", input=dump(listed).decode())
    if applied.returncode != 0:
        raise BenchError(f"kubectl apply: {applied.stderr.strip()}")
