"""F1 to F26: what each provider fault does, and what an adapter of each class says of it.

The causes are those of the network and of HTTP; what an adapter makes of them is what adapters/gateway_answers.py and
adapters/gateway.py make of them. Those files have tests of their own through real sockets: F1 to F4, F21 and F22 in
tests/test_http_client.py, F14, F15 and F18 in tests/adapters/test_gateway_lists.py and test_gateway.py, F23 in
tests/test_http_client.py.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from tests.campaign.l1_provider import Traits

from gpuwright.model.conditions import Reason
from gpuwright.model.errors import (
    Blind,
    NeverSent,
    NotCommitted,
    NotExecuted,
    ProviderError,
    Rejected,
    Throttled,
    Unauthenticated,
    Unknown,
)

VERBS = ("create", "look", "list", "delete")
POWER = "power"  # stop and start
ALL_VERBS = (*VERBS, POWER)  # of machines that can be switched off
REQUEST_SECONDS = 30.0
CONNECT_SECONDS = 5.0
LAG_SECONDS = 40.0  # less than settleSeconds: the provider keeps its word, if barely
SPELL_SECONDS = 120.0  # in each of these reads may show nothing for LAG_SECONDS, not for longer
NEVER = -1.0


class Side(StrEnum):
    """What a fault does beside the answer to the call that it strikes."""

    NOTHING = ""
    LAG = "what is made is not shown for a while"
    LIST_LAG = "what is made is not listed for a while"
    AFTERGLOW = "what ends is listed for a while"
    STALE = "the answer is what was true a while ago"
    HIDDEN = "the answer does not show what is there"
    FRESH_HIDDEN = "what is fresh is not found"
    DUPLICATES = "the answer shows each machine twice"
    SKEW = "the provider's clock is an hour off"
    STRANGE_WORD = "machines are in a state that has no name here"
    SLOW_END = "the machine takes its time to end, in a state that has no name here"
    RENAME = "somebody renames the machine"
    REUSE_ID = "ids of what has ended are given again"


@dataclass(frozen=True, slots=True)
class Strike:
    """What happens to one call. `applies`: after how many seconds it takes effect, or NEVER. `error` ends it."""

    applies: float = 0.0
    after: float = 0.0  # seconds until the caller is told
    error: ProviderError | Blind | None = None
    sent: bool = True  # whether a byte of it left
    side: Side = Side.NOTHING
    harmless: bool = False  # this cause has no meaning for this verb: the call goes through


HARMLESS = Strike(harmless=True)


def silent(verb: str) -> ProviderError | Blind:
    """Return what an adapter says when no answer came to what was sent."""
    if verb in {"look", "list"}:
        return Blind("no answer", unhealthy=True)
    return Unknown("no answer", unhealthy=True)


def unreadable(verb: str) -> ProviderError | Blind:
    """Return what an adapter says of an answer that nothing explains."""
    return Blind("no answer that can be read") if verb in {"look", "list"} else Unknown("not to be read")


def _unsent(verb: str) -> ProviderError | Blind:
    return NeverSent("refused") if verb in {"create", POWER} else silent(verb)


def _refused(after: float) -> Callable[[str, Traits, int], Strike]:
    return lambda verb, _traits, _count: Strike(NEVER, after, _unsent(verb), sent=False)


def _silence(applies: float, after: float) -> Callable[[str, Traits, int], Strike]:
    return lambda verb, _traits, _count: Strike(applies, after, silent(verb))


def _broken(applies: float) -> Callable[[str, Traits, int], Strike]:
    """500: a promise that nothing was made where the provider's spec says so."""

    def strike(verb: str, traits: Traits, _count: int) -> Strike:
        promised = verb == "create" and traits.promises
        return Strike(applies, 0.0, NotCommitted("500") if promised else silent(verb))

    return strike


def _throttled(verb: str, _traits: Traits, count: int) -> Strike:
    if verb in {"look", "list"}:
        return Strike(NEVER, 0.0, Blind("429"))
    return Strike(NEVER, 0.0, Throttled("429", (7.0, 1.0, 300.0)[count % 3]))


def _unavailable(verb: str, _traits: Traits, _count: int) -> Strike:
    return Strike(NEVER, 0.0, Throttled("503", 10.0) if verb == "create" else silent(verb))


def _unauthorised(verb: str, _traits: Traits, _count: int) -> Strike:
    errors: Mapping[str, ProviderError | Blind] = {
        "create": Unauthenticated("401"),
        "delete": NotExecuted("401", Reason.CREDENTIALS_REJECTED),
        POWER: NotExecuted("401", Reason.CREDENTIALS_REJECTED),
    }
    return Strike(NEVER, 0.0, errors.get(verb, Blind("401", rejected=True)))


