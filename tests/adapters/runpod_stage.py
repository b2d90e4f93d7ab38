"""RunPod as a stage: the adapter in front of the double, which knows the truth and keeps to RunPod's own schema."""

from collections.abc import Mapping
from typing import Any

from tests.adapters.adapter_stage import PATIENCE, client_for
from tests.adapters.contract import CLUSTER, Deed, Trouble, Verb
from tests.adapters.double_stage import COMMON_FAULTS, DoubleStage, answered
from tests.engine.manual_clock import ManualClock

from gpuwright.adapters.bearer import BearerToken
from gpuwright.adapters.runpod import Runpod
from gpuwright.model.machine_spec import MachineSpec
from gpuwright_sandbox.doubles.answers import Answer
from gpuwright_sandbox.runpod.answers import problem
from gpuwright_sandbox.runpod.pods import Status
from gpuwright_sandbox.runpod.server import NO_ROOM, RunpodDouble

KEY = "rpa_sandbox"
MACHINE = MachineSpec.model_validate({"instanceType": "NVIDIA L4", "image": "registry.example/trainer:1"})

SICK = problem(503, "upstream connect error")
FULL = problem(400, NO_ROOM)

FAULTS: Mapping[Trouble, Mapping[str, Any]] = {
    **COMMON_FAULTS,
    **answered(FULL, Trouble.PROMISED, Trouble.PROMISED_AFTER),
    **answered(SICK, Trouble.UNPROMISED, Trouble.UNPROMISED_AFTER),
    Trouble.NO_ROOM: {"answer": FULL, "carried_out": False},
    Trouble.NO_QUOTA: {"answer": problem(402, "insufficient balance"), "carried_out": False},
}


class RunpodStage(DoubleStage[RunpodDouble, Runpod]):
    """Implements contract.Stage over one account."""

    IMPATIENCE = 0.3

    def __init__(self) -> None:
        clock = ManualClock()
        super().__init__(RunpodDouble(KEY, clock=clock.monotonic), clock)

    def adapter_for(
        self, *, key: str = KEY, cluster: str = CLUSTER, seconds: float = PATIENCE, promises: bool = True
    ) -> Runpod:
        """Return an adapter for this account; it is closed with the stage."""
        http = client_for(self.server.url, seconds)
        return self.kept(Runpod(BearerToken(key), cluster, http, promises=promises))

    def _spoil(self, verb: Verb, trouble: Trouble) -> None:
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
            case Verb.DELETE if self.server.fleet.pods:
                return "deletePod"
            case _:
                return "listPods"

    def _throttled(self, headers: Mapping[str, str]) -> Answer:
        return problem(429, "rate limit exceeded for the minute window", **headers)

    def do(self, deed: Deed, name: str) -> None:
        """See Stage."""
        pod = self.server.fleet.named(name)
        match deed:
            case Deed.STOP:
                self.server.fleet.halt(pod)
            case Deed.FAIL:
                self.server.fleet.halt(pod, Status.ERROR)
            case Deed.DELETE | Deed.VANISH:
                self.server.fleet.end(pod)
            case Deed.PREEMPT:
                raise NotImplementedError("RunPod's API v2 sells nothing that it takes away by itself")

    def revoke(self) -> None:
        """See Stage."""
        self.server.key = "another"

    def small_pages(self, size: int) -> None:
        """See Stage."""
        raise NotImplementedError("RunPod's lists have no pages")

    def live(self) -> list[str]:
        """See Stage."""
        return [pod.name for pod in self.server.fleet.live()]

    def labels(self, name: str) -> dict[str, str]:
        """See Stage."""
        return self.server.fleet.named(name).labels

    def calls(self, verb: Verb | None = None) -> int:
        """See Stage."""
        asked = [call.operation.id for call in self.server.calls]
        return len(asked) if verb is None else asked.count(self._struck(verb))
