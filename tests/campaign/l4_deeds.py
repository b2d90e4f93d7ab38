"""What people, the provider and the cluster do in L4: one method for each step."""

import asyncio
from collections.abc import Mapping
from typing import Any

from tests.campaign.l1_faults import ALL_VERBS
from tests.campaign.l1_person import NAMESPACE
from tests.campaign.l1_provider import Vm
from tests.campaign.l4_supply import Supply, is_going, is_refused
from tests.campaign.l4_world import Company, Ill
from tests.campaign.story import status_of
from tests.campaign.trace import Sent

from gpuwright.model.machine import MachineState
from gpuwright.model.names import ANNOTATION_ADOPT, ANNOTATION_FORGET, ANNOTATION_PAUSED, ANNOTATION_RECONCILE
from gpuwright.model.resources import INSTANCES, PROVIDERS, SECRETS

HAND_MADE = "by-hand"
SETTLED_SECONDS = 130.0  # after the last create of an object nothing of it can appear any more
_SPECS: Mapping[str, Mapping[str, Any]] = {
    "plain": {},
    "stopped": {"powerState": "Stopped"},
    "retain": {"deletionPolicy": "Retain"},
    "fail": {"onLoss": "Fail"},
    "hasty": {"deadlines": {"launchSeconds": 20}},
}
_EDITS: Mapping[str, Mapping[str, Any]] = {
    "off": {"powerState": "Stopped"},
    "on": {"powerState": "Running"},
    "retain": {"deletionPolicy": "Retain"},
    "delete": {"deletionPolicy": "Delete"},
    "fail": {"onLoss": "Fail"},
    "recreate": {"onLoss": "Recreate"},
    "spoil": {"expireAfterSeconds": "never"},
    "mend": {"expireAfterSeconds": None},
}
_NOTES: Mapping[str, Mapping[str, Any]] = {
    "pause": {ANNOTATION_PAUSED: "true"},
    "unpause": {ANNOTATION_PAUSED: None},
    "forget": {ANNOTATION_FORGET: "the provider is gone"},
}
_STATES = {"preempt": MachineState.PREEMPTED, "fail": MachineState.FAILED}


