"""What tests of pure code are made of: a machine that runs and has long settled, but for what is asked for.

Times: `NOW` is on our monotonic clock, `WALL` the same moment in seconds since 1970.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gpuwright.instance.observation import Instance, Observation, Unmet
from gpuwright.instance.witness import Armed, Sight, Trail, Witness
from gpuwright.model.capabilities import Capabilities, CreateKey
from gpuwright.model.conditions import Reason
from gpuwright.model.instance_spec import InstanceSpec
from gpuwright.model.machine import Machine, MachineState, Snapshot
from gpuwright.model.memory import Ending, EndingReason, Launch, Memory, Outcome, ProviderRef, Residue
from gpuwright.model.names import Owner, attempt_name, owner_labels, token
from gpuwright.model.provider_spec import ProviderSpec
from gpuwright.model.provider_view import Hindrance, ProviderView, Room
from gpuwright.model.request import Wishes, request_for
from gpuwright.model.resources import INSTANCES, Key

NOW = 10_000.0
WALL = 1_795_305_600.0  # 2026-11-22T00:00:00Z
BORN = "2026-11-21T23:45:00Z"  # 900 seconds before WALL
F = 60  # settleSeconds of a provider
SETTLE = 97  # window 2, connect 5, request 30, F
POLL = 10
OWNER = Owner("cluster-uid", "team-a", "trainer-0", "uid-1")
REF = ProviderRef("ComputeProvider", "gateway")
PLACE = "5f0c5f0c5f0c5f0c"
REF_B = ProviderRef("ComputeProvider", "second")
PLACE_B = "b00cb00cb00cb00c"
TWO_PLACEMENTS: dict[str, Any] = {
    "providerRef": None,
    "placements": [{"providerRef": {"name": REF.name}}, {"providerRef": {"name": REF_B.name}}],
}
"""Of a spec whose machine may come from two providers, in the spelling of manifests."""
PROCESS = "this-process"
N = attempt_name(OWNER, 1, 1)
N_R2 = attempt_name(OWNER, 1, 2)
N_G2 = attempt_name(OWNER, 2, 1)


def a_spec(**changes: Any) -> InstanceSpec:
    """Return a spec; changes in the spelling of manifests, such as powerState="Stopped"."""
    body = {"providerRef": {"name": REF.name}, "machine": {"gpu": {"type": "H100"}, "image": "trainer:1"}}
    return InstanceSpec.model_validate(body | changes)


def a_provider_spec(**changes: Any) -> ProviderSpec:
    """Return the spec of a gateway; changes in the spelling of manifests, such as settleSeconds=5."""
    gateway = {"endpoint": "https://gateway.example", "credentialsSecretRef": {"name": "gateway-token", "key": "token"}}
    return ProviderSpec.model_validate({"type": "Gateway", "gateway": gateway} | changes)


SPEC = a_spec()
PROVIDER_SPEC = a_provider_spec()
WISHES = Wishes(machine=SPEC.machine)
CAPABILITIES = Capabilities(
    create_key=CreateKey.UNIQUE_NAME,
    reads=True,
    power=True,
    spot=True,
    node_join=True,
    user_data="CloudInit",
    ports=True,
)
BLIND_CAPABILITIES = replace(CAPABILITIES, reads=False, power=False, limits="it cannot be read")
"""Of a gateway that can only create and delete."""


def a_machine(**changes: Any) -> Machine:
    """Return a running machine under the first name, tagged as ours."""
    machine = Machine(
        id="i-1",
        name=N,
        state=MachineState.RUNNING,
        word="running",
        labels=owner_labels(OWNER, 1),
        addresses=({"type": "InternalIP", "address": "10.0.0.7"},),
        created=BORN,
    )
    return replace(machine, **changes)


def a_strangers_machine(**changes: Any) -> Machine:
    """Return a machine that carries the tag of another object, under our first name."""
    other = Owner(OWNER.cluster, "team-b", "theirs", "uid-other")
    return a_machine(**{"id": "i-theirs", "labels": owner_labels(other, 1)} | changes)


def a_launch(**changes: Any) -> Launch:
    """Return the record of a create that was answered with a machine, which a look has shown since."""
    incarnation, attempt = changes.get("incarnation", 1), changes.get("attempt", 1)
    request = request_for(OWNER, WISHES, incarnation, attempt, 0)
    launch = Launch(
        incarnation=1,
        attempt=1,
        name=request.name,
        token=token(OWNER, incarnation, attempt, 0),
        request_hash=request.fingerprint(),
        provider=REF,
        placement=0,
        place=PLACE,
        send=1,
        sent_by=PROCESS,
        intended=BORN,
        settle_seconds=SETTLE,
        outcome=Outcome.COMMITTED,
        settled=changes.get("outcome", Outcome.COMMITTED) is Outcome.COMMITTED,
    )
    return replace(launch, **changes)


def an_unsettled_launch(**changes: Any) -> Launch:
    """Return the record of a create whose answer was lost."""
    return a_launch(**{"outcome": Outcome.UNKNOWN} | changes)


def an_ending(reason: EndingReason = EndingReason.DELETED, *names: str) -> Ending:
    """Return an ending of these names, of the first name where none is given."""
    return Ending(reason, names or (N,), BORN)


def a_residue(name: str = N, **changes: Any) -> Residue:
    """Return a name once tried at our place."""
    return replace(Residue(name, REF, PLACE, 0, BORN), **changes)


def a_snapshot(*machines: Machine, began: float = NOW - 5) -> Snapshot:
    """Return a list that showed these machines."""
    return Snapshot.of(began, machines)


def a_provider_view(**changes: Any) -> ProviderView:
    """Return a healthy provider with room, whose newest list shows our machine."""
    view = ProviderView(
        ref=REF,
        spec=PROVIDER_SPEC,
        place=PLACE,
        capabilities=CAPABILITIES,
        hindrance=None,
        reachable=True,
        ever_reached=True,
        credentials_rejected=False,
        room=Room(free=True),
        snapshot=a_snapshot(a_machine()),
        visible_seconds=1000.0,
    )
    return replace(view, **changes)


def an_empty_provider_view(**changes: Any) -> ProviderView:
    """Return a healthy provider whose newest list shows nothing."""
    return a_provider_view(**{"snapshot": a_snapshot()} | changes)


def a_blind_provider_view(**changes: Any) -> ProviderView:
    """Return a provider that can only create and delete."""
    return a_provider_view(**{"capabilities": BLIND_CAPABILITIES, "snapshot": None} | changes)


def a_hindrance(**changes: Any) -> Hindrance:
    """Return a hindrance of a provider that does not answer."""
    return replace(Hindrance(Reason.PROVIDER_UNREACHABLE, "it does not answer"), **changes)


def shown(machine: Machine | None = None, began: float = NOW - 5, *, direct: bool = False) -> Trail:
    """Return the trail of a look that showed the machine."""
    return Trail().present(began, machine or a_machine(), direct=direct)


def absent(*began: float, direct: bool = True, after: Trail | None = None) -> Trail:
    """Return the trail of looks that showed nothing, after the trail given."""
    trail = after or Trail()
    for moment in began:
        trail = trail.absent(moment, direct=direct)
    return trail


def a_sight(launch: Launch, **changes: Any) -> Sight:
    """Return the first sight of a record, 900 seconds ago."""
    settled = NOW - 900 if launch.settled else None
    return replace(Sight(launch.send, str(launch.outcome), NOW - 900, launch.waited_seconds, 100.0, settled), **changes)


def a_witness(launch: Launch | None = None, **changes: Any) -> Witness:
    """Return what a process knows that has watched this launch for a long time."""
    trails = {launch.name: shown(a_machine(name=launch.name))} if launch and launch.outcome is Outcome.COMMITTED else {}
    witness = Witness(
        first_seen=NOW - 1000, sight=a_sight(launch) if launch else None, trails=trails, lists={REF: NOW - 5}
    )
    return replace(witness, **changes)


def armed(launch: Launch, *, destructive: bool = False) -> Armed:
    """Return the permission to do what was announced, with its window open."""
    return Armed(launch.send, NOW + 1, WALL + 1, destructive)


def a_memory(launch: Launch | None = None, **changes: Any) -> Memory:
    """Return what is on record: the launch, and its machine where one was made."""
    made = launch is not None and launch.outcome is Outcome.COMMITTED
    machine = a_machine(name=launch.name).recorded() if launch and made else {}
    return replace(Memory(launch=launch, machine=machine), **changes)


def an_instance(memory: Memory | None = None, **changes: Any) -> Instance:
    """Return a live object with our finalizer on it."""
    instance = Instance(
        key=Key(INSTANCES.kind, OWNER.namespace, OWNER.name),
        owner=OWNER,
        generation=1,
        deleting=False,
        finalized=True,
        annotations={},
        spec=SPEC,
        spec_error="",
        memory=memory or Memory(),
        body={"metadata": {"namespace": OWNER.namespace, "name": OWNER.name, "uid": OWNER.uid}},
    )
    return replace(instance, **changes)


def an_observation(
    launch: Launch | None = None,
    *,
    memory: Memory | None = None,
    witness: Witness | None = None,
    provider: ProviderView | None = None,
    instance: Mapping[str, Any] | None = None,
    **changes: Any,
) -> Observation:
    """Return what a decision sees of this launch; a settled machine that runs where none is given.

    `instance` has changes of the instance, such as {"deleting": True}; `changes` those of the observation. No provider:
    pass `providers={}`. No launch: pass `memory=Memory()`.
    """
    remembered = memory if memory is not None else a_memory(launch or a_launch())
    view = provider or a_provider_view()
    seen = Observation(
        now=NOW,
        wall=WALL,
        instance=an_instance(remembered, **(instance or {})),
        witness=witness or a_witness(remembered.launch),
        providers={view.ref: view},
        missing={},
        wishes=WISHES,
        process=PROCESS,
        jitter=0.5,
    )
    return replace(seen, **changes)


def nothing_yet(provider: ProviderView | None = None, **changes: Any) -> Observation:
    """Return what a decision sees of a new object, after a list that showed no machine of it."""
    return an_observation(memory=Memory(), provider=provider or an_empty_provider_view(), **changes)


def waiting_for(message: str = "no Secret") -> Unmet:
    """Return wishes that cannot be made up yet."""
    return Unmet(message)
