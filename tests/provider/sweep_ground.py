"""What tests of the sweep share: short times, machines with tags of all kinds, and what the sweep has made of them."""

from typing import Any

from tests.provider.ground import CLUSTER, GATEWAY, Ground

from gpuwright.model.resources import Key
from gpuwright_sandbox.gateway.fleet import Order
from gpuwright_sandbox.gateway.machines import MachineRequest, MachineState

PERIOD = 10
AGE = 25
LONG = 200.0  # seconds in which every sweep that may end something has ended it
SWEEP = {"periodSeconds": PERIOD, "minAgeSeconds": AGE}
DELETE = {**SWEEP, "mode": "Delete"}


def a_machine_of(ground: Ground, label: str, *, cluster: str = CLUSTER, uid: str = "uid-old", name: str = "n") -> str:
    """Let there be a machine whose tag names `<namespace>.<name>`; return its id."""
    labels = {"gpuwright.dev/cluster": cluster, "gpuwright.dev/owner-uid": uid, "gpuwright.dev/owner": label}
    request = MachineRequest(image="i", cpu=1, memory_gb=1, labels=labels)
    return ground.gateway.fleet.create(Order(name=name, request=request)).id


def orphans(ground: Ground, key: Key = GATEWAY) -> list[str]:
    return [entry["id"] for entry in ground.now(key).get("status", {}).get("orphans", [])]


def terminated(ground: Ground) -> list[str]:
    """Return the ids of the machines whose end the gateway was asked for."""
    return [machine.id for machine in ground.gateway.fleet.machines() if machine.state is MachineState.DELETING]


def gauge(ground: Ground, name: str, provider: str = "team-a/gateway") -> float | None:
    return ground.metrics.registry.get_sample_value(name, {"provider": provider})


async def until_announced(ground: Ground) -> None:
    """Run until the end of a machine is chosen and not yet written."""
    chosen: list[Any] = []
    for _ in range(100):
        await ground.run(PERIOD / 2)
        chosen = [entry for entry in ground.now()["status"].get("orphans", []) if entry.get("endingTime")]
        if chosen:
            return
    raise AssertionError("nothing was announced")
