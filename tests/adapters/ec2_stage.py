"""EC2 as a stage: the adapter in front of the shim, which asks moto's server, which knows the truth."""

from collections.abc import Mapping
from ipaddress import ip_network
from types import TracebackType
from typing import Any, Self

from tests.adapters.contract import CLUSTER, Deed, Trouble, Verb, Wait
from tests.adapters.raw_server import RawServer
from tests.engine.manual_clock import ManualClock

from gpuwright.adapters.ec2 import Ec2
from gpuwright.adapters.ec2_access import Ec2Access
from gpuwright.adapters.ec2_credentials import credentials_of
from gpuwright.http_client import Endpoint, HttpClient
from gpuwright.model.addresses import AddressPolicy
from gpuwright.model.ec2_spec import Ec2Spec
from gpuwright.model.machine_spec import MachineSpec
from gpuwright_sandbox.doubles.answers import Answer
from gpuwright_sandbox.doubles.faults import Fault, How
from gpuwright_sandbox.ec2.answers import error
from gpuwright_sandbox.ec2.calls import Kind
from gpuwright_sandbox.ec2.shim import Ec2Shim
from gpuwright_sandbox.ec2.truth import REGION, Instance

LOOPBACK_ALLOWED = AddressPolicy((ip_network("127.0.0.0/8"),))
PATIENCE = 20.0
IMPATIENCE = 0.5
LARGEST_BODY = 2**16
IMAGE = "ami-0a1b2c3d4e5f60718"
MACHINE = MachineSpec.model_validate({"instanceType": "g5.xlarge", "image": IMAGE})
CREDENTIALS = "[default]\naws_access_key_id = AKIASANDBOX\naws_secret_access_key = s3cret\n"

KINDS: Mapping[Verb, frozenset[Kind]] = {
    Verb.CREATE: frozenset({Kind.CREATE}),
    Verb.LIST: frozenset({Kind.LIST}),
    Verb.LOOK: frozenset({Kind.LOOK}),
    Verb.DELETE: frozenset({Kind.FIND, Kind.TERMINATE}),
    Verb.POWER: frozenset({Kind.POWER}),
}
NO_ROOM = error(500, "InsufficientInstanceCapacity", "We currently do not have sufficient capacity")
SICK = error(503, "Unavailable", "The server is overloaded")
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
    Trouble.PROMISED: {"answer": NO_ROOM, "carried_out": False},
    Trouble.PROMISED_AFTER: {"answer": NO_ROOM},
    Trouble.UNPROMISED: {"answer": SICK, "carried_out": False},
    Trouble.UNPROMISED_AFTER: {"answer": SICK},
    Trouble.PROXY_PAGE: {"answer": PROXY, "carried_out": False},
    Trouble.NO_ROOM: {"answer": NO_ROOM, "carried_out": False},
    Trouble.NO_QUOTA: {"answer": error(400, "VcpuLimitExceeded"), "carried_out": False},
    Trouble.NOT_LISTED_YET: {"how": How.WITHOUT_MACHINES},
    Trouble.NOT_FOUND_YET: {"how": How.WITHOUT_MACHINES},
    Trouble.PAGE_FAILS: {"answer": SICK, "page": 2},
    Trouble.PAGE_TRUNCATED: {"how": How.TRUNCATE, "page": 2, "times": 2},
    Trouble.PAGE_LOST: {"how": How.WITHOUT_MACHINES, "page": 2},
    Trouble.EVERYTHING_TWICE: {"how": How.TWICE},
}


