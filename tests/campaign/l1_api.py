"""Faults of the API server in L1: it is away, refuses, does not know the kind, or its answer is lost; at one kind of
request.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from tests.campaign.l1_plan import FAULT_SECONDS, ApiFault
from tests.campaign.l1_process import Process
from tests.campaign.l1_world import World
from tests.campaign.trace import Faulted

from gpuwright.kube.client import ApiError, Forbidden, NoAnswer, NotFound

SET_UP_SECONDS = 15.0  # what is asked before, while the workflow sets up, is answered
AWAY_SECONDS = 0.5
ERRORS: Mapping[str, ApiError] = {
    "away": NoAnswer("no answer"),
    "forbidden": Forbidden("403"),
    "unserved": NotFound("404: the kind is not served"),
    "lost": NoAnswer("the answer was lost"),
}
API_FAULTS = (
    *(("away", at) for at in ("owner", "provider", "owners", "told")),
    *(("forbidden", at) for at in ("owner", "provider")),
    ("unserved", "owner"),
    ("lost", "told"),
)
"""Which, and at which requests."""


class Shaken(World):
    """A world whose API server has a fault."""

    _asked = 0

    async def request(self, process: Process, method: str, path: str, **rest: Any) -> dict[str, Any]:
        """See World."""
        fault = self.plan.api
        if fault is None or asked(method, path) != fault.at or not self._strikes(fault):
            return await super().request(process, method, path, **rest)
        self.struck += 1
        if fault.name == "lost":
            await super().request(process, method, path, **rest)
        await asyncio.sleep(AWAY_SECONDS)
        raise ERRORS[fault.name]

    def _strikes(self, fault: ApiFault) -> bool:
        if self.now < SET_UP_SECONDS:
            return False
        self._asked += 1
        if fault.nth != "every":
            return self._asked == {"first": 1, "second": 2}[fault.nth]
        if self._asked == 1 and self.now < FAULT_SECONDS:
            self.tell(Faulted(self.now, str(fault), begins=True))
            asyncio.get_running_loop().call_at(FAULT_SECONDS, self._heal, str(fault))
        return self.now < FAULT_SECONDS


def asked(method: str, path: str) -> str:
    """Return what the sweep asks with this request: owner, provider, owners (a list), told (its own status), or
    nothing of it.
    """
    parts = path.split("/")
    match method, parts[-1], parts[-2]:
        case "GET", "computeinstances", _:
            return "owners"
        case "GET", _, "computeinstances":
            return "owner"
        case "GET", _, "computeproviders":
            return "provider"
        case "PATCH", "status", _ if parts[-3] == "computeproviders":
            return "told"
    return ""
