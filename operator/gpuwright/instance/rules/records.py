"""How a launch record follows another: names, tokens, residue. Nothing else makes one."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from gpuwright.instance.observation import Observation
from gpuwright.model.conditions import Reason, cut, timestamp
from gpuwright.model.machine import Machine
from gpuwright.model.memory import Ending, EndingReason, Launch, Memory, Outcome, ProviderRef, Residue
from gpuwright.model.names import attempt_of, token
from gpuwright.model.provider_view import ProviderView
from gpuwright.model.request import Wishes, request_for

KEPT_ATTEMPTS = 20


def moment(seen: Observation) -> str:
    """Return the observation's time as status has it."""
    return timestamp(datetime.fromtimestamp(seen.wall, UTC))


def first_launch(seen: Observation, provider: ProviderView, placement: int = 0) -> Launch:
    """Return a record that says: nothing was sent yet."""
    return Launch(
        incarnation=1,
        attempt=1,
        name="",
        token="",
        request_hash="",
        provider=provider.ref,
        placement=placement,
        place=seen.place_at(placement, provider),
        send=0,
        sent_by=seen.process,
        intended=moment(seen),
        settle_seconds=provider.settle_seconds,
        outcome=Outcome.NOT_EXECUTED,
    )


def adopted_launch(seen: Observation, machine: Machine, *, by_person: bool, at: ProviderView | None = None) -> Launch:
    """Return the record of a machine that was found: with the incarnation and attempt that it carries."""
    provider = at or seen.provider
    if provider is None:
        raise ValueError("a machine is adopted at a provider")
    placement = _placement_of(seen, machine.name, provider)
    incarnation = 1 if by_person else machine.incarnation
    attempt = 1 if by_person else attempt_of(machine.name)
    return replace(
        first_launch(seen, provider, placement),
        incarnation=incarnation,
        attempt=attempt,
        name=machine.name,
        token=token(seen.instance.owner, incarnation, attempt, placement),
        outcome=Outcome.COMMITTED,
        settled=True,
        adopted=by_person,
        reason=str(Reason.ADOPTED),
    )


def _placement_of(seen: Observation, name: str, provider: ProviderView) -> int:
    """Return the placement of a machine that was found: where its name was tried, or else the first at its provider."""
    for entry in seen.memory.residue:
        if (entry.name, entry.provider) == (name, provider.ref):
            return entry.placement
    if seen.launch is not None and seen.launch.provider == provider.ref:
        return seen.launch.placement
    offers = seen.instance.spec.offers if seen.instance.spec is not None else ()
    return next((number for number, offer in enumerate(offers) if offer.ref == provider.ref), 0)


def next_intent(
    seen: Observation, provider: ProviderView, wishes: Wishes, *, capacity_waited: int, placement: int | None = None
) -> Memory:
    """Return the memory with the intent of the next send: the next name, the same name again, or the next incarnation.

    `placement`: where, if not where the launch is. Raises ValueError where it would leave a create behind of which
    nobody knows what became of it.
    """
    launch = seen.launch
    placement = seen.placement if placement is None else placement
    incarnation, attempt, resent = _elsewhere(launch, placement) or _next(seen, wishes)
    request = request_for(seen.instance.owner, wishes, incarnation, attempt, placement)
    intent = Launch(
        incarnation=incarnation,
        attempt=attempt,
        name=request.name,
        token=request.token,
        request_hash=request.fingerprint(),
        provider=provider.ref,
        placement=placement,
        place=seen.place_at(placement, provider),
        send=(launch.send if launch else 0) + 1,
        sent_by=seen.process,
        intended=moment(seen),
        settle_seconds=provider.settle_seconds,
        outcome=Outcome.INTENDED,
        capacity_waited_seconds=capacity_waited if launch and launch.incarnation == incarnation else 0,
        resent=resent,
    )
    replaced = launch is not None and launch.incarnation != incarnation
    return replace(
        seen.memory,
        launch=intent,
        residue=_residue(seen.memory, intent.name, reads=_can_be_read(seen, provider)),
        machine={} if replaced else seen.memory.machine,
        attempts=finished_attempts(seen, placement),
        replacements=seen.memory.replacements + (1 if replaced else 0),
    )


def _can_be_read(seen: Observation, provider: ProviderView) -> bool:
    """Return whether what was tried last can be looked for; `provider` is the one that is asked next."""
    last = provider if provider.ref == seen.ref else seen.provider
    return last is None or last.capabilities.reads


def _elsewhere(launch: Launch | None, placement: int) -> tuple[int, int, bool] | None:
    """Return what `_next` does for a send at another placement; None where it stays.

    The name is always the next one: a look at one place says nothing about the same name at another.
    """
    if launch is None or launch.send == 0 or launch.outcome is Outcome.COMMITTED or launch.placement == placement:
        return None
    if launch.unsettled:
        raise ValueError(f"{launch.name} is unsettled: its placement may not be left")
    return launch.incarnation, launch.attempt + 1, False


