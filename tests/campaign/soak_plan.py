"""What happens in a soak and when: drawn from the seed before it begins, so that it can be drawn again."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random

from gpuwright_sandbox.gateway.shapes import Json

SETTLE_SECONDS = 10  # longer than any of the faults below lets a create land late, or a list lag
REQUEST_SECONDS = 3
KILLS_END = 0.45  # of the whole: one process runs on from then to the end, so that its memory can be judged
PAUSE_SECONDS = (3.0, 12.0)  # between two disturbances
_CALLS: tuple[Json, ...] = ("create", "get", "list", "delete")


@dataclass(frozen=True, slots=True)
class Kill:
    """The operator is killed (SIGKILL) and begun again."""


@dataclass(frozen=True, slots=True)
class Freeze:
    """The API server or the gateway stands still (SIGSTOP) for some seconds."""

    what: str  # kube-apiserver or gateway
    seconds: float


@dataclass(frozen=True, slots=True)
class GatewayFault:
    """The gateway spoils calls; the fields are those of its faults."""

    spec: dict[str, Json] = field(hash=False)


@dataclass(frozen=True, slots=True)
class Churn:
    """Some instances are deleted, and as many others created."""

    share: float


Disturbance = Kill | Freeze | GatewayFault | Churn


@dataclass(frozen=True, slots=True)
class Planned:
    """One disturbance, so many seconds after the beginning."""

    at: float
    disturbance: Disturbance


def planned(seed: int, seconds: float) -> tuple[Planned, ...]:
    """Return what is to happen in a soak of this length."""
    return tuple(_drawn(Random(f"soak {seed}"), seconds))


def _drawn(random: Random, seconds: float) -> Iterator[Planned]:
    at = random.uniform(*PAUSE_SECONDS) / 2
    while at < seconds:
        kills = at < KILLS_END * seconds
        kinds: list[Callable[[Random], Disturbance]] = [_fault, _fault, _freeze, _churn, _churn]
        yield Planned(at, random.choice([*kinds, _kill] if kills else kinds)(random))
        at += random.uniform(*PAUSE_SECONDS)


def _kill(_random: Random) -> Kill:
    return Kill()


def _freeze(random: Random) -> Freeze:
    return Freeze(random.choice(("kube-apiserver", "gateway")), random.uniform(0.5, 5.0))


def _churn(random: Random) -> Churn:
    return Churn(random.uniform(0.005, 0.03))


def _fault(random: Random) -> GatewayFault:
    spec = dict(random.choice(_FAULTS))
    if "call" not in spec:
        spec["call"] = random.choice(_CALLS)
    return GatewayFault({**spec, "for_seconds": round(random.uniform(1.0, 8.0), 1)})


_FAULTS: tuple[dict[str, Json], ...] = (
    {"action": "drop"},
    {"action": "drop", "commit": "first"},
    {"action": "hang", "seconds": REQUEST_SECONDS + 2},
    {"action": "answer", "status": 500},
    {"action": "answer", "status": 502, "commit": "first"},
    {"action": "answer", "status": 503},
    {"action": "throttle", "seconds": 1.0},
    {"action": "truncate"},
    {"action": "garble", "how": "html"},
    {"action": "garble", "how": "without_id", "call": "create"},
    {"action": "lag", "seconds": 4, "call": "create"},
    {"action": "capacity", "call": "create"},
    {"action": "redirect", "location": "http://127.0.0.1:1/"},
)
