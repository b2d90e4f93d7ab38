"""EC2 as a stage: the adapter in front of the shim, which asks moto's server, which knows the truth."""

from collections.abc import Mapping
from typing import Any

from tests.adapters.adapter_stage import PATIENCE, client_for
from tests.adapters.contract import CLUSTER, Deed, Trouble, Verb
from tests.adapters.double_stage import COMMON_FAULTS, DoubleStage, answered
from tests.engine.manual_clock import ManualClock

from gpuwright.adapters.ec2 import Ec2
from gpuwright.adapters.ec2_access import Ec2Access
from gpuwright.adapters.ec2_credentials import credentials_of
from gpuwright.model.ec2_spec import Ec2Spec
from gpuwright.model.machine_spec import MachineSpec
from gpuwright_sandbox.doubles.answers import Answer
from gpuwright_sandbox.doubles.faults import How
from gpuwright_sandbox.ec2.answers import error
from gpuwright_sandbox.ec2.calls import Kind
from gpuwright_sandbox.ec2.shim import Ec2Shim
from gpuwright_sandbox.ec2.truth import REGION, Instance

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

FAULTS: Mapping[Trouble, Mapping[str, Any]] = {
    **COMMON_FAULTS,
    **answered(NO_ROOM, Trouble.PROMISED, Trouble.PROMISED_AFTER),
    **answered(SICK, Trouble.UNPROMISED, Trouble.UNPROMISED_AFTER),
    Trouble.NO_ROOM: {"answer": NO_ROOM, "carried_out": False},
    Trouble.NO_QUOTA: {"answer": error(400, "VcpuLimitExceeded"), "carried_out": False},
    Trouble.PAGE_FAILS: {"answer": SICK, "page": 2},
    Trouble.PAGE_TRUNCATED: {"how": How.TRUNCATE, "page": 2, "times": 2},
    Trouble.PAGE_LOST: {"how": How.WITHOUT_MACHINES, "page": 2},
}


class Ec2Stage(DoubleStage[Ec2Shim, Ec2]):
    """Implements contract.Stage over one account of moto's."""

    IMPATIENCE = 0.5

    def __init__(self, moto: str) -> None:
        clock = ManualClock()
        super().__init__(Ec2Shim(moto, clock=clock.monotonic), clock)

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
            "endpoint": self.server.url,
            "stsEndpoint": self.server.url,
            "credentialsSecretRef": {"name": "aws", "key": "credentials"},
            **changes,
        }
        spec = Ec2Spec.model_validate(body)
        found = credentials_of(credentials)
        sts = client_for(spec.sts_url, seconds) if found.role_arn else None
        access = Ec2Access(spec, found, client_for(spec.url, seconds), sts)
        return self.kept(Ec2(spec, access, cluster, promises=promises))

    def _spoil(self, verb: Verb, trouble: Trouble) -> None:
        fields = dict(FAULTS[trouble])
        if trouble is Trouble.PROMISED and verb is not Verb.CREATE:
            fields["answer"] = error(500, "InternalError")
        self.fault(self._struck(verb), **fields)

    def _struck(self, verb: Verb) -> Kind:
        """A terminate begins with a look for what can be ended: that is all there is where there is nothing."""
        if verb is Verb.DELETE:
            return Kind.TERMINATE if self.server.truth.live() else Kind.FIND
        (kind,) = KINDS[verb]
        return kind

    def _throttled(self, headers: Mapping[str, str]) -> Answer:
        return error(503, "RequestLimitExceeded", "Request limit exceeded.", **headers)

    def do(self, deed: Deed, name: str) -> None:
        """See Stage."""
        identity = self.instance(name).id
        if deed is Deed.STOP:
            self.server.truth.stop(identity)
            return
        self.server.truth.terminate(identity)
        if deed is Deed.PREEMPT:
            self.server.fates.preempt(identity)
        if deed is Deed.VANISH:
            self.server.fates.hide(identity)

    def instance(self, name: str) -> Instance:
        """Return the instance of this name."""
        (found,) = [instance for instance in self.server.truth.instances() if instance.name == name]
        return found

    def revoke(self) -> None:
        """See Stage."""
        self.server.revoked = True

    def small_pages(self, size: int) -> None:
        """See Stage."""
        self.server.page_size = size

    def live(self) -> list[str]:
        """See Stage."""
        return [instance.name for instance in self.server.truth.live()]

    def labels(self, name: str) -> dict[str, str]:
        """See Stage."""
        return self.instance(name).tags

    def calls(self, verb: Verb | None = None) -> int:
        """See Stage."""
        kinds = KINDS[verb] if verb is not None else None
        return sum(kinds is None or call.kind in kinds for call in self.server.calls)
