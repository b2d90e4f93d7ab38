"""Plays the acts: does what each says, waits until it has come about, and holds its claims against the truth."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import assert_never

from gpuwright_sandbox.demo import checks, manifests
from gpuwright_sandbox.demo.checks import Check
from gpuwright_sandbox.demo.errors import ClaimError, NotSeenError
from gpuwright_sandbox.demo.eyes import NAMESPACE
from gpuwright_sandbox.demo.facts import Instance, View
from gpuwright_sandbox.demo.plan import KILLED, PLAIN, Act, Deed, Planned, everybody
from gpuwright_sandbox.demo.rows import rows_of, truth_in_words
from gpuwright_sandbox.demo.screen import Screen
from gpuwright_sandbox.demo.stage import EXAMPLES, PROVIDER, Stage
from gpuwright_sandbox.demo.story import Outcome, Place

_PATIENCE_SECONDS = 60.0
_LOOK_SECONDS = 0.2
_DARK_SECONDS = 2.0
_REST_SECONDS = 0.5


class Player:
    """Plays acts on a stage, and tells a screen about it."""

    def __init__(self, stage: Stage, screen: Screen, story: Sequence[Act]) -> None:
        self._stage = stage
        self._screen = screen
        self._story = story
        self._began = time.monotonic()

    def play(self) -> tuple[Outcome, ...]:
        """Return what came of each act.

        Raises:
            NotSeenError: something did not come about in time.
            ClaimError: a claim is false.
        """
        self._began = time.monotonic()
        with self._screen.story():
            return tuple(self._play(act, number) for number, act in enumerate(self._story, start=1))

    def _play(self, act: Act, number: int) -> Outcome:
        began = time.monotonic()
        self._place = Place(act, number, len(self._story), began - self._began)
        self._screen.begin(self._place)
        claims = self._do(act)
        over = Outcome(self._place, claims, time.monotonic() - began, self._look())
        self._screen.end(over)
        if not over.well:
            raise ClaimError(checks.broken(claims))
        return over

    def _do(self, act: Act) -> tuple[Check, ...]:
        match act.deed:
            case Deed.APPLY:
                return self._apply(act)
            case Deed.POWER:
                return self._power()
            case Deed.OUTAGE:
                return self._outage()
            case Deed.KILL:
                return self._kill(act)
            case Deed.DELETE:
                return self._delete()
            case _:
                assert_never(act.deed)

    def _apply(self, act: Act) -> tuple[Check, ...]:
        self._bring(act)
        view = self._until(f"{_names(act.instances)} Ready", lambda view: _all_run(view, act.instances))
        return self._tried(act.instances, view)

    def _power(self) -> tuple[Check, ...]:
        before = self._look()
        self._set_power(PLAIN, "Stopped")
        stopped = self._until("plain Stopped", lambda view: _is(view, PLAIN, "Stopped"))
        self._set_power(PLAIN, "Running")
        after = self._until("plain Running", lambda view: _is(view, PLAIN, "Running"))
        uid = _instance(after, PLAIN).uid
        return (checks.same_machine_after_power(before.truth, stopped.truth, after.truth, uid),)

    def _outage(self) -> tuple[Check, ...]:
        before = self._look()
        self._stage.gateway.add_fault(call="any", nth="every", action="drop")
        dark = self._until(
            "every instance Ready=Unknown", lambda view: all(each.ready == "Unknown" for each in view.instances)
        )
        self._screen.note("the provider cannot be seen: the operator waits, and touches nothing")
        dark = self._linger(_DARK_SECONDS)
        self._stage.gateway.clear_faults()
        self._screen.note("the gateway answers again")
        after = self._until("every instance Ready again", _all_ready)
        return (checks.nothing_was_known(dark.instances), checks.nothing_was_touched(before.truth, after.truth))

    def _kill(self, act: Act) -> tuple[Check, ...]:
        operator, before = self._stage.operator, self._look()
        self._bring(act)
        self._until("a machine for killed", lambda view: bool(view.truth.live_of(_instance(view, KILLED).uid)))
        killed_at, pid = datetime.now(UTC), operator.pid
        operator.kill()
        self._screen.note(f"operator {pid} killed while it waits for the answer; another one starts")
        operator.spawn()
        view = self._until("killed Ready", lambda view: _all_run(view, act.instances))
        older = checks.made_before_the_kill(_instance(view, KILLED), view.truth, killed_at)
        undisturbed = checks.nobody_was_disturbed(before.instances, view.instances)
        return (*self._tried(act.instances, view), older, undisturbed)

    def _delete(self) -> tuple[Check, ...]:
        before = self._look()
        standing = (
            checks.one_machine_each(before.instances, before.truth),
            checks.status_is_true(before.instances, before.truth),
            checks.status_tells_the_tries(before.instances, before.truth),
        )
        self._stage.kubectl("delete", "gwi", "--namespace", NAMESPACE, "--all", "--wait=false")
        gone = self._until("no instance and no machine", lambda view: not view.instances and not view.truth.live)
        later = self._linger(_REST_SECONDS)
        return (
            *standing,
            checks.all_gone(later),
            checks.no_leak(self._stage.eyes.leaks(PROVIDER)),
            checks.bill_rests(gone.truth, later.truth),
            checks.never_two(later.truth, made=len(everybody(self._story))),
        )

    def _bring(self, act: Act) -> None:
        """Tell the gateway what to spoil, then apply the act's instances."""
        for planned in act.instances:
            for fault in planned.faults():
                self._stage.gateway.add_fault(**fault)
        if act.manifest:
            self._stage.kubectl("apply", "-f", str(EXAMPLES / act.manifest))
            return
        pattern = (EXAMPLES / "plain.yaml").read_text()
        drawn = manifests.renamed(pattern, (planned.name for planned in act.instances))
        self._stage.kubectl("apply", "-f", "-", manifest=drawn)

    def _set_power(self, planned: Planned, state: str) -> None:
        patch = f'{{"spec": {{"powerState": "{state}"}}}}'
        self._stage.kubectl("patch", "gwi", planned.name, "--namespace", NAMESPACE, "--type=merge", "--patch", patch)

    def _tried(self, instances: Sequence[Planned], view: View) -> tuple[Check, ...]:
        found: list[Check] = []
        for planned in instances:
            instance = _instance(view, planned)
            found.append(checks.names_tried(planned, instance, view.truth, self._stage.cluster))
            if planned.orphans:
                found.append(checks.adopted(instance, view.truth))
        return tuple(found)

    def _until(self, expected: str, holds: Callable[[View], bool]) -> View:
        """Return the first view in which it holds.

        Raises:
            NotSeenError: it did not within a minute, or the operator ended by itself.
        """
        began = time.monotonic()
        while not holds(view := self._look()):
            seconds = time.monotonic() - began
            if seconds > _PATIENCE_SECONDS or self._stage.operator.pid is None:
                ended = "the operator ended by itself; " if self._stage.operator.pid is None else ""
                raise NotSeenError(expected, ended + _in_words(view), seconds)
            time.sleep(_LOOK_SECONDS)
        return view

    def _linger(self, seconds: float) -> View:
        """Return how things are after so many seconds."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            time.sleep(_LOOK_SECONDS)
            self._look()
        return self._look()

    def _look(self) -> View:
        view = self._stage.eyes.look()
        self._screen.show(view, replace(self._place, seconds=time.monotonic() - self._began))
        return view


def _instance(view: View, planned: Planned) -> Instance:
    instance = view.instance(planned.name)
    if instance is None:
        raise NotSeenError(f"the instance {planned.name}", _in_words(view), 0)
    return instance


def _is(view: View, planned: Planned, summary: str) -> bool:
    instance = view.instance(planned.name)
    return instance is not None and instance.ready == "True" and instance.summary == summary


def _all_run(view: View, instances: Sequence[Planned]) -> bool:
    return all(_is(view, planned, "Running") for planned in instances)


def _all_ready(view: View) -> bool:
    return all(each.ready == "True" for each in view.instances)


def _names(instances: Sequence[Planned]) -> str:
    return ", ".join(planned.name for planned in instances)


def _in_words(view: View) -> str:
    lines = [row.in_words() for row in rows_of(view)]
    return "\n          ".join((*lines, f"truth     {truth_in_words(view.truth)}"))
