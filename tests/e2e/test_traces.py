"""The traces of docs/protocol.md, "Outcomes": what was answered, which names were sent, and never two machines.

All instances are created at once, each with its own faults: the long waits for settlement then pass side by side.
"""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.api_proxy import ApiProxy, When
from tests.e2e.cluster import holds_for, wait_for
from tests.e2e.history import History
from tests.e2e.operator_process import OperatorProcess
from tests.e2e.stage import Stage
from tests.e2e.world import FAST_BOOT, Instance, World

from gpuwright_sandbox.gateway.process import GatewayProcess

pytestmark = pytest.mark.cluster


@dataclass(frozen=True, slots=True)
class Trace:
    """What the gateway answers to the creates of one instance, and what must come of it.

    Attributes:
        answers: faults of the creates, in order; None = it goes well.
        sent: the names that must reach the gateway, in order.
        reasons: what Launched must have said on the way, in this order, among other things.
        attempts: outcome and reason of each attempt that is over.
    """

    name: str
    answers: tuple[Mapping[str, Any] | None, ...]
    sent: tuple[str, ...]
    reasons: tuple[str, ...]
    attempts: tuple[tuple[str, str, str], ...] = ()


def error(status: int, **more: Any) -> dict[str, Any]:
    return {"action": "answer", "status": status, **more}


RESET_BEFORE = {"action": "drop"}
RESET_AFTER = {"action": "drop", "commit": "first"}
FAILED = ("NotCommitted", "PlacementFailed")

TRACES = (
    Trace("answered", (None,), ("n",), ("Created",)),
    Trace("promised", (error(500), None), ("n", "n-r2"), ("PlacementFailed", "Created"), (("n", *FAILED),)),
    Trace(
        "promised-twice",
        (error(500), error(503, code="internal"), None),
        ("n", "n-r2", "n-r3"),
        ("PlacementFailed", "Created"),
        (("n", *FAILED), ("n-r2", *FAILED)),
    ),
    Trace(
        "burst-spent",
        (error(500), error(500), error(500), None),
        ("n", "n-r2", "n-r3", "n-r4"),
        ("PlacementFailed", "Created"),
        (("n", *FAILED), ("n-r2", *FAILED), ("n-r3", *FAILED)),
    ),
    Trace("lost-after", (RESET_AFTER,), ("n",), ("OutcomeUnknown", "Adopted")),
    Trace(
        "lost-before",
        (RESET_BEFORE, None),
        ("n", "n"),
        ("OutcomeUnknown", "Created"),
        (("n", "Unknown", "OutcomeUnknown"),),
    ),
    Trace(
        "promised-then-lost",
        (error(500), RESET_BEFORE, None),
        ("n", "n-r2", "n-r2"),
        ("PlacementFailed", "OutcomeUnknown", "Created"),
        (("n", *FAILED), ("n-r2", "Unknown", "OutcomeUnknown")),
    ),
    Trace(
        "unpromised",
        (error(502), None),
        ("n", "n"),
        ("OutcomeUnknown", "Created"),
        (("n", "Unknown", "OutcomeUnknown"),),
    ),
    Trace("unpromised-but-made", (error(502, commit="first"),), ("n",), ("OutcomeUnknown", "Adopted")),
    Trace("silent-but-made", ({"action": "hang", "seconds": 30},), ("n",), ("OutcomeUnknown", "Adopted")),
    Trace("throttled", ({"action": "throttle", "seconds": 2}, None), ("n", "n"), ("Throttled", "Created")),
)


@pytest.fixture(scope="module")
def operator_kubeconfig(proxy: ApiProxy, operator_log: Path) -> Path:
    """The operator asks the API server through the proxy."""
    return proxy.write_kubeconfig(operator_log.with_suffix(".kubeconfig"))


@pytest.fixture(scope="module")
def shared(stage: Stage) -> Iterator[World]:
    with GatewayProcess(FAST_BOOT) as gateway:
        made = World(stage, gateway, "traces")
        made.make_secret()
        # Many answers are spoiled at once; the breaker has tests of its own.
        made.make_provider(probe={"periodSeconds": 1, "failureThreshold": 100})
        yield made
        made.close()


@pytest.fixture(scope="module")
def taken(shared: World) -> Iterator[Instance]:
    """An instance whose machine is made, and shown by no read until its name is sent again."""
    shared.fault("taken", **RESET_AFTER)
    unknown = shared.fault("taken", "get", action="answer", status=404, code="not_found", nth="every")
    unlisted = shared.gateway.add_fault(call="list", action="lose", machine="taken-*", nth="every")
    instance = shared.create("taken")

    def show_in_time() -> None:
        # Were it hidden for longer than the settling time after that, it would rightly count as lost.
        wait_for("the name sent again", lambda: len(instance.creates()) == 2, 60)
        shared.clear_fault(unknown)
        shared.clear_fault(int(str(unlisted["id"])))

    with ThreadPoolExecutor(1) as pool:
        shown = pool.submit(show_in_time)
        yield instance
        shown.result()


