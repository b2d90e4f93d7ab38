"""SkyPilot as a stage: the adapter in front of the emulator of its API server, which knows the truth."""

from collections.abc import Mapping
from ipaddress import ip_network
from types import TracebackType
from typing import Any, Self

from tests.adapters.contract import CLUSTER, Deed, Trouble, Verb, Wait
from tests.adapters.raw_server import RawServer
from tests.engine.manual_clock import ManualClock

from gpuwright.adapters.bearer import BearerToken
from gpuwright.adapters.skypilot import SkyPilot
from gpuwright.adapters.skypilot_calls import Calls
from gpuwright.adapters.skypilot_request import user_of
from gpuwright.adapters.skypilot_wire import Wire
from gpuwright.http_client import Endpoint, HttpClient
from gpuwright.model.addresses import AddressPolicy
from gpuwright.model.machine_spec import MachineSpec
from gpuwright.model.skypilot_spec import SkyPilotSpec
from gpuwright_sandbox.doubles.answers import Answer
from gpuwright_sandbox.doubles.faults import Fault, How
from gpuwright_sandbox.skypilot.answers import error
from gpuwright_sandbox.skypilot.calls import Kind
from gpuwright_sandbox.skypilot.fleet import Fate
from gpuwright_sandbox.skypilot.server import SkyPilotServer

LOOPBACK_ALLOWED = AddressPolicy((ip_network("127.0.0.0/8"),))
PATIENCE = 20.0
IMPATIENCE = 0.5
LARGEST_BODY = 2**16
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
PROXY = Answer(404, b"<h1>nginx</h1>", content_type="text/html")
FAULTS: Mapping[Trouble, Mapping[str, Any]] = {
    Trouble.LOST: {"how": How.DROP, "carried_out": False},
    Trouble.LOST_AFTER: {"how": How.DROP},
    Trouble.CLOSED_AFTER: {"how": How.CLOSE},
    Trouble.SILENT: {"how": How.HANG, "carried_out": False},
    Trouble.SILENT_AFTER: {"how": How.HANG},
    Trouble.SLOW_BODY_AFTER: {"how": How.SLOW},
    # Twice, because a read whose connection breaks is asked for once more.
    Trouble.TRUNCATED_AFTER: {"how": How.TRUNCATE, "times": 2},
    Trouble.RESET_IN_BODY_AFTER: {"how": How.RESET_IN_BODY, "times": 2},
    Trouble.PAGE: {"how": How.HTML, "carried_out": False},
    Trouble.PAGE_AFTER: {"how": How.HTML},
    Trouble.MALFORMED_AFTER: {"how": How.MALFORMED},
    Trouble.EMPTY_AFTER: {"how": How.EMPTY},
    Trouble.LIST_AFTER: {"how": How.LIST},
    Trouble.WITHOUT_ID_AFTER: {"how": How.WITHOUT_ID},
    Trouble.WRONG_TYPES_AFTER: {"how": How.WRONG_TYPES},
    Trouble.HUGE_AFTER: {"how": How.HUGE, "size": LARGEST_BODY},
    Trouble.UNKNOWN_STATE: {"how": How.UNKNOWN_STATE},
    Trouble.UNPROMISED: {"answer": SICK, "carried_out": False},
    Trouble.UNPROMISED_AFTER: {"answer": SICK},
    Trouble.PROXY_PAGE: {"answer": PROXY, "carried_out": False},
    Trouble.PROMISED: {"answer": error(500), "carried_out": False},
    Trouble.NOT_LISTED_YET: {"how": How.WITHOUT_MACHINES},
    Trouble.NOT_FOUND_YET: {"how": How.WITHOUT_MACHINES},
    Trouble.EVERYTHING_TWICE: {"how": How.TWICE},
}
FATES: Mapping[Trouble, Fate] = {
    Trouble.PROMISED: Fate.NO_ROOM,
    Trouble.PROMISED_AFTER: Fate.NO_ROOM_BUT_MADE,
    Trouble.NO_ROOM: Fate.NO_ROOM,
    Trouble.NO_QUOTA: Fate.NO_QUOTA,
}


class SkyPilotStage:
    """Implements contract.Stage over one emulator."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.server = SkyPilotServer(clock=self.clock.monotonic, token=TOKEN)
        self._made: list[SkyPilot] = []

    async def __aenter__(self) -> Self:
        await self.server.__aenter__()
        self._elsewhere = RawServer()
        self.adapter = self.adapter_for()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for adapter in self._made:
            await adapter.close()
        await self._elsewhere.__aexit__(kind, raised, traceback)
        await self.server.__aexit__(kind, raised, traceback)

    @property
    def impatient(self) -> SkyPilot:
        """See Stage."""
        return self.adapter_for(seconds=IMPATIENCE)

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
        # Connecting takes longer in a busy process than anything that a test waits for.
        connect = PATIENCE if seconds is PATIENCE else 0.5
        http = HttpClient(Endpoint(spec.endpoint, connect, seconds, LOOPBACK_ALLOWED))
        calls = Calls(Wire(http, BearerToken(token)), user_of(cluster), connect + seconds)
        adapter = SkyPilot(spec, calls, cluster, seconds=connect + seconds, promises=promises)
        self._made.append(adapter)
        return adapter

    def fault(self, kind: Kind, **fields: Any) -> None:
        """Let this go wrong with the next such call."""
        self.server.faults.faults.append(Fault(frozenset({kind}), **fields))

    def spoil(self, verb: Verb, trouble: Trouble) -> None:
        """See Stage."""
        if trouble is Trouble.REFUSED:
            self.server.refuse(600)
        elif trouble is Trouble.REDIRECTED:
            moved = Answer(307, b"", {"Location": f"{self._elsewhere.url}/"})
            self.fault(ASKED[verb], answer=moved, carried_out=False)
        elif verb is Verb.CREATE and trouble in FATES:
            self.server.fleet.fates.append(FATES[trouble])
        else:
            first = trouble in {Trouble.LOST, Trouble.SILENT}
            self.fault(ASKED[verb] if first else ANSWERED[verb], **FAULTS[trouble])

    def throttle(self, verb: Verb, wait: Wait) -> None:
        """See Stage."""
        said = {
            Wait.SECONDS: {"Retry_After": "2"},
            Wait.DATE: {"Retry_After": "Sun, 22 Nov 2026 10:00:02 GMT", "Date": "Sun, 22 Nov 2026 10:00:00 GMT"},
            Wait.ABSURD: {"Retry_After": "1000000000"},
            Wait.MISSING: {},
            Wait.NONSENSE: {"Retry_After": "soon"},
        }
        self.fault(ASKED[verb], answer=error(429, "Too many requests", **said[wait]), carried_out=False)

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
        self.clock.advance(seconds)
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

    def elsewhere(self) -> int:
        """See Stage."""
        return 0 if self._elsewhere.is_untouched() else 1
