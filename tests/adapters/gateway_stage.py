"""A compute gateway as a stage: the adapter in front of the sandbox gateway, which knows the truth."""

from collections.abc import Mapping, Sequence
from typing import Any

from tests.adapters.adapter_stage import LARGEST_BODY, PATIENCE, AdapterStage, client_for
from tests.adapters.contract import CLUSTER, Deed, Trouble, Verb, Wait

from gpuwright.adapters.bearer import BearerToken
from gpuwright.adapters.gateway import Gateway
from gpuwright.model.provider_spec import GatewaySpec
from gpuwright_sandbox.gateway import ManualClock, SandboxGateway, Settings
from gpuwright_sandbox.gateway.shapes import Json

CALLS: Mapping[Verb, Sequence[str]] = {
    Verb.CREATE: ["create"],
    Verb.LIST: ["list"],
    Verb.LOOK: ["get"],
    Verb.DELETE: ["delete"],
    Verb.POWER: ["stop", "start"],
}

FAULTS: Mapping[Trouble, Mapping[str, Json]] = {
    # Connections are refused whatever is called: a fault that names a call would need a first one to be answered.
    Trouble.REFUSED: {"action": "refuse", "seconds": 600},
    Trouble.LOST: {"action": "drop"},
    Trouble.LOST_AFTER: {"action": "drop", "commit": "first"},
    Trouble.CLOSED_AFTER: {"action": "drop", "commit": "first", "how": "close"},
    Trouble.SILENT: {"action": "hang", "seconds": 600, "commit": "never"},
    Trouble.SILENT_AFTER: {"action": "hang", "seconds": 600},
    Trouble.SLOW_BODY_AFTER: {"action": "slow", "bytes_per_second": 20},
    # Twice, because a read whose connection breaks is asked for once more.
    Trouble.TRUNCATED_AFTER: {"action": "truncate", "nth": [1, 2]},
    Trouble.RESET_IN_BODY_AFTER: {"action": "truncate", "how": "reset", "nth": [1, 2]},
    Trouble.PAGE: {"action": "garble", "how": "html", "commit": "never"},
    Trouble.PAGE_AFTER: {"action": "garble", "how": "html"},
    Trouble.MALFORMED_AFTER: {"action": "garble", "how": "malformed"},
    Trouble.EMPTY_AFTER: {"action": "garble", "how": "empty"},
    Trouble.LIST_AFTER: {"action": "garble", "how": "list"},
    Trouble.WITHOUT_ID_AFTER: {"action": "garble", "how": "without_id"},
    Trouble.WRONG_TYPES_AFTER: {"action": "garble", "how": "wrong_types"},
    Trouble.HUGE_AFTER: {"action": "garble", "how": "huge", "size_bytes": LARGEST_BODY},
    Trouble.UNKNOWN_STATE: {"action": "garble", "how": "unknown_state"},
    Trouble.PROMISED: {"action": "answer", "status": 500},
    Trouble.PROMISED_AFTER: {"action": "answer", "status": 500, "commit": "first"},
    Trouble.UNPROMISED: {"action": "answer", "status": 502},
    Trouble.UNPROMISED_AFTER: {"action": "answer", "status": 502, "commit": "first"},
    Trouble.PROXY_PAGE: {"action": "answer", "status": 404, "body": "<h1>nginx</h1>"},
    Trouble.NO_ROOM: {"action": "capacity"},
    Trouble.NO_QUOTA: {"action": "capacity", "code": "quota", "status": 403},
    Trouble.NOT_LISTED_YET: {"action": "lag", "seconds": 5},
    Trouble.NOT_FOUND_YET: {"action": "lag", "seconds": 5},
    Trouble.PAGE_FAILS: {"action": "answer", "status": 500, "page": 2},
    Trouble.PAGE_TRUNCATED: {"action": "truncate", "page": 2, "nth": [1, 2]},
    Trouble.PAGE_LOST: {"action": "lose", "lost_page": 2, "nth": "every"},
    Trouble.EVERYTHING_TWICE: {"action": "duplicate"},
    Trouble.NAME_LEFT_BEHIND: {"action": "residue", "seconds": 60},
}