@pytest.fixture(scope="module")
def started(shared: World, taken: Instance) -> Mapping[str, Instance]:
    for trace in TRACES:
        for number, answer in enumerate(trace.answers, start=1):
            if answer is not None:
                shared.fault(trace.name, nth=number, **answer)
    return {trace.name: shared.create(trace.name) for trace in TRACES}


@pytest.mark.parametrize("trace", [pytest.param(trace, id=trace.name) for trace in TRACES])
def test_the_names_are_sent_in_order_and_one_machine_comes_of_it(
    started: Mapping[str, Instance], history: History, trace: Trace
) -> None:
    instance = started[trace.name]
    instance.wait_ready(seconds=60)
    assert tuple(instance.sent()) == trace.sent
    assert (instance.peak(), len(instance.live()), len(instance.machines())) == (1, 1, 1)
    assert instance.outcomes() == list(trace.attempts)
    assert _in_order(trace.reasons, history.reasons(instance.uid, "Launched")), history.reasons(
        instance.uid, "Launched"
    )
    assert instance.condition("Launched") == ("True", trace.reasons[-1])
    assert instance.status()["machine"]["id"] == instance.live()[0]["id"]
    instance.delete()
    instance.wait_gone()
    assert (instance.peak(), instance.live()) == (1, [])


def test_the_wait_after_a_spent_burst_is_longer(started: Mapping[str, Instance]) -> None:
    instance = started["burst-spent"]
    wait_for("four creates", lambda: len(instance.creates()) == 4)
    moments = [datetime.fromisoformat(record["at"]) for record in instance.creates()]
    gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(moments)]
    assert 0.25 <= gaps[0] <= gaps[2]
    assert 1.0 <= gaps[2] <= 12.0


def test_a_throttled_create_is_sent_again_when_the_provider_said_and_counts_no_attempt(
    started: Mapping[str, Instance],
) -> None:
    instance = started["throttled"]
    wait_for("two creates", lambda: len(instance.creates()) == 2)
    first, second = (datetime.fromisoformat(record["at"]) for record in instance.creates())
    assert (second - first).total_seconds() >= 2.0


def test_a_person_can_end_the_long_wait(shared: World, history: History) -> None:
    fault = shared.fault("asked", nth="every", **error(500))
    instance = shared.create("asked", createPolicy={"maxAttempts": 1, "retryBaseDelayMilliseconds": 0})
    wait_for("a wait that is worth telling", lambda: instance.status().get("nextLookTime"), 60)
    before = len(instance.sent())
    shared.clear_fault(fault)
    instance.annotate("reconcile-requested-at", "now")
    instance.wait_ready(seconds=4)
    assert instance.sent() == ["n", *(f"n-r{number}" for number in range(2, before + 2))]
    assert instance.status()["lastHandledReconcileAt"] == "now"
    assert instance.peak() == 1


def test_a_refused_connection_costs_neither_an_attempt_nor_the_name(
    shared: World, stage: Stage, proxy: ApiProxy
) -> None:
    """The gateway goes away while the intent is on its way to the API server: the create then finds nobody there."""
    with GatewayProcess(FAST_BOOT) as gateway:
        world = World(stage, gateway, "refusing")
        world.make_secret()
        world.make_provider(probe={"periodSeconds": 1, "failureThreshold": 100})
        hold = proxy.hold_status(When.BEFORE, "refused", '"outcome":"Intended"')
        instance = world.create("refused")
        hold.wait()
        gateway.kill()
        hold.release()
        answered = wait_for("an answer", lambda: stage.operator.said("create answered", "/refused"))[0]
        gateway.start()
        instance.wait_ready()
        assert (answered["outcome"], instance.suffix(answered["names"])) == ("NotExecuted", "n")
        assert instance.sent() == ["n"]
        assert instance.launch()["attempt"] == 1
        assert instance.launch()["send"] >= 2
        assert instance.outcomes() == []
        world.close()
        assert instance.peak() == 1


def test_a_name_that_is_taken_by_a_machine_of_ours_is_adopted(taken: Instance, history: History) -> None:
    instance = taken
    instance.wait_ready(seconds=60)
    assert [record["status"] for record in instance.creates()] == [None, 409]
    assert instance.condition("Launched") == ("True", "Adopted")
    # The looks before that did not show it must not be held against the machine that is known now.
    assert holds_for(5, lambda: instance.condition("Ready") == ("True", "Running"))
    assert instance.sent() == ["n", "n"]
    assert (instance.peak(), len(instance.machines())) == (1, 1)
    assert "OutcomeUnknown" in history.reasons(instance.uid, "Launched")
    instance.delete()
    instance.wait_gone()
    assert instance.live() == []


def test_nothing_went_wrong_in_the_operator(shared: World, operator: OperatorProcess) -> None:
    shared.clear_away()
    assert operator.complaints() == []


def _in_order(wanted: tuple[str, ...], seen: list[str]) -> bool:
    rest = iter(seen)
    return all(reason in rest for reason in wanted)
