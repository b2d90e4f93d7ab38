"""Which of several placements is asked next: the first in order at which nothing stands in the way. The order is the
list's own or that of prices; the position on record is always that in the list.

A placement is left only when nothing of it is unsettled: an Unknown is never left, however long its provider is away
(docs/protocol.md, "Placements"). What was promised to have made nothing is looked for at its own place until that is
proven.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal

from gpuwright.instance.actions import Wait
from gpuwright.instance.observation import Observation, Unmet
from gpuwright.instance.rules.admission import hindered
from gpuwright.instance.rules.price import price_at, price_pause, too_dear
from gpuwright.instance.witness import Aside
from gpuwright.model.conditions import Reason
from gpuwright.model.errors import ProviderError, Rejected, Throttled, TooDear
from gpuwright.model.memory import Launch, Outcome
from gpuwright.model.placement_spec import Offer, PlacementOrder, words_of
from gpuwright.model.provider_view import Hindrance, ProviderView
from gpuwright.model.request import Wishes

FIRST_PAUSE = 10.0  # seconds before a placement is asked again that had nothing to give; doubles up to LONGEST_PAUSE
LONGEST_PAUSE = 300.0
PATIENCE = 10.0  # seconds that are waited for a placement before the next one is asked instead
MISSING_PATIENCE = 30.0  # seconds for which a provider may be applied after its instance
REJECTED_PAUSE = 600.0
FOR_GOOD = 1e12  # until a person asks for a new try
LOOK_AGAIN = 60.0

SPENT = frozenset({Reason.CAPACITY_UNAVAILABLE, Reason.PRICE_TOO_HIGH, Reason.QUOTA_EXCEEDED})
"""What a provider says of an offer that asking again at once does not change."""

NEEDS_A_PERSON = frozenset({Reason.REQUEST_REJECTED, Reason.NAME_CONFLICT})
DELETE_AND_CREATE = "What was asked for cannot be changed: delete this ComputeInstance and create another"


@dataclass(frozen=True, slots=True)
class Held:
    """Why a placement is not asked now. `leaves`: the next one may be asked instead."""

    placement: int
    offer: Offer
    wait: Wait
    leaves: bool = True
    asked: bool = False  # it was asked, so that the history has it already


@dataclass(frozen=True, slots=True)
class Target:
    """The placement that is asked next, and those that were passed over for it."""

    placement: int
    provider: ProviderView
    wishes: Wishes
    passed: tuple[Held, ...] = ()


def next_target(seen: Observation) -> Target | Wait:
    """Return the placement to ask now, or why none is asked and for how long."""
    passed: list[Held] = []
    for placement, offer in _in_order(seen):
        held = _held(seen, placement, offer)
        if held is None:
            return _target(seen, placement, seen.providers[offer.ref], tuple(passed))
        if not held.leaves:
            return held.wait
        passed.append(held)
    return _until_one_is_free(passed)


def _in_order(seen: Observation) -> Iterable[tuple[int, Offer]]:
    """Return the placements in the order in which they are asked, each with its position in the list."""
    listed = tuple(enumerate(seen.spec.offers))
    if seen.spec.placement_order is not PlacementOrder.PRICE:
        return listed
    return sorted(listed, key=lambda one: _rank(seen, *one))  # stable: the list decides between equal ones


def _rank(seen: Observation, placement: int, offer: Offer) -> tuple[int, Decimal]:
    """Return what is asked first as the least: known prices from low to high, and before them a provider that is not
    there yet, because it may turn out to be the cheapest: it is waited for as if it stood first.
    """
    provider = seen.providers.get(offer.ref)
    if provider is None:
        return 0, Decimal(0)
    price = price_at(seen, placement, provider)
    return (2, Decimal(0)) if price is None else (1, price)


def _target(seen: Observation, placement: int, provider: ProviderView, passed: tuple[Held, ...]) -> Target | Wait:
    wishes = seen.wishes_at(placement)
    if isinstance(wishes, Unmet):
        return Wait(Reason.SECRET_NOT_FOUND, wishes.message, seconds=30)
    if wishes is None:
        return Wait(Reason.WAITING, "waiting for the request to be made up", brief=True, seconds=1)
    return Target(placement, provider, wishes, passed)


def _held(seen: Observation, placement: int, offer: Offer) -> Held | None:
    provider = seen.providers.get(offer.ref)
    if provider is None:
        return _without_provider(seen, placement, offer)
    return (
        _refused(seen, placement, offer)
        or _hindered(placement, offer, provider)
        or _dear(seen, placement, offer, provider)
        or _paused(seen, placement, offer, provider)
        or _full(seen, placement, offer, provider)
    )


def _without_provider(seen: Observation, placement: int, offer: Offer) -> Held:
    hindrance = seen.missing.get(offer.ref)
    if hindrance is None:
        wait = Wait(Reason.PROVIDER_NOT_FOUND, f"there is no {offer.ref.kind} {offer.ref.name} yet", seconds=LOOK_AGAIN)
        patience = seen.witness.first_seen + MISSING_PATIENCE - seen.now
        if patience > 0:
            return Held(placement, offer, replace(wait, seconds=patience), leaves=False)
        return Held(placement, offer, wait)
    return _told(placement, offer, hindrance)


def _refused(seen: Observation, placement: int, offer: Offer) -> Held | None:
    """What only a person can change stands on record for the placement that was asked last, too."""
    launch = seen.launch
    aside = seen.witness.aside.get(placement)
    if aside is not None and aside.until >= FOR_GOOD:
        return Held(placement, offer, _for_a_person(aside.reason, aside.message), asked=True)
    if launch is None or launch.placement != placement:
        return None
    if launch.outcome is Outcome.NOT_EXECUTED and launch.reason in NEEDS_A_PERSON:
        return Held(placement, offer, _for_a_person(Reason(launch.reason), launch.message), asked=True)
    return None


def _for_a_person(reason: Reason, message: str) -> Wait:
    return Wait(reason, f"{message}. {DELETE_AND_CREATE}", stalled=True)


def _hindered(placement: int, offer: Offer, provider: ProviderView) -> Held | None:
    """Draining and offline are left for the next placement; what is only just being found out is waited for."""
    return _told(placement, offer, provider.hindrance) if provider.hindrance is not None else None


def _told(placement: int, offer: Offer, hindrance: Hindrance) -> Held:
    wait = hindered(hindrance)
    return Held(placement, offer, wait, leaves=not wait.brief)


def _dear(seen: Observation, placement: int, offer: Offer, provider: ProviderView) -> Held | None:
    wait = too_dear(seen, placement, provider)
    return Held(placement, offer, wait) if wait is not None else None


def _paused(seen: Observation, placement: int, offer: Offer, provider: ProviderView) -> Held | None:
    """A placement that had nothing to give is asked again later; the one that was asked last keeps its back-off."""
    aside = seen.witness.aside.get(placement)
    if aside is not None and seen.now < aside.until and aside.version in {"", provider.credentials_version}:
        return Held(placement, offer, Wait(aside.reason, aside.message, seconds=aside.until - seen.now), asked=True)
    launch, remaining = seen.launch, seen.witness.not_before - seen.now
    if launch is None or launch.placement != placement or remaining <= 0:
        return None
    if launch.outcome not in {Outcome.NOT_COMMITTED, Outcome.NOT_EXECUTED}:
        return None
    reason = Reason(launch.reason) if launch.reason in list(Reason) else Reason.PLACEMENT_FAILED
    wait = Wait(reason, launch.message, seconds=remaining, brief=remaining < 1)
    # Nothing was put aside for it, as when it was the only one at that time: another one was added since.
    return Held(placement, offer, wait, leaves=reason in SPENT or remaining > PATIENCE, asked=True)


def _full(seen: Observation, placement: int, offer: Offer, provider: ProviderView) -> Held | None:
    """No room by the provider's limits, or by what it said lately to whoever asked for the same."""
    room = provider.room
    if not room.free:
        limit = room.reason is Reason.LIMIT_REACHED
        wait = Wait(room.reason, room.message, seconds=room.retry_seconds, brief=not limit)
        return Held(placement, offer, wait, leaves=limit or room.retry_seconds > PATIENCE)
    wishes = seen.wishes_at(placement)
    what = words_of(wishes.machine) if isinstance(wishes, Wishes) else ""
    until = provider.no_room.get(what, 0.0)
    if seen.now >= until:
        return None
    words = f"{provider.ref.name} had no room for {what} lately"
    return Held(placement, offer, Wait(Reason.CAPACITY_UNAVAILABLE, words, seconds=until - seen.now))


