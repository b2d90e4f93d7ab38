"""One place to play in: a namespace, a gateway, a door before each, and operators that come and go there."""

import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.campaign.l3_door import Door, LetPass
from tests.campaign.l3_operator import Operator, socket_holder
from tests.campaign.trace import Restarted
from tests.e2e.cluster import NAMESPACES, Cluster, wait_for
from tests.e2e.history import History
from tests.e2e.stage import Stage
from tests.e2e.world import FAST_BOOT, World

from gpuwright_sandbox.controlplane.plane import ControlPlane
from gpuwright_sandbox.gateway.process import GatewayProcess

PATIENCE_SECONDS = 150.0
PROVIDER = "gateway"


@dataclass(frozen=True, slots=True)
class Ground:
    """What all places share: the control plane, and the operator's sources."""

    plane: ControlPlane
    cluster: Cluster
    sources: Path
    logs: Path

    def kubeconfig(self) -> Path:
        """Return who operators are towards the API server."""
        return self.plane.kubeconfig("operator", ("system:masters",))


@dataclass(slots=True)
class Slot:
    """A place; used for one point after the other as long as all goes well.

    Attributes:
        operators: the one that always runs, and a second one where a point wants that.
        restarts: when which process began or ended.
        worn: whether a point has left it in another state than it found it in.
    """

    ground: Ground
    namespace: str
    gateway: GatewayProcess
    door: Door
    stack: ExitStack
    operators: list[Operator] = field(default_factory=list)
    restarts: list[Restarted] = field(default_factory=list)
    worn: bool = False

    @property
    def operator(self) -> Operator:
        """The operator that always runs."""
        return self.operators[0]

    def add_operator(self) -> Operator:
        """Return one more operator of this namespace, which does not run yet."""
        letter = "abcdefgh"[len(self.operators)]
        base = self.ground.logs / f"{self.namespace}-{letter}"
        made: list[Operator] = []
        kubeconfig = self.door.write_kubeconfig(base.with_suffix(".kubeconfig"), lambda: made[0].process)
        flags = ("--watch-namespace", self.namespace, "--namespace", self.namespace)
        made.append(Operator(kubeconfig, base.with_suffix(".log"), self.ground.sources, letter, flags))
        made[0].told.append(lambda process, what: self.restarts.append(Restarted(time.time(), process, what)))
        self.operators.append(self.stack.enter_context(made[0]))
        return made[0]

    def world(self, provider: str = PROVIDER) -> World:
        """Return what makes objects here, through the doors."""
        cluster = self.ground.cluster
        history = History(Path(), self.namespace)  # never begun: the door sees more
        stage = Stage(self.ground.plane, Path(), cluster, self.namespace, self.operator, "operator", history)
        return World(stage, self.gateway, provider)

    def make_provider(self, world: World) -> None:
        """Create a Secret and a provider that leads through the door."""
        world.make_secret()
        reference = {"name": world.name, "key": "token"}
        world.make_provider(gateway={"endpoint": self.door.url, "credentialsSecretRef": reference})

    def clear(self) -> None:
        """Forget what has passed."""
        self.restarts.clear()
        self.door.clear()

    def disarm(self) -> None:
        """Disturb nothing any more."""
        self.door.plan = LetPass()
        self.gateway.clear_faults()

    def wait_operator(self) -> None:
        """Return once the operator is ready."""
        wait_for("an operator that is ready", self.operator.is_ready, PATIENCE_SECONDS, lambda: self.log()[-1500:])

    def log(self) -> str:
        """Return what its operators have printed."""
        return "".join(operator.logs() for operator in self.operators)


@contextmanager
def opened(ground: Ground, *, provider: bool = True) -> Iterator[Slot]:
    """Open a fresh place; with an operator that is ready, and a provider unless told otherwise."""
    namespace = f"l3-{uuid.uuid4().hex[:8]}"
    ground.cluster.create(NAMESPACES, {"metadata": {"name": namespace}})
    with ExitStack() as stack:
        stack.callback(_forget, ground, namespace)
        gateway = stack.enter_context(GatewayProcess(FAST_BOOT))
        door = stack.enter_context(Door(ground.kubeconfig(), gateway.url))
        slot = Slot(ground, namespace, gateway, door, stack)
        door.tell_who(lambda port, mine: socket_holder(port, mine, slot.operators))
        slot.add_operator().keep()
        slot.wait_operator()
        if provider:
            world = slot.world()
            slot.make_provider(world)
            world.wait_provider("Ready", "True")
            # The first instance brings finalizers to provider and Secret; the points are to be alike.
            world.create_ready("first")
            world.clear_away()
        yield slot


def _forget(ground: Ground, namespace: str) -> None:
    """Let the namespace go without waiting: what is left in it is nobody's any more."""
    with suppress(Exception):
        ground.cluster.delete(NAMESPACES, "", namespace)


class Slots:
    """Places that are used again, because opening one takes seconds. For several threads; as a context manager."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self._lock = threading.Lock()
        self._free: list[tuple[Slot, ExitStack]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close_free()

    def close_free(self) -> None:
        """Close the places that nobody uses: their operators run."""
        with self._lock:
            for _slot, stack in self._free:
                stack.close()
            self._free.clear()

    @contextmanager
    def lent(self, *, fresh: bool = False, provider: bool = True) -> Iterator[Slot]:
        """Lend a place; it is kept for the next unless it was wanted fresh, is worn, or something went wrong in it."""
        slot, stack = self._taken(fresh=fresh, provider=provider)
        with ExitStack() as closing:
            closing.push(stack)
            yield slot
            if not fresh and not slot.worn:
                closing.pop_all()
                with self._lock:
                    self._free.append((slot, stack))

    def _taken(self, *, fresh: bool, provider: bool) -> tuple[Slot, ExitStack]:
        with self._lock:
            if self._free and not fresh:
                return self._free.pop()
        stack = ExitStack()
        return stack.enter_context(opened(self.ground, provider=provider)), stack