class Deeds(Supply):
    """Everybody who does something in a course. A step that has nothing to do it to does nothing."""

    def __init__(self, world: Company, sweep: str) -> None:
        super().__init__(world, sweep)
        self._kept: dict[str, dict[str, Any]] = {}  # statuses in a backup, by uid
        self._awaited: set[str] = set()  # names that are applied again when they are free

    def create(self, name: str, kind: str) -> None:
        """Create an object where there is none."""
        if self.body(name) is not None:
            return
        if kind in _SPECS:
            self.applies(name, **_SPECS[kind])
        else:
            self.applies(name, {ANNOTATION_ADOPT: HAND_MADE if kind == "adopt-hand" else self._left_alone()})

    def _left_alone(self) -> str:
        """Return the id of a machine whose object is gone."""
        gone = [machine.id for machine in self.world.far.billing if machine.uid in self.world.scene.gone]
        return gone[0] if gone else "i-0"

    def edit(self, name: str, what: str) -> None:
        """Change an object's spec."""
        if self.body(name) is not None:
            self.edits(name, **_EDITS[what])

    def delete(self, name: str) -> None:
        """Ask for an object's end."""
        self.deletes(name)

    def again(self, name: str) -> None:
        """Replace an object: it is deleted, and applied again the moment that it is gone."""
        if self.body(name) is not None and name not in self._awaited:
            self._awaited.add(name)
            self.applies_when_gone(name)
            self.deletes(name)

    def applies(self, name: str, annotations: Mapping[str, str] | None = None, **spec: Any) -> None:
        """See Person; what is there already stays, and in the end nothing is applied again."""
        self._awaited.discard(name)
        if self.body(name) is None and not self.world.closing:
            super().applies(name, annotations, **spec)

    def note(self, name: str, what: str) -> None:
        """Annotate an object."""
        if self.body(name) is None:
            return
        self._requests += 1
        annotations = _NOTES.get(what, {ANNOTATION_RECONCILE: f"request {self._requests}"})
        self.api.change(INSTANCES, NAMESPACE, name, {"metadata": {"annotations": annotations}})

    def tear(self, name: str) -> None:
        """Take the finalizers off by hand."""
        self.tears(INSTANCES, name)

    def backup(self, name: str) -> None:
        """Remember an object's status."""
        body = self.body(name)
        if body is not None:
            self._kept[str(body["metadata"]["uid"])] = dict(status_of(body))

    def restore(self, name: str) -> None:
        """Give an object the status that the backup has, or none; while nothing of it is on its way."""
        body = self.body(name)
        world = self.world
        if body is None or not world.traits.reads or self._is_unsettled(str(body["metadata"]["uid"])):
            return
        self.heal()
        world.restored_at = world.now
        kept = self._kept.get(str(body["metadata"]["uid"]), {})
        for status in (None, kept):  # a merge alone would leave what the backup does not have
            self.api.change(INSTANCES, NAMESPACE, name, {"status": status})

    def _is_unsettled(self, uid: str) -> bool:
        begin = self.world.now - SETTLED_SECONDS
        events = self.world.trace.events
        fresh = any(isinstance(event, Sent) and event.at >= begin and event.uid == uid for event in events)
        return fresh or any(vm.going and vm.alive for vm in self.world.far.vms if vm.billed().uid == uid)

    def crash(self, where: str, ahead: str) -> None:
        """Let whoever makes the effect that is so far ahead die there."""
        self.world.crashes[len(self.world.effects) + int(ahead)] = where

    def restart(self, pause: str) -> None:
        """Kill all that runs; another process begins after a while."""
        for process in self.world.running():
            self.world.ends(process)
        asyncio.get_running_loop().call_later(float(pause), self._begins_where_none_is)

    def _begins_where_none_is(self) -> None:
        if not self.world.running():
            self.world.begin()

    def join(self) -> None:
        """Begin another process beside the one that runs."""
        if len(self.world.running()) < 2:
            self.world.begin()

    def leave(self) -> None:
        """Kill the older of two processes."""
        running = self.world.running()
        if len(running) > 1:
            self.world.ends(running[0])

    def freeze(self) -> None:
        """Freeze the process that runs; another one takes over."""
        running = self.world.running()
        if len(running) == 1:
            self.world.freezes(running[0])
            self.world.begin()

    def thaw(self) -> None:
        """Let what is frozen go on."""
        for process in self.world.running():
            if process.frozen:
                self.world.thaws(process)

    def fault(self, name: str, verb: str, calls: str) -> None:
        """Let the provider be ill: at one verb, for so many calls."""
        if verb in ALL_VERBS:
            self.world.ill = Ill(name, verb, int(calls))

    def heal(self) -> None:
        """Let the provider be well again."""
        self.world.ill = None

    def jump(self, seconds: str) -> None:
        """Set the wall clock of the operator's host."""
        self.world.wall.jump(float(seconds))

    def away(self, seconds: str) -> None:
        """Let the API server not answer for a while."""
        self.world.away_until = max(self.world.away_until, self.world.now + float(seconds))

    def deaf(self, seconds: str) -> None:
        """Let watches be silent for a while."""
        self.world.deaf_until = max(self.world.deaf_until, self.world.now + float(seconds))

    def lose(self, writes: str) -> None:
        """Let the answers to the next writes be lost."""
        self.world.loses = int(writes)

    def machine_of(self, name: str, what: str) -> None:
        """Let something happen to an object's machine at the provider."""
        vm = self.machine(name)
        if vm is None:
            return
        if what == "kill":
            self.world.far.kill(vm)
        elif not vm.going:
            self.world.far.change(vm, _STATES[what])

    def hand(self) -> None:
        """Make a machine by hand."""
        if not self._hand_made():
            self.runs_a_machine(HAND_MADE)

    def _hand_made(self) -> list[Vm]:
        return [vm for vm in self.world.far.vms if vm.name == HAND_MADE and vm.alive]

    def boot(self, seconds: str) -> None:
        """Let machines take so long to boot from now on."""
        self.world.far.boot_seconds = float(seconds)

    def wait(self) -> None:
        """Let time pass: the step's pause."""

    def ills(self) -> set[str]:
        """Return what is as no operator can work with."""
        world = self.world
        instances = self.api.all(INSTANCES)
        provider = self.api.now(PROVIDERS, NAMESPACE, "gateway")
        ill = {
            "provider": world.ill is not None and bool(world.ill.calls),
            "API server": world.now < world.away_until,
            "watch": world.now < world.deaf_until,
            "Secret": self.secret_value() not in world.far.secrets or is_refused(provider),
            "paused": any(ANNOTATION_PAUSED in (body["metadata"].get("annotations") or {}) for body in instances),
            "no provider": provider is None or is_going(provider),
            "draining": bool((provider or {}).get("spec", {}).get("draining")),
            "Secret goes": is_going(self.api.now(SECRETS, NAMESPACE, "gateway-token") or {"metadata": {}}),
        }
        return {what for what, so in ill.items() if so}
