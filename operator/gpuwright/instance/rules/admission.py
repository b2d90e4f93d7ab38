"""Before anything is bought: may this object have a machine at all, and may one be created now?"""

from dataclasses import replace

from gpuwright.instance.actions import Action, AddFinalizer, Record, Wait
from gpuwright.instance.observation import Observation, Unmet
from gpuwright.instance.rules.price import too_dear
from gpuwright.model.conditions import Reason
from gpuwright.model.memory import Launch, Outcome, ProviderRef
from gpuwright.model.provider_view import Hindrance, ProviderView

DELETE_AND_CREATE = "delete this ComputeInstance and create it again with what is right"


def stall_when_record_is_damaged(seen: Observation) -> Action | None:
    """An older CRD may have cut it, or somebody has changed it: what it says may not be guessed at."""
    if not seen.instance.record_error:
        return None
    words = (
        f"what is on record in status cannot be read ({seen.instance.record_error}): nothing is done before it is "
        "repaired; or check by hand whether a machine exists, and delete the object with gpuwright.dev/force-forget"
    )
    return Wait(Reason.RECORD_LOST, words, stalled=True)


def stall_when_spec_is_invalid(seen: Observation) -> Action | None:
    """An API server with an older CRD may let something through; a machine must not be bought on a guess."""
    if seen.instance.spec is not None:
        return None
    return Wait(Reason.INVALID_SPEC, seen.instance.spec_error, stalled=True)


def wait_when_paused(seen: Observation) -> Action | None:
    """A person wants to look without us moving anything."""
    if not seen.instance.paused:
        return None
    return Wait(Reason.PAUSED, "paused by the annotation gpuwright.dev/paused: nothing is changed until it is removed")


def handle_reconcile_request(seen: Observation) -> Action | None:
    """A person asks again: forget what stalled us, and begin a fresh burst. It never shortens a wait for settlement."""
    if not seen.instance.request or seen.instance.request == seen.memory.handled_request:
        return None
    memory = replace(
        seen.memory,
        launch=_cleared(seen.launch),
        replacements=0 if _replacements_spent(seen) else seen.memory.replacements,
        handled_request=seen.instance.request,
    )
    return Record(memory, "a person asked for a new try", fresh_burst=True)


def _cleared(launch: Launch | None) -> Launch | None:
    if launch is None or launch.outcome not in {Outcome.NOT_EXECUTED, Outcome.NOT_COMMITTED}:
        return launch
    return replace(launch, reason="", message="", capacity_waited_seconds=0)


def _replacements_spent(seen: Observation) -> bool:
    return seen.memory.replacements >= seen.spec.max_replacements


def wait_when_provider_is_missing(seen: Observation) -> Action | None:
    """It may be applied a moment later, so this is no failure."""
    untried = seen.launch is None or seen.launch.send == 0
    if seen.provider is not None or (untried and seen.several):
        return None  # of several placements another one may be asked
    return missing_provider(seen, seen.ref)


def missing_provider(seen: Observation, ref: ProviderRef) -> Wait:
    """Return the wait for a provider that is not there, or of which nothing can be known at the moment."""
    hindrance = seen.missing.get(ref)
    if hindrance is None:
        return Wait(Reason.PROVIDER_NOT_FOUND, f"there is no {ref.kind} {ref.name} yet", seconds=60)
    return hindered(hindrance)


def hindered(hindrance: Hindrance) -> Wait:
    """Return the wait for a provider at which nothing may be created at the moment, in its own words."""
    brief = hindrance.reason is Reason.WAITING
    return Wait(hindrance.reason, hindrance.message, seconds=60, stalled=hindrance.stalls, brief=brief)


def stall_when_place_changed(seen: Observation) -> Action | None:
    """What the provider shows now is not where our machine was recorded: nothing can be concluded from it."""
    tried = [(entry.provider, entry.placement, entry.place) for entry in seen.memory.residue]
    if seen.launch is not None:
        tried.insert(0, (seen.launch.provider, seen.launch.placement, seen.launch.place))
    for ref, placement, place in tried:
        provider = seen.providers.get(ref)
        shown = seen.place_at(placement, provider) if provider is not None else place
        if shown != place:
            words = (
                f"the machine is recorded at place {place}, but {ref.kind} {ref.name} now is place {shown}: "
                "give it back its endpoint and account"
            )
            return Wait(Reason.PLACE_CHANGED, words, seconds=60, stalled=True)
    return None


def held_back(seen: Observation, provider: ProviderView) -> Wait | None:
    """Return why a create that is due may not be begun now: a Secret, the provider's state, the price, limits; or
    None.
    """
    if isinstance(seen.wishes, Unmet):
        return Wait(Reason.SECRET_NOT_FOUND, seen.wishes.message, seconds=30)
    if provider.hindrance is not None:
        return hindered(provider.hindrance)
    dear = too_dear(seen, seen.placement, provider)
    if dear is not None:
        return dear
    room = provider.room
    if not room.free or seen.wishes is None:
        brief = room.reason is not Reason.LIMIT_REACHED
        return Wait(room.reason, room.message or "waiting for room", seconds=room.retry_seconds, brief=brief)
    return None


def keep_finalizer(seen: Observation) -> Action | None:
    """Somebody removed it from a live object, or it was never there although something is on record."""
    if seen.launch is None or seen.instance.finalized:
        return None
    return AddFinalizer()
