"""PURE: what the demo does, act by act, and what must come of it."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import assert_never

from gpuwright_sandbox.demo.facts import LOST

Fault = dict[str, str | int]

# One burst is three tries (createPolicy.maxAttempts); after that the operator waits 10 s, and the demo would, too.
_MOST_TROUBLES = 2
_DRAWN = 4
# What holds an answer back for good: longer than any request time-out.
_HOLD_SECONDS = 600


class Trouble(StrEnum):
    """What the gateway does to one create instead of answering 201."""

    ANSWER_500 = "500"
    ANSWER_503 = "503"
    CUT_BEFORE = "cut before it was made"
    CUT_AFTER = "cut after it was made"
    HELD = "made, answer held back"

    @property
    def makes(self) -> bool:
        """Whether a machine exists afterwards."""
        return self in {Trouble.CUT_AFTER, Trouble.HELD}

    @property
    def promises(self) -> bool:
        """Whether the answer says that nothing was made."""
        return self in {Trouble.ANSWER_500, Trouble.ANSWER_503}


class Deed(StrEnum):
    """What happens in an act."""

    APPLY = "apply"
    POWER = "power"
    OUTAGE = "outage"
    KILL = "kill"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Try:
    """One create: the name that it asks for, and what comes back: a status, or LOST."""

    name: str
    answer: str


@dataclass(frozen=True, slots=True)
class Planned:
    """A ComputeInstance of the demo, and what its creates will meet; after that each is answered 201."""

    name: str
    troubles: tuple[Trouble, ...] = ()

    @property
    def orphans(self) -> bool:
        """Whether a machine is made for it whose create is never answered."""
        return any(trouble.makes for trouble in self.troubles)

    def faults(self) -> tuple[Fault, ...]:
        """Return what the gateway is told beforehand."""
        return tuple(_fault(trouble, self.name, nth) for nth, trouble in enumerate(self.troubles, start=1))

    def tries(self, base: str) -> tuple[Try, ...]:
        """Return the creates that must be sent, in order: a promised failure costs a name, silence does not."""
        tries: list[Try] = []
        attempt = 1
        for trouble in self.troubles:
            name = base if attempt == 1 else f"{base}-r{attempt}"
            tries.append(Try(name, trouble.value if trouble.promises else LOST))
            if trouble.makes:
                return tuple(tries)
            attempt += trouble.promises
        tries.append(Try(base if attempt == 1 else f"{base}-r{attempt}", "201"))
        return tuple(tries)


@dataclass(frozen=True, slots=True)
class Act:
    """One part of the story.

    Attributes:
        what: what happens in it, and `why` it matters; both for people.
        instances: those that are applied in it.
        manifest: the file of examples/demo/ that has them; empty when they are drawn.
    """

    title: str
    what: str
    why: str
    deed: Deed = Deed.APPLY
    instances: tuple[Planned, ...] = ()
    manifest: str = ""


PLAIN = Planned("plain")
KILLED = Planned("killed", (Trouble.HELD,))

_ACTS: tuple[Act, ...] = (
    Act(
        "One object, one machine",
        "plain is applied. The operator writes down the name it will ask for, and only then asks.",
        "The record comes first: whoever looks later, after a crash say, knows what may exist.",
        instances=(PLAIN,),
        manifest="plain.yaml",
    ),
    Act(
        "A promised failure costs a name, never a machine",
        "flaky-1 is answered 500, flaky-2 500 and then 503, with the promise that nothing was made.",
        "Each new try has a name of its own, -r2 and -r3: no name ever stands for two tries.",
        instances=(
            Planned("flaky-1", (Trouble.ANSWER_500,)),
            Planned("flaky-2", (Trouble.ANSWER_500, Trouble.ANSWER_503)),
        ),
        manifest="flaky.yaml",
    ),
    Act(
        "A lost answer is not a failure",
        "Two creates are cut off: cut-early's before its machine was made, cut-late's after.",
        "From here both look alike, so nobody guesses. What a look finds is adopted; the other name is"
        " sent again only once the lost request can no longer take effect.",
        instances=(Planned("cut-early", (Trouble.CUT_BEFORE,)), Planned("cut-late", (Trouble.CUT_AFTER,))),
        manifest="cut.yaml",
    ),
    Act(
        "Off and on again",
        "plain is told powerState: Stopped, and then Running.",
        "It is the same machine afterwards, and nothing else was bought meanwhile.",
        deed=Deed.POWER,
    ),
    Act(
        "The provider goes dark",
        "Every connection to the gateway is cut until all instances say Ready=Unknown, and longer.",
        "Not to be seen is not to be gone: nothing is deleted, nothing is replaced.",
        deed=Deed.OUTAGE,
    ),
    Act(
        "kill -9 in the middle of a create",
        "The gateway makes killed's machine, but holds its answer back; the operator dies waiting.",
        "The next process finds the intent on record, looks, and adopts: one create, one machine.",
        deed=Deed.KILL,
        instances=(KILLED,),
        manifest="killed.yaml",
    ),
)
_LAST = Act(
    "Gone means gone",
    "All instances are deleted. Each object stays until its machine has been seen to be gone.",
    "When kubectl no longer shows it, nothing of it bills.",
    deed=Deed.DELETE,
)


def acts(seed: int | None = None) -> tuple[Act, ...]:
    """Return the acts in order; a seed adds one in which the troubles are drawn by lot."""
    return (*_ACTS, _LAST) if seed is None else (*_ACTS, _drawn(seed), _LAST)


def everybody(story: Sequence[Act]) -> tuple[Planned, ...]:
    """Return all instances of these acts, in the order in which they appear."""
    return tuple(planned for act in story for planned in act.instances)


def base_name(name: str, uid: str, cluster: str) -> str:
    """Return the first name that an instance's machine is asked for, by the rule and not by the operator's word.

    It holds for names of at most 40 letters, digits and `-` that begin with a letter (2.1 of the protocol).
    """
    return f"{name}-{hashlib.sha256(f'{cluster}/{uid}'.encode()).hexdigest()[:10]}"


def _drawn(seed: int) -> Act:
    chance = Random(seed)
    instances = []
    for number in range(1, _DRAWN + 1):
        count = chance.randint(1, _MOST_TROUBLES)
        choice = [trouble for trouble in Trouble if trouble is not Trouble.HELD]
        troubles = tuple(chance.sample(choice, count))
        # What makes a machine ends the tries.
        made = next((place for place, trouble in enumerate(troubles) if trouble.makes), count)
        instances.append(Planned(f"drawn-{number}", troubles[: made + 1]))
    return Act(
        f"Troubles by lot, seed {seed}",
        "; ".join(f"{each.name}: {', then '.join(each.troubles)}" for each in instances) + ".",
        "What must come of it was computed beforehand, from the same draw.",
        instances=tuple(instances),
    )


def _fault(trouble: Trouble, name: str, nth: int) -> Fault:
    where: Fault = {"call": "create", "name": f"{name}-*", "nth": nth}
    match trouble:
        case Trouble.ANSWER_500 | Trouble.ANSWER_503:
            return {**where, "action": "answer", "status": int(trouble.value)}
        case Trouble.CUT_BEFORE:
            return {**where, "action": "drop", "commit": "never"}
        case Trouble.CUT_AFTER:
            return {**where, "action": "drop", "commit": "first"}
        case Trouble.HELD:
            return {**where, "action": "hang", "commit": "first", "seconds": _HOLD_SECONDS}
        case _:
            assert_never(trouble)