class Ec2Stage:
    """Implements contract.Stage over one account of moto's."""

    def __init__(self, moto: str) -> None:
        self.clock = ManualClock()
        self.shim = Ec2Shim(moto, clock=self.clock.monotonic)
        self._made: list[Ec2] = []

    async def __aenter__(self) -> Self:
        await self.shim.__aenter__()
        self._elsewhere = RawServer()
        self.adapter = self.adapter_for()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for adapter in self._made:
            await adapter.close()
        await self._elsewhere.__aexit__(kind, raised, traceback)
        await self.shim.__aexit__(kind, raised, traceback)

    @property
    def impatient(self) -> Ec2:
        """See Stage."""
        return self.adapter_for(seconds=IMPATIENCE)

    def adapter_for(
        self,
        *,
        credentials: str = CREDENTIALS,
        cluster: str = CLUSTER,
        seconds: float = PATIENCE,
        promises: bool = True,
        **changes: Any,
    ) -> Ec2:
        """Return an adapter for this account; it is closed with the stage. `changes` are fields of the block."""
        body = {
            "region": REGION,
            "endpoint": self.shim.url,
            "stsEndpoint": self.shim.url,
            "credentialsSecretRef": {"name": "aws", "key": "credentials"},
            **changes,
        }
        spec = Ec2Spec.model_validate(body)
        found = credentials_of(credentials)
        # Connecting takes longer in a busy process than anything that a test waits for.
        connect = PATIENCE if seconds is PATIENCE else 0.5
        http = HttpClient(Endpoint(spec.url, connect, seconds, LOOPBACK_ALLOWED))
        sts = HttpClient(Endpoint(spec.sts_url, connect, seconds, LOOPBACK_ALLOWED)) if found.role_arn else None
        adapter = Ec2(spec, Ec2Access(spec, found, http, sts), cluster, promises=promises)
        self._made.append(adapter)
        return adapter

    def fault(self, kinds: frozenset[Kind], **fields: Any) -> None:
        """Let this go wrong with the next such call."""
        self.shim.faults.faults.append(Fault(kinds, **fields))

    def spoil(self, verb: Verb, trouble: Trouble) -> None:
        """See Stage."""
        if trouble is Trouble.REFUSED:
            self.shim.refuse(600)
            return
        if trouble is Trouble.REDIRECTED:
            moved = Answer(307, b"", {"Location": f"{self._elsewhere.url}/"})
            self.fault(self._struck(verb), answer=moved, carried_out=False)
            return
        fields = dict(FAULTS[trouble])
        if trouble is Trouble.PROMISED and verb is not Verb.CREATE:
            fields["answer"] = error(500, "InternalError")
        self.fault(self._struck(verb), **fields)

    def _struck(self, verb: Verb) -> frozenset[Kind]:
        """A terminate begins with a look for what can be ended: that is all there is where there is nothing."""
        if verb is not Verb.DELETE:
            return KINDS[verb]
        return frozenset({Kind.TERMINATE if self.shim.truth.live() else Kind.FIND})

    def throttle(self, verb: Verb, wait: Wait) -> None:
        """See Stage."""
        said = {
            Wait.SECONDS: {"Retry_After": "2"},
            Wait.DATE: {"Retry_After": "Sun, 22 Nov 2026 10:00:02 GMT", "Date": "Sun, 22 Nov 2026 10:00:00 GMT"},
            Wait.ABSURD: {"Retry_After": "1000000000"},
            Wait.MISSING: {},
            Wait.NONSENSE: {"Retry_After": "soon"},
        }
        answer = error(503, "RequestLimitExceeded", "Request limit exceeded.", **said[wait])
        self.fault(self._struck(verb), answer=answer, carried_out=False)

    def do(self, deed: Deed, name: str) -> None:
        """See Stage."""
        identity = self.instance(name).id
        if deed is Deed.STOP:
            self.shim.truth.stop(identity)
            return
        self.shim.truth.terminate(identity)
        if deed is Deed.PREEMPT:
            self.shim.fates.preempt(identity)
        if deed is Deed.VANISH:
            self.shim.fates.hide(identity)

    def instance(self, name: str) -> Instance:
        """Return the instance of this name."""
        (found,) = [instance for instance in self.shim.truth.instances() if instance.name == name]
        return found

    def advance(self, seconds: float) -> None:
        """See Stage."""
        self.clock.advance(seconds)

    def revoke(self) -> None:
        """See Stage."""
        self.shim.revoked = True

    def small_pages(self, size: int) -> None:
        """See Stage."""
        self.shim.page_size = size

    def live(self) -> list[str]:
        """See Stage."""
        return [instance.name for instance in self.shim.truth.live()]

    def labels(self, name: str) -> dict[str, str]:
        """See Stage."""
        return self.instance(name).tags

    def calls(self, verb: Verb | None = None) -> int:
        """See Stage."""
        kinds = KINDS[verb] if verb is not None else None
        return sum(kinds is None or call.kind in kinds for call in self.shim.calls)

    def elsewhere(self) -> int:
        """See Stage."""
        return 0 if self._elsewhere.is_untouched() else 1
