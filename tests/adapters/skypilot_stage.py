"""SkyPilot as a stage: the adapter in front of the emulator of its API server, which knows the truth."""

from collections.abc import Mapping
from typing import Any

from tests.adapters.adapter_stage import PATIENCE, client_for, connect_seconds
from tests.adapters.contract import CLUSTER, Deed, Trouble, Verb
from tests.adapters.double_stage import COMMON_FAULTS, DoubleStage, answered
from tests.engine.manual_clock import ManualClock

from gpuwright.adapters.bearer import BearerToken
from gpuwright.adapters.skypilot import SkyPilot
from gpuwright.adapters.skypilot_calls import Calls
from gpuwright.adapters.skypilot_request import user_of
from gpuwright.adapters.skypilot_wire import Wire
from gpuwright.model.machine_spec import MachineSpec
from gpuwright.model.skypilot_spec import SkyPilotSpec
from gpuwright_sandbox.doubles.answers import Answer
from gpuwright_sandbox.skypilot.answers import error
from gpuwright_sandbox.skypilot.calls import Kind
from gpuwright_sandbox.skypilot.fleet import Fate
from gpuwright_sandbox.skypilot.server import SkyPilotServer

TOKEN = "sky_sandbox"
MACHINE = MachineSpec.model_validate({"cpu": "2", "memory": "8Gi", "gpu": {"type": "H100"}})
OWNER_KEYS = {
    "gpuwright-cluster": "gpuwright.dev/cluster",
    "gpuwright-owner-uid": "gpuwright.dev/owner-uid",
    "gpuwright-incarnation": "gpuwright.dev/incarnation",
}

ASKED: Mapping[Verb, Kind] = {
    Verb.CREATE: Kind.CREATE,
    Verb.LIST: Kind.LIST,
    Verb.LOOK: Kind.LOOK,
    Verb.DELETE: Kind.TERMINATE,
    Verb.POWER: Kind.POWER,
}
ANSWERED: Mapping[Verb, Kind] = {**ASKED, Verb.LIST: Kind.LIST_RESULT, Verb.LOOK: Kind.ROWS_RESULT}
"""Where an answer in full comes from: what exists is the value of a request."""

SICK = error(502)
FAULTS: Mapping[Trouble, Mapping[str, Any]] = {
    **COMMON_FAULTS,
    **answered(SICK, Trouble.UNPROMISED, Trouble.UNPROMISED_AFTER),
    Trouble.PROMISED: {"answer": error(500), "carried_out": False},
}
FATES: Mapping[Trouble, Fate] = {
    Trouble.PROMISED: Fate.NO_ROOM,
    Trouble.PROMISED_AFTER: Fate.NO_ROOM_BUT_MADE,
    Trouble.NO_ROOM: Fate.NO_ROOM,
    Trouble.NO_QUOTA: Fate.NO_QUOTA,
}


class SkyPilotStage(DoubleStage[SkyPilotServer, SkyPilot]):
    """Implements contract.Stage over one emulator."""

    IMPATIENCE = 0.5

    def __init__(self) -> None:
        clock = ManualClock()
        super().__init__(SkyPilotServer(clock=clock.monotonic, token=TOKEN), clock)

    def adapter_for(
        self,
        *,
        token: str = TOKEN,
        cluster: str = CLUSTER,
        seconds: float = PATIENCE,
        promises: bool = True,
        **changes: Any,
    ) -> SkyPilot:
        """Return an adapter for this server; it is closed with the stage. `changes` are fields of the block."""
        body = {
            "endpoint": self.server.url,
            "credentialsSecretRef": {"name": "skypilot", "key": "token"},
            "cloud": "aws",
            **changes,
        }
        spec = SkyPilotSpec.model_validate(body)
        whole = connect_seconds(seconds) + seconds
        calls = Calls(Wire(client_for(spec.endpoint, seconds), BearerToken(token)), user_of(cluster), whole)
        return self.kept(SkyPilot(spec, calls, cluster, seconds=whole, promises=promises))

    def _struck(self, verb: Verb) -> Kind:
        return ASKED[verb]

    def _spoil(self, verb: Verb, trouble: Trouble) -> None:
        if verb is Verb.CREATE and trouble in FATES:
            self.server.fleet.fates.append(FATES[trouble])
        else:
            first = trouble in {Trouble.LOST, Trouble.SILENT}
            self.fault(ASKED[verb] if first else ANSWERED[verb], **FAULTS[trouble])

    def _throttled(self, headers: Mapping[str, str]) -> Answer:
        return error(429, "Too many requests", **headers)

    def do(self, deed: Deed, name: str) -> None:
        """See Stage."""
        fleet = self.server.fleet
        fleet.tick()
        match deed:
            case Deed.DELETE:
                fleet.submit("down", {"cluster_name": name})
            case Deed.STOP:
                fleet.submit("stop", {"cluster_name": name})
            case Deed.PREEMPT:
                fleet.taken_away(name)
            case Deed.VANISH:
                fleet.vanish(name)
            case Deed.FAIL:
                fleet.fail(name)

    def advance(self, seconds: float) -> None:
        """See Stage."""
        super().advance(seconds)
        self.server.fleet.tick()

    def revoke(self) -> None:
        """See Stage."""
        self.server.token = "another"

    def small_pages(self, size: int) -> None:
        """See Stage: SkyPilot's lists have one page only."""
        raise NotImplementedError(f"there are no pages, of {size} or any other size")

    def live(self) -> list[str]:
        """See Stage."""
        return [vm.name for vm in self.server.fleet.live()]

    def labels(self, name: str) -> dict[str, str]:
        """See Stage; the labels of ours are told by their names elsewhere."""
        (vm,) = [vm for vm in self.server.fleet.vms if vm.name == name]
        found = {OWNER_KEYS.get(key, key): value for key, value in vm.labels.items()}
        owner = found.pop("gpuwright-owner")
        return {**found, "gpuwright.dev/owner": owner.replace("_", ".")}

    def calls(self, verb: Verb | None = None) -> int:
        """See Stage."""
        return sum(verb is None or call.kind is ASKED[verb] for call in self.server.calls)