def _fresh(verb: str, traits: Traits, _count: int) -> Strike:
    """404 for what is there: a copy that lags answers. For what is older than that lag only reads may say it."""
    if verb == POWER:
        return Strike(NEVER, 0.0, Rejected("404", Reason.REQUEST_REJECTED))
    reads = Side.HIDDEN if traits.reads else Side.FRESH_HIDDEN
    return Strike(side={"create": Side.LAG, "delete": Side.FRESH_HIDDEN}.get(verb, reads))


def _garbage(verb: str, _traits: Traits, _count: int) -> Strike:
    if verb in {"delete", POWER}:
        return Strike(NEVER)  # any 200 accepts these, be it a proxy's page
    return Strike(NEVER, 0.0, unreadable(verb))


def _without_id(verb: str, _traits: Traits, _count: int) -> Strike:
    return HARMLESS if verb in {"delete", POWER} else Strike(0.0, 0.0, unreadable(verb))


def _conflict(verb: str, traits: Traits, _count: int) -> Strike:
    if verb == "create":
        return Strike(NEVER, 0.0, Unknown("409", conflict=traits.unique_names or traits.tokens))
    if verb == POWER:
        return Strike(NEVER, 0.0, NotExecuted("409", Reason.WAITING))
    return Strike(NEVER, 0.0, unreadable(verb))


def _no_room(verb: str, _traits: Traits, count: int) -> Strike:
    errors: Mapping[str, ProviderError | Blind] = {
        "create": NotCommitted("no room", reason=(Reason.CAPACITY_UNAVAILABLE, Reason.QUOTA_EXCEEDED)[count % 2]),
        "delete": Rejected("402", Reason.REQUEST_REJECTED),
        POWER: Rejected("402", Reason.REQUEST_REJECTED),
    }
    return Strike(NEVER, 0.0, errors.get(verb, Blind("402")))


def _page_two(verb: str, traits: Traits, _count: int) -> Strike:
    paged = verb == "list" or (verb == "look" and traits.looks_by_list)
    return Strike(NEVER, 0.0, Blind("page two was not answered")) if paged else HARMLESS


def _lag(verb: str, _traits: Traits, _count: int) -> Strike:
    return Strike(side={"create": Side.LIST_LAG, "delete": Side.AFTERGLOW}.get(verb, Side.STALE))


def _twice(verb: str, traits: Traits, _count: int) -> Strike:
    listed = verb == "list" or (verb == "look" and traits.looks_by_list)
    return Strike(side=Side.DUPLICATES) if listed else HARMLESS


def _redirect(verb: str, _traits: Traits, _count: int) -> Strike:
    return Strike(NEVER, 0.0, unreadable(verb))


def _skew(_verb: str, _traits: Traits, _count: int) -> Strike:
    return Strike(side=Side.SKEW)


def _strange_word(verb: str, _traits: Traits, _count: int) -> Strike:
    return Strike(side=Side.SLOW_END if verb == "delete" else Side.STRANGE_WORD)


def _identity(verb: str, traits: Traits, _count: int) -> Strike:
    # Where nothing can be read a renamed machine is one that nobody can find: docs/protocol.md names it among what no
    # protocol can exclude.
    return Strike(side=Side.REUSE_ID if verb == "create" or not traits.reads else Side.RENAME)


FAULTS: Mapping[str, Callable[[str, Traits, int], Strike]] = {
    "F1": _refused(0.01),
    "F2": _refused(0.05),
    "F3": _refused(0.1),
    "F4": _refused(CONNECT_SECONDS),
    "F5": _silence(0.0, REQUEST_SECONDS),
    "F6": _silence(NEVER, REQUEST_SECONDS),
    "F7": _silence(REQUEST_SECONDS + 20.0, REQUEST_SECONDS),
    "F8": _broken(0.0),
    "F9": _broken(NEVER),
    "F10": _unavailable,
    "F11": _throttled,
    "F12": _unauthorised,
    "F13": _fresh,
    "F14": _garbage,
    "F15": _without_id,
    "F16": _conflict,
    "F17": _no_room,
    "F18": _page_two,
    "F19": _lag,
    "F20": _twice,
    "F21": _silence(0.0, 0.0),
    "F22": _silence(0.0, REQUEST_SECONDS),
    "F23": _redirect,
    "F24": _skew,
    "F25": _strange_word,
    "F26": _identity,
}


def strike_of(fault: str, verb: str, traits: Traits, count: int) -> Strike:
    """Return what the fault does to the how-manyth call of a verb that it strikes."""
    made = FAULTS[fault](verb, traits, count)
    if verb == POWER and made.side is not Side.NOTHING:
        return HARMLESS  # a power call makes nothing and shows nothing
    if made.sent and made.error is not None and made.applies >= 0 and verb in {"look", "list"} and traits.reads:
        return replace(made, applies=NEVER)  # a read has no effect
    return made