class GatewayStage(AdapterStage[SandboxGateway, ManualClock, Gateway]):
    """Implements contract.Stage. `spec` has changes to the provider's block, in the spelling of manifests."""

    IMPATIENCE = 0.2

    def __init__(self, settings: Settings | None = None, **spec: Any) -> None:
        clock = ManualClock()
        super().__init__(SandboxGateway(settings or Settings(), clock=clock), clock)
        self._spec = spec

    def adapter_for(
        self,
        *,
        url: str | None = None,
        token: str = "sandbox",
        cluster: str = CLUSTER,
        seconds: float = PATIENCE,
        promises: bool = True,
        **changes: Any,
    ) -> Gateway:
        """Return an adapter for this gateway, or for another endpoint; it is closed with the stage."""
        body = {
            "endpoint": url or self.server.url,
            "credentialsSecretRef": {"name": "gateway", "key": "token"},
            "dialect": str(self.server.settings.dialect),
            "idempotencyKeys": self.server.settings.idempotency,
            **self._spec,
            **changes,
        }
        spec = GatewaySpec.model_validate(body)
        http = client_for(spec.endpoint, seconds)
        return self.kept(Gateway(spec, BearerToken(token), cluster, http, promises=promises))

    def spoil(self, verb: Verb, trouble: Trouble) -> None:
        """See Stage."""
        if trouble is Trouble.REDIRECTED:
            location = f"{self._elsewhere.url}/api/instances"
            self.server.add_fault(call=list(CALLS[verb]), action="redirect", location=location)
        elif trouble is Trouble.REFUSED:
            self.server.add_fault(**FAULTS[trouble])
        else:
            self.server.add_fault(call=list(CALLS[verb]), **FAULTS[trouble])

    def throttle(self, verb: Verb, wait: Wait) -> None:
        """See Stage."""
        words = {Wait.NONSENSE: "soon"}
        # The Date header of an answer is the wall's, so a date to come again has to be told from there.
        fault: dict[str, Json] = {"action": "throttle", "seconds": 2, "retry_after": words.get(wait, str(wait))}
        if wait is Wait.DATE:
            fault = {
                "action": "answer",
                "status": 429,
                "headers": {"Date": "Sun, 22 Nov 2026 10:00:00 GMT", "Retry-After": "Sun, 22 Nov 2026 10:00:02 GMT"},
            }
        self.server.add_fault(call=list(CALLS[verb]), **fault)

    def do(self, deed: Deed, name: str) -> None:
        """See Stage."""
        fleet = self.server.fleet
        machine = fleet.pick(name)
        assert machine is not None
        deeds = {
            Deed.DELETE: fleet.delete,
            Deed.STOP: fleet.stop,
            Deed.PREEMPT: fleet.preempt,
            Deed.VANISH: fleet.vanish,
            Deed.FAIL: fleet.fail,
        }
        deeds[deed](machine)

    def revoke(self) -> None:
        """See Stage."""
        self.server.change_settings(tokens=["another"])

    def small_pages(self, size: int) -> None:
        """See Stage."""
        self.server.change_settings(page_size=size)

    def live(self) -> list[str]:
        """See Stage."""
        return [machine.name for machine in self.server.fleet.machines() if machine.alive]

    def labels(self, name: str) -> dict[str, str]:
        """See Stage."""
        machine = self.server.fleet.pick(name)
        assert machine is not None
        return dict(machine.request.labels)

    def calls(self, verb: Verb | None = None) -> int:
        """See Stage."""
        kinds = CALLS[verb] if verb is not None else None
        return sum(kinds is None or record.call in kinds for record in self.server.requests)
