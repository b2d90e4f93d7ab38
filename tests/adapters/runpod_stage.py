"""RunPod as a stage: the adapter in front of the double, which knows the truth and keeps to RunPod's own schema."""

from collections.abc import Mapping
from ipaddress import ip_network
from types import TracebackType
from typing import Any, Self

from tests.adapters.contract import CLUSTER, Deed, Trouble, Verb, Wait
from tests.adapters.raw_server import RawServer
from tests.engine.manual_clock import ManualClock

from gpuwright.adapters.bearer import BearerToken
from gpuwright.adapters.runpod import Runpod
from gpuwright.http_client import Endpoint, HttpClient
from gpuwright.model.addresses import AddressPolicy
from gpuwright.model.machine_spec import MachineSpec
from gpuwright_sandbox.doubles.answers import Answer
from gpuwright_sandbox.doubles.faults import Fault, How
from gpuwright_sandbox.runpod.answers import problem
from gpuwright_sandbox.runpod.pods import Status
from gpuwright_sandbox.runpod.server import NO_ROOM, RunpodDouble

LOOPBACK_ALLOWED = AddressPolicy((ip_network("127.0.0.0/8"),))
PATIENCE = 20.0
IMPATIENCE = 0.3
LARGEST_BODY = 2**16
KEY = "rpa_sandbox"
MACHINE = MachineSpec.model_validate({"instanceType": "NVIDIA L4", "image": "registry.example/trainer:1"})

SICK = problem(503, "upstream connect error")
FULL = problem(400, NO_ROOM)
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
    Trouble.PROMISED: {"answer": FULL, "carried_out": False},
    Trouble.PROMISED_AFTER: {"answer": FULL},
    Trouble.UNPROMISED: {"answer": SICK, "carried_out": False},
    Trouble.UNPROMISED_AFTER: {"answer": SICK},
    Trouble.PROXY_PAGE: {"answer": PROXY, "carried_out": False},
    Trouble.NO_ROOM: {"answer": FULL, "carried_out": False},
    Trouble.NO_QUOTA: {"answer": problem(402, "insufficient balance"), "carried_out": False},
    Trouble.NOT_LISTED_YET: {"how": How.WITHOUT_MACHINES},
    Trouble.NOT_FOUND_YET: {"how": How.WITHOUT_MACHINES},
    Trouble.EVERYTHING_TWICE: {"how": How.TWICE},
}


class RunpodStage:
    """Implements contract.Stage over one account."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.runpod = RunpodDouble(KEY, clock=self.clock.monotonic)
        self._made: list[Runpod] = []

    async def __aenter__(self) -> Self:
        await self.runpod.__aenter__()
        self._elsewhere = RawServer()
        self.adapter = self.adapter_for()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for adapter in self._made:
            await adapter.close()
        await self._elsewhere.__aexit__(kind, raised, traceback)
        await self.runpod.__aexit__(kind, raised, traceback)

    @property
    def impatient(self) -> Runpod:
        """See Stage."""
        return self.adapter_for(seconds=IMPATIENCE)

    def adapter_for(
        self, *, key: str = KEY, cluster: str = CLUSTER, seconds: float = PATIENCE, promises: bool = True
    ) -> Runpod:
        """Return an adapter for this account; it is closed with the stage."""
        # Connecting takes longer in a busy process than anything that a test waits for.
        connect = PATIENCE if seconds is PATIENCE else 0.5
        http = HttpClient(Endpoint(self.runpod.url, connect, seconds, LOOPBACK_ALLOWED))
        adapter = Runpod(BearerToken(key), cluster, http, promises=promises)
        self._made.append(adapter)
        return adapter

    def fault(self, *operations: str, **fields: Any) -> None:
        """Let this go wrong with the next such call."""
        self.runpod.faults.faults.append(Fault(frozenset(operations), **fields))

    def spoil(self, verb: Verb, trouble: Trouble) -> None:
        """See Stage."""
        if trouble is Trouble.REFUSED:
            self.runpod.refuse(600)
            return
        if trouble is Trouble.REDIRECTED:
            moved = Answer(307, headers={"Location": f"{self._elsewhere.url}/"})
            self.fault(self._struck(verb), answer=moved, carried_out=False)
            return
        fields = dict(FAULTS[trouble])
        if trouble is Trouble.PROMISED and verb is not Verb.CREATE:
            fields["answer"] = problem(500, "internal error")
        self.fault(self._struck(verb), **fields)

    def _struck(self, verb: Verb) -> str:
        """A terminate begins with a list: that is all there is where there is nothing to end."""
        match verb:
            case Verb.CREATE:
                return "createPod"
            case Verb.POWER:
                return "podAction"
            case Verb.DELETE if self.runpod.fleet.pods:
                return "deletePod"
            case _:
                return "listPods"

    def throttle(self, verb: Verb, wait: Wait) -> None:
        """See Stage."""
        said = {
            Wait.SECONDS: {"Retry_After": "2"},
            Wait.DATE: {"Retry_After": "Sun, 22 Nov 2026 10:00:02 GMT", "Date": "Sun, 22 Nov 2026 10:00:00 GMT"},
            Wait.ABSURD: {"Retry_After": "1000000000"},
            Wait.MISSING: {},
            Wait.NONSENSE: {"Retry_After": "soon"},
        }
        answer = problem(429, "rate limit exceeded for the minute window", **said[wait])
        self.fault(self._struck(verb), answer=answer, carried_out=False)

    def do(self, deed: Deed, name: str) -> None:
        """See Stage."""
        pod = self.runpod.fleet.named(name)
        match deed:
            case Deed.STOP:
                self.runpod.fleet.halt(pod)
            case Deed.FAIL:
                self.runpod.fleet.halt(pod, Status.ERROR)
            case Deed.DELETE | Deed.VANISH:
                self.runpod.fleet.end(pod)
            case Deed.PREEMPT:
                raise NotImplementedError("RunPod's API v2 sells nothing that it takes away by itself")

    def advance(self, seconds: float) -> None:
        """See Stage."""
        self.clock.advance(seconds)

    def revoke(self) -> None:
        """See Stage."""
        self.runpod.key = "another"

    def small_pages(self, size: int) -> None:
        """See Stage."""
        raise NotImplementedError("RunPod's lists have no pages")

    def live(self) -> list[str]:
        """See Stage."""
        return [pod.name for pod in self.runpod.fleet.live()]

    def labels(self, name: str) -> dict[str, str]:
        """See Stage."""
        return self.runpod.fleet.named(name).labels

    def calls(self, verb: Verb | None = None) -> int:
        """See Stage."""
        asked = [call.operation.id for call in self.runpod.calls]
        return len(asked) if verb is None else asked.count(self._struck(verb))

    def elsewhere(self) -> int:
        """See Stage."""
        return 0 if self._elsewhere.is_untouched() else 1