def _until_one_is_free(held: list[Held]) -> Wait:
    """Return the wait for the first of them; it stalls only where a person must act for every one."""
    open_ones = [one for one in held if not one.wait.stalled]
    shown = next((one for one in open_ones if one.asked), next(iter(open_ones), held[0]))
    delays = [one.wait.seconds for one in open_ones if one.wait.seconds is not None]
    words = "; ".join(f"{one.placement} ({one.offer.ref.name}): {one.wait.message}" for one in held)
    message = f"no placement has a machine to give: {words}"
    return Wait(shown.wait.reason, message, seconds=min(delays, default=None), stalled=not open_ones)


def is_spent(seen: Observation, launch: Launch) -> bool:
    """Return whether the burst of tries at the launch's placement is over."""
    begun = seen.witness.burst_from if seen.witness.burst_from < launch.attempt else 0
    return launch.attempt - begun >= seen.spec.create_policy.max_attempts


def put_aside(seen: Observation, launch: Launch, error: ProviderError, now: float) -> dict[int, Aside]:
    """Return that the launch's placement is not asked again for a while after this answer; nothing where it is, or
    where there is no other.
    """
    if not seen.several or launch.outcome not in {Outcome.NOT_COMMITTED, Outcome.NOT_EXECUTED}:
        return {}
    reason = Reason(launch.reason) if launch.reason in list(Reason) else Reason.PLACEMENT_FAILED
    before = seen.witness.aside.get(launch.placement)
    times = before.times + 1 if before is not None else 1
    pause, version = 0.0, ""
    match error:
        case Throttled(retry_after=seconds):
            pause = seconds if seconds > PATIENCE else 0.0
        case TooDear():
            pause = price_pause(seen)
        case Rejected() if error.reason is Reason.CREDENTIALS_REJECTED:
            view = seen.providers.get(launch.provider)
            pause, version = REJECTED_PAUSE, view.credentials_version if view else ""
        case Rejected():
            return {launch.placement: Aside(reason, launch.message, FOR_GOOD, times)}
        case _ if launch.outcome is Outcome.NOT_COMMITTED and (reason in SPENT or is_spent(seen, launch)):
            pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(times - 1, 10)) * (0.1 + 0.9 * seen.jitter)
    return {launch.placement: Aside(reason, launch.message, now + pause, times, version)} if pause else {}
