"""The workflows: what a user or a provider does, and the state that everything must come to in the end."""

import base64
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.campaign.l3_slot import PATIENCE_SECONDS, Slot
from tests.e2e.cluster import NAMESPACES, PROVIDERS, SECRETS, wait_for
from tests.e2e.world import Instance, World

NAME = "one"
_REACHED_SECONDS = 6.0


@dataclass(slots=True)
class Stand:
    """What a play works with.

    Attributes:
        allowed: ids of machines that bill although nothing of ours does.
        revoked: whether the provider's token was changed, so that the place cannot be used as it was.
    """

    slot: Slot
    world: World
    instances: list[Instance] = field(default_factory=list)

    @property
    def instance(self) -> Instance:
        """The one that was made last."""
        return self.instances[-1]

    def create(self, **more: object) -> None:
        """Create the instance."""
        annotations = more.pop("annotations", None)
        assert annotations is None or isinstance(annotations, dict)
        self.instances.append(self.world.create(NAME, annotations=annotations, **more))

    def ready(self) -> None:
        """Return once the instance is Ready and the operator runs."""
        self.instance.wait_ready(PATIENCE_SECONDS)

    def gone(self) -> None:
        """Return once the instance is gone."""
        self.instance.wait_gone(PATIENCE_SECONDS)


Step = Callable[[Stand], None]


@dataclass(frozen=True, slots=True)
class Play:
    """One workflow.

    Attributes:
        prepare: what happens before effects are counted.
        act: what is done.
        end: returns once the state is reached that must be reached; asked again after a crash.
        fresh: whether it wants a place that nobody uses after it.
        provider: whether the place has a provider when it begins.
    """

    name: str
    act: Step
    end: Step
    prepare: Step = lambda stand: None
    fresh: bool = False
    provider: bool = True


def _create(stand: Stand) -> None:
    stand.create()


def _create_ready(stand: Stand) -> None:
    stand.create()
    stand.ready()


def _ready(stand: Stand) -> None:
    stand.ready()


def _gone(stand: Stand) -> None:
    stand.gone()


def _delete(stand: Stand) -> None:
    stand.instance.delete()


def _full(stand: Stand) -> None:
    stand.world.fault(NAME, action="capacity")


def _slow(stand: Stand) -> None:
    stand.world.fault(NAME, action="hang", seconds=1)


def _refuse_once(stand: Stand) -> None:
    stand.world.fault(NAME, action="answer", status=500)


def _stop_and_start(stand: Stand) -> None:
    stand.instance.change(powerState="Stopped")
    stand.instance.wait_condition("Ready", "True", "Stopped", PATIENCE_SECONDS)
    stand.instance.change(powerState="Running")


def _running(stand: Stand) -> None:
    stand.instance.wait_condition("Ready", "True", "Running", PATIENCE_SECONDS)


def _delete_while_creating(stand: Stand) -> None:
    stand.create()
    starts = stand.slot.operator.starts

    def is_on_its_way() -> bool:
        return bool(stand.instance.creates()) or stand.slot.operator.starts > starts

    wait_for("a create on its way", is_on_its_way, PATIENCE_SECONDS)
    stand.instance.delete()


def _delete_and_create(stand: Stand) -> None:
    stand.instance.delete()
    stand.gone()
    stand.create()


def _vanish(stand: Stand) -> None:
    stand.world.gateway.act(str(stand.instance.live()[0]["id"]), "vanish")


def _preempt(stand: Stand) -> None:
    stand.world.gateway.act(str(stand.instance.live()[0]["id"]), "preempt")


def _replaced(stand: Stand) -> None:
    def is_replaced() -> bool:
        launch = stand.instance.launch()
        return launch.get("incarnation") == 2 and stand.instance.condition("Ready")[0] == "True"

    wait_for("the second machine", is_replaced, PATIENCE_SECONDS, stand.instance.status)


def _rotate(stand: Stand) -> None:
    """The old token is refused, and some time later the Secret has the new one; the next play gets the old one back."""
    world = stand.world
    world.gateway.change_settings(tokens=["rotated"])
    world.wait_provider("CredentialsValid", "False", seconds=PATIENCE_SECONDS)
    encoded = base64.b64encode(b"rotated").decode()
    world.cluster.merge(SECRETS, world.namespace, world.name, {"data": {"token": encoded}})


def _valid_and_ready(stand: Stand) -> None:
    stand.world.wait_provider("CredentialsValid", "True", seconds=PATIENCE_SECONDS)
    stand.ready()


def _smuggle(stand: Stand) -> None:
    stand.world.smuggle("made-by-hand")


def _adopt(stand: Stand) -> None:
    stand.create(annotations={"gpuwright.dev/adopt": "made-by-hand"})


def _delete_namespace(stand: Stand) -> None:
    stand.world.cluster.delete(NAMESPACES, "", stand.slot.namespace)


def _namespace_gone(stand: Stand) -> None:
    cluster, namespace = stand.world.cluster, stand.slot.namespace
    wait_for("the namespace gone", lambda: cluster.get(NAMESPACES, "", namespace) is None, PATIENCE_SECONDS)


def _everything_from_nothing(stand: Stand) -> None:
    stand.slot.make_provider(stand.world)
    stand.create()


def _remove_all(stand: Stand) -> None:
    world = stand.world
    world.cluster.delete(SECRETS, world.namespace, world.name)
    world.cluster.delete(PROVIDERS, world.namespace, world.name)
    stand.instance.delete()


def _all_gone(stand: Stand) -> None:
    stand.gone()
    world = stand.world
    wait_for("the provider gone", lambda: not world.provider(), PATIENCE_SECONDS, world.provider)
    wait_for("the Secret gone", lambda: not world.cluster.get(SECRETS, world.namespace, world.name), PATIENCE_SECONDS)


PLAYS = (
    Play("create", _create, _ready),
    Play("create-slow", _create, _ready, _slow),
    Play("create-refused-once", _create, _ready, _refuse_once),
    Play("capacity", _create, _ready, _full),
    Play("stop-start", _stop_and_start, _running, _create_ready),
    Play("delete", _delete, _gone, _create_ready),
    Play("delete-while-creating", _delete_while_creating, _gone, _slow),
    Play("recreate", _delete_and_create, _ready, _create_ready),
    Play("killed-at-provider", _vanish, _replaced, _create_ready),
    Play("spot-loss", _preempt, _replaced, _create_ready),
    Play("rotation", _rotate, _valid_and_ready, _create_ready, fresh=True),
    Play("adopt", _adopt, _ready, _smuggle),
    Play("birth", _everything_from_nothing, _ready, fresh=True, provider=False),
    Play("removal", _remove_all, _all_gone, _create_ready, fresh=True),
    Play("namespace", _delete_namespace, _namespace_gone, _create_ready, fresh=True),
)
