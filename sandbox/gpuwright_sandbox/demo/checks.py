"""PURE: every claim that the demo makes, held against what the gateway knows to be true."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from gpuwright_sandbox.demo.facts import LOST, Instance, Machine, OwnerCount, Truth, View
from gpuwright_sandbox.demo.plan import Planned, Try, base_name


@dataclass(frozen=True, slots=True)
class Check:
    """A claim, what it expects and what was seen: it holds when both are the same words."""

    claim: str
    expected: str
    seen: str

    @property
    def holds(self) -> bool:
        """Whether the claim is true."""
        return self.expected == self.seen


def names_tried(planned: Planned, instance: Instance, truth: Truth, cluster: str) -> Check:
    """Return whether the gateway heard exactly the creates that the plan foresees, in that order."""
    expected = planned.tries(base_name(planned.name, instance.uid, cluster))
    heard = tuple(Try(call.name, call.answer) for call in truth.creates_of(instance.uid))
    return Check(f"{planned.name}: {_in_short(expected)}", _listed(expected), _listed(heard))


def adopted(instance: Instance, truth: Truth) -> Check:
    """Return whether the machine that a lost create has made is the one in the status, and said to be adopted."""
    return Check(
        f"{instance.name}: what the lost create had made was found, and adopted",
        f"{_machines(truth.live_of(instance.uid))}, Adopted",
        f"{_named(instance)}, {instance.launched}",
    )


def one_machine_each(instances: Sequence[Instance], truth: Truth) -> Check:
    """Return whether every instance was given one machine, never two at once, and nobody else was given any."""
    one = OwnerCount(live=1, peak=1, created=1)
    expected = {instance.uid: one for instance in instances}
    return Check(
        "each instance was given one machine, and never had two",
        _counted(expected, instances),
        _counted(truth.owners, instances),
    )


def status_is_true(instances: Sequence[Instance], truth: Truth) -> Check:
    """Return whether each status names the machine that its owner truly has."""
    expected = (f"{each.name} has {_machines(truth.live_of(each.uid))}" for each in instances)
    seen = (f"{each.name} has {_named(each)}" for each in instances)
    return Check("each status names the machine that exists", "; ".join(expected), "; ".join(seen))


def status_tells_the_tries(instances: Sequence[Instance], truth: Truth) -> Check:
    """Return whether each status tells the names as the gateway heard them."""
    heard = (", ".join(call.name for call in truth.creates_of(each.uid)) for each in instances)
    told = (", ".join(each.tried) for each in instances)
    return Check("each status tells the names that were tried", "; ".join(heard), "; ".join(told))


def same_machine_after_power(before: Truth, stopped: Truth, after: Truth, owner_uid: str) -> Check:
    """Return whether powering off and on was done to one machine, by one call each, and bought nothing."""
    name = next((machine.id for machine in before.live_of(owner_uid)), "a machine")
    calls = {kind: len(after.of_kind(kind)) - len(before.of_kind(kind)) for kind in ("create", "stop", "start")}
    seen = (
        f"{_states(stopped.live_of(owner_uid))}, then {_states(after.live_of(owner_uid))};"
        f" {calls['create']} created, {calls['stop']} stop, {calls['start']} start"
    )
    return Check(
        "the same machine was stopped and started",
        f"{name} stopped, then {name} running; 0 created, 1 stop, 1 start",
        seen,
    )


def nothing_was_known(instances: Sequence[Instance]) -> Check:
    """Return whether every instance says that it cannot know; of a view in the middle of the outage."""
    expected = ("Unknown, ProviderUnreachable" for _ in instances)
    return Check(
        "in the dark every instance said Ready=Unknown",
        "; ".join(expected),
        "; ".join(f"{each.ready}, {each.reason}" for each in instances),
    )


def nothing_was_touched(before: Truth, after: Truth) -> Check:
    """Return whether the same machines are alive, and no call that would change one was heard in between."""
    fresh = len(after.calls) - len(before.calls)
    return Check(
        "in the dark no machine was made, ended or restarted",
        f"{_machines(before.live)}; 0 calls",
        f"{_machines(after.live)}; {fresh} calls",
    )


def made_before_the_kill(instance: Instance, truth: Truth, killed_at: datetime) -> Check:
    """Return whether the one machine was asked for by the operator that was killed."""
    live = truth.live_of(instance.uid)
    older = all(machine.created < killed_at for machine in live)
    return Check(
        "the killed operator had asked for it, and the next one made no other",
        "1 machine, older than the kill",
        f"{len(live)} machine, {'older' if older else 'younger'} than the kill",
    )


def nobody_was_disturbed(before: Sequence[Instance], after: Sequence[Instance]) -> Check:
    """Return whether the condition Ready of each instance from before has stood still, all the time."""
    later = {instance.uid: instance for instance in after}
    return Check(
        "meanwhile Ready of all the others stood still",
        "; ".join(_since(each) for each in before),
        "; ".join(_since(later[each.uid]) if each.uid in later else f"{each.name} gone" for each in before),
    )


def all_gone(view: View) -> Check:
    """Return whether no object is left, no machine is alive, and no owner has one."""
    owned = sum(count.live for count in view.truth.owners.values())
    return Check(
        "no object and no machine is left",
        "0 objects, 0 machines alive, 0 owned",
        f"{len(view.instances)} objects, {len(view.truth.live)} machines alive, {owned} owned",
    )


def no_leak(leaks: Sequence[str]) -> Check:
    """Return whether the provider's status lists no machine that may still bill; `leaks` are the names in it."""
    return Check("the provider's status suspects no leak", "no machine", ", ".join(leaks) or "no machine")