def _next(seen: Observation, wishes: Wishes) -> tuple[int, int, bool]:
    """Return incarnation, attempt, and whether the name repeats one whose send ended Unknown."""
    launch = seen.launch
    if launch is None:
        return 1, 1, False
    if launch.outcome is Outcome.COMMITTED:
        return launch.incarnation + 1, 1, False
    if launch.send == 0:
        return launch.incarnation, 1, False
    if launch.outcome is Outcome.NOT_COMMITTED or launch.conflict:
        return launch.incarnation, launch.attempt + 1, False
    again = request_for(seen.instance.owner, wishes, launch.incarnation, launch.attempt, launch.placement)
    if again.fingerprint() != launch.request_hash:
        # Never an old token with another body; the name may be known with the old one too.
        return launch.incarnation, launch.attempt + 1, False
    return launch.incarnation, launch.attempt, launch.resent or launch.unsettled


def nothing_of_ours(launch: Launch) -> bool:
    """Return whether no send of this name can have made anything: it never left, or somebody else held the name
    before.
    """
    if launch.resent:
        return False
    return launch.outcome is Outcome.NOT_EXECUTED or launch.reason == Reason.NAME_CONFLICT


def _residue(memory: Memory, keep: str, *, reads: bool) -> tuple[Residue, ...]:
    """Return the residue with the replaced launch's name added, unless its send never happened or is repeated now."""
    launch = memory.launch
    if launch is None or launch.send == 0 or launch.name == keep or launch.outcome is Outcome.COMMITTED:
        return memory.residue
    if nothing_of_ours(launch) and (launch.outcome is Outcome.NOT_EXECUTED or not reads):
        return memory.residue
    if any(entry.name == launch.name for entry in memory.residue):
        return memory.residue
    entry = Residue(launch.name, launch.provider, launch.place, launch.placement, launch.intended)
    return (*memory.residue, entry)


def taken_over(seen: Observation, launch: Launch, found: Machine, at: ProviderView | None = None) -> Memory:
    """Return the memory in which a machine that a look shows under our tag is the recorded one, whatever was on record
    before. What was tried stays to be looked for. `at`: its provider, if it is another one than the launch's.
    """
    return replace(
        seen.memory.with_machine(found),
        launch=replace(adopted_launch(seen, found, by_person=False, at=at), send=launch.send),
        residue=tuple(e for e in _residue(seen.memory, found.name, reads=True) if e.name != found.name),
        attempts=finished_attempts(seen),
    )


def finished_attempts(seen: Observation, placement: int | None = None) -> tuple[Mapping[str, Any], ...]:
    """Return the history with the launch on record as its newest entry; people read it, nothing decides on it.

    What was not executed is no attempt, unless it is left for another placement.
    """
    launch = seen.launch
    if launch is None:
        return seen.memory.attempts
    left = placement is not None and launch.placement != placement and launch.send > 0
    if launch.outcome is Outcome.NOT_EXECUTED and not left:
        return seen.memory.attempts
    entry = {
        "incarnation": launch.incarnation,
        "attempt": launch.attempt,
        "name": launch.name,
        "providerRef": launch.provider.body(),
        "placement": launch.placement,
        "outcome": str(launch.outcome),
        "reason": str(launch.ending.reason) if launch.ending else launch.reason or str(launch.outcome),
        "message": cut(launch.message or str(seen.memory.machine.get("id", ""))),
        "startedTime": launch.intended,
        "finishedTime": moment(seen),
    }
    return (*seen.memory.attempts, entry)[-KEPT_ATTEMPTS:]


def with_passed(seen: Observation, memory: Memory, passed: Iterable[tuple[int, ProviderRef, Reason, str]]) -> Memory:
    """Return the memory whose history says, too, which placements were passed over and why; each once for a reason."""
    launch = memory.launch
    if launch is None:
        return memory
    attempts = list(memory.attempts)
    for placement, provider, reason, message in passed:
        before = next((dict(entry) for entry in reversed(attempts) if entry.get("placement") == placement), {})
        if (before.get("incarnation"), before.get("reason")) == (launch.incarnation, str(reason)):
            continue
        entry = {
            "incarnation": launch.incarnation,
            "attempt": launch.attempt,
            "name": "",
            "providerRef": provider.body(),
            "placement": placement,
            "outcome": str(Outcome.NOT_EXECUTED),
            "reason": str(reason),
            "message": cut(message),
            "startedTime": moment(seen),
            "finishedTime": moment(seen),
        }
        attempts.append(entry)
    return replace(memory, attempts=tuple(attempts)[-KEPT_ATTEMPTS:])


def with_ending(seen: Observation, reason: EndingReason, names: tuple[str, ...]) -> Memory:
    """Return the memory with the ending that must be on record before anything is destroyed."""
    return seen.memory.with_launch(ending=Ending(reason, names, moment(seen)))
