"""The API server and its store: killed, frozen, and set back to what they were some time ago."""

import asyncio
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from tests.campaign.l3_clean import Clean
from tests.campaign.l3_door import LetPass
from tests.campaign.l3_effects import Exchange
from tests.campaign.l3_judge import compare, without_errors
from tests.campaign.l3_plays import Stand
from tests.campaign.l3_points import Point
from tests.campaign.l3_run import Report, played
from tests.campaign.l3_slot import PATIENCE_SECONDS, Slot, Slots
from tests.e2e.cluster import wait_for

from gpuwright_sandbox.controlplane.layout import Component, Layout
from gpuwright_sandbox.controlplane.plane import ControlPlane


@dataclass(frozen=True, slots=True)
class Outage:
    """What happens to which part, and for how long."""

    component: Component
    frozen: bool
    seconds: float

    def begin(self, plane: ControlPlane) -> None:
        """Make it happen."""
        (plane.pause if self.frozen else plane.kill)(self.component)

    def end(self, plane: ControlPlane) -> None:
        """Mend it, when its time is over."""
        time.sleep(self.seconds)
        (plane.resume if self.frozen else plane.start_component)(self.component)

    def __str__(self) -> str:
        return f"{self.component}-{'frozen' if self.frozen else 'killed'}-{self.seconds:g}s"


OUTAGES = (
    Outage("kube-apiserver", frozen=False, seconds=1),
    Outage("kube-apiserver", frozen=False, seconds=8),
    Outage("kube-apiserver", frozen=True, seconds=3),
    Outage("kube-apiserver", frozen=True, seconds=25),  # longer than the operator waits for an answer
    Outage("etcd", frozen=False, seconds=3),
    Outage("etcd", frozen=True, seconds=6),
)
MOMENTS = (
    ("create", "instance record Intended#1", "before"),
    ("create", "instance record Intended#1", "after"),
    ("create", "create#1", "before"),
    ("create", "instance record Committed#1", "before"),
    ("create", "instance record Committed#1", "after"),
    ("delete", "instance record ending Deleted#1", "after"),
    ("delete", "delete#1", "after"),
    ("delete", "instance finalizer off#1", "before"),
    ("delete", "instance finalizer off#1", "after"),
    ("stop-start", "instance record ending PowerOff#1", "after"),
)
EACH = 2  # outages at each moment, one after the other of all there are
RESTORES = (
    ("create", "instance finalizer on#1"),
    ("create", "instance record Intended#1"),
    ("stop-start", "instance record ending over#1"),
    ("delete", "instance record ending Deleted#1"),
    ("killed-at-provider", "instance record ending Lost#1"),
)


class At(LetPass):
    """Do something at one effect, before it arrives or before its answer does.

    Attributes:
        struck: whether it has begun.
    """

    def __init__(self, effect: str, when: str, begin: Callable[[], None], end: Callable[[], None]) -> None:
        self._effect = effect
        self._when = when
        self._begin = begin
        self._mending = threading.Event()
        self._thread = threading.Thread(target=end, name="mend", daemon=True)
        self.struck = False

    async def before(self, exchange: Exchange) -> bool:
        """See Plan."""
        await self._at(exchange, "before")
        return True

    async def after(self, exchange: Exchange) -> bool:
        """See Plan."""
        await self._at(exchange, "after")
        return True

    async def _at(self, exchange: Exchange, when: str) -> None:
        if self.struck or when != self._when or exchange.effect != self._effect:
            return
        self.struck = True
        await asyncio.get_running_loop().run_in_executor(None, self._begin)
        self._thread.start()
        self._mending.set()

    def join(self) -> None:
        """Return when what was begun is over."""
        if self.struck:
            self._mending.wait()
            self._thread.join()


def outage_points(clean: list[Clean]) -> list[Point]:
    """Return the points: some outages at each moment, and the restores."""
    known = {one.play.name: one for one in clean}
    points = []
    for number, (play, effect, when) in enumerate(MOMENTS):
        for turn in range(EACH):
            outage = OUTAGES[(number * EACH + turn) % len(OUTAGES)]
            run = partial(cut_off, known[play], effect, when, outage)
            points.append(Point(f"outage/{play}/{effect}/{when}/{outage}", run, alone=True))
    for play, effect in RESTORES:
        points.append(Point(f"restore/{play}/{effect}", partial(set_back, known[play], effect), alone=True))
    return points


def cut_off(clean: Clean, effect: str, when: str, outage: Outage, slots: Slots) -> Report:
    """Play a workflow with an outage at one effect."""
    plane = slots.ground.plane
    plan = At(effect, when, partial(outage.begin, plane), partial(outage.end, plane))
    with slots.lent() as slot:
        report = played(slot, clean.play, plan)
        wait_for("a control plane that works", plane.is_ready, PATIENCE_SECONDS)
        _judge(slot, report, clean)
    return report


def set_back(clean: Clean, effect: str, slots: Slots) -> Report:
    """Play a workflow; in its end the store is set back to what it was at one effect, and the operator begins anew."""
    plane = slots.ground.plane
    kept = Path(slots.ground.logs) / "kept"
    plan = At(effect, "after", partial(_keep, plane, kept), lambda: None)

    def act(stand: Stand) -> None:
        clean.play.act(stand)
        clean.play.end(stand)
        plan.join()
        stand.slot.operator.put_down()
        _restore(plane, kept)
        stand.slot.operator.keep()

    with slots.lent(fresh=True) as slot:
        report = played(slot, replace(clean.play, act=act), plan)
        # How often a machine was replaced nobody remembers any more.
        end = {path: value for path, value in clean.end.items() if not path.endswith("/replacements")}
        _judge(slot, report, replace(clean, end=end))
    return report


def _judge(slot: Slot, report: Report, clean: Clean) -> None:
    without_errors(report)
    compare(report, clean)
    slot.worn = slot.worn or bool(report.broken)


def _keep(plane: ControlPlane, kept: Path) -> None:
    """Copy the store as it is now; it must not run meanwhile."""
    shutil.rmtree(kept, ignore_errors=True)
    plane.kill("etcd")
    shutil.copytree(Layout(plane.directory).etcd_data, kept)
    plane.start_component("etcd")


def _restore(plane: ControlPlane, kept: Path) -> None:
    """Put the copy in the store's place; whoever remembers what came later is begun anew, as the manuals say."""
    plane.stop()
    data = Layout(plane.directory).etcd_data
    shutil.rmtree(data)
    shutil.copytree(kept, data)
    plane.start()