def bill_rests(before: Truth, after: Truth) -> Check:
    """Return whether nothing was billed between two looks."""
    return Check("the bill no longer grows", f"{before.billed:.6f} dollars", f"{after.billed:.6f} dollars")


def never_two(truth: Truth, made: int) -> Check:
    """Return whether so many machines were made in all, over the whole demo, and no owner ever had two at once."""
    highest = max((count.peak for count in truth.owners.values()), default=0)
    return Check(
        f"{made} instances, {made} machines made, never two of one owner",
        f"{made} machines made, at most 1 at once, 0 owners with two",
        f"{len(truth.machines)} machines made, at most {highest} at once, {len(truth.doubled)} owners with two",
    )


def broken(checks: Iterable[Check]) -> tuple[Check, ...]:
    """Return the claims that are false."""
    return tuple(check for check in checks if not check.holds)


def _in_short(tries: Sequence[Try]) -> str:
    """Return `500, then 503 as -r2, then lost, then 201 under the same name`, say."""
    words = [tries[0].answer if len(tries) > 1 or tries[0].answer == LOST else f"{tries[0].answer} at the first try"]
    for before, after in pairwise(tries):
        suffix = after.name.removeprefix(tries[0].name)
        words.append(f"{after.answer} {'under the same name' if after.name == before.name else f'as {suffix}'}")
    story = ", then ".join(words)
    return f"{story}, and never sent again" if tries[-1].answer == LOST else story


def _listed(tries: Iterable[Try]) -> str:
    return ", ".join(f"{each.name} {each.answer}" for each in tries)


def _counted(owners: Mapping[str, OwnerCount], instances: Sequence[Instance]) -> str:
    names = {instance.uid: instance.name for instance in instances}
    by_name = {names.get(uid, uid or "nobody"): count for uid, count in owners.items()}
    counts = sorted(by_name.items(), key=lambda entry: entry[0])
    return ", ".join(f"{name} {count.created} made, peak {count.peak}, {count.live} live" for name, count in counts)


def _named(instance: Instance) -> str:
    return f"{instance.machine_id} {instance.machine_name}" if instance.machine_id else "no machine"


def _since(instance: Instance) -> str:
    return f"{instance.name} {instance.ready} since {instance.ready_since}"


def _machines(machines: Iterable[Machine]) -> str:
    return ", ".join(f"{machine.id} {machine.name}" for machine in machines) or "no machine"


def _states(machines: Iterable[Machine]) -> str:
    return ", ".join(f"{machine.id} {machine.state}" for machine in machines) or "no machine"
