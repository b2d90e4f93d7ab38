"""Who leads: what one replica makes of the Lease that it sees. Seconds are those of its own clock, told from outside.

The times that stand in a Lease are for people: clocks of two machines need not agree. A replica counts from what it
has seen and sent itself. Its own term counts from before the request that was answered; another's from after the answer
that showed it. So two terms never overlap as long as no clock runs more than 1.5 times as fast as another one.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final, Self

LEASE_SECONDS: Final = 15
TERM_SECONDS: Final = 10.0  # for how long a renewal counts for its holder; client-go calls it the renew deadline
RELEASED_SECONDS: Final = 1  # the API server refuses a duration of none
NEVER: Final = float("-inf")


@dataclass(frozen=True, slots=True)
class LeaseRecord:
    """A Lease as the API server shows it. An empty holder has given it back."""

    uid: str
    version: str
    holder: str
    seconds: int = LEASE_SECONDS
    transitions: int = 0
    acquired: str = ""
    renewed: str = ""


class Step(StrEnum):
    """What comes next."""

    READ = "Read"  # what is known may be old
    CREATE = "Create"
    TAKE = "Take"
    RENEW = "Renew"
    WAIT = "Wait"  # somebody else leads, or may
    LOST = "Lost"  # we have led, and must not send anything any more


WRITES: Final = frozenset({Step.CREATE, Step.TAKE, Step.RENEW})


@dataclass(frozen=True, slots=True)
class Election:
    """What one replica knows. Its identity is never used again by a later process.

    Attributes:
        known: whether the record is what the last request was answered with.
        rival_until: until when somebody else may lead, as far as we can tell.
        term_ends: when our own term ends, unless it is renewed.
        led: whether we have ever led. Who has led and does not any more is lost, and never leads again.
    """

    me: str
    record: LeaseRecord | None = None
    known: bool = False
    rival_until: float = NEVER
    term_ends: float = NEVER
    led: bool = False

    def leads(self, now: float) -> bool:
        """Return whether something may be sent now."""
        return now < self.term_ends

    def step(self, now: float) -> Step:
        """Return what comes next."""
        if self.led and now >= self.term_ends:
            return Step.LOST
        if not self.known:
            return Step.READ
        holder = self.record.holder if self.record is not None else ""
        if self.led and holder not in {"", self.me}:
            return Step.LOST
        if now < self.rival_until:
            return Step.WAIT
        if self.record is None:
            return Step.CREATE
        return Step.RENEW if holder == self.me else Step.TAKE

    def after_read(self, record: LeaseRecord | None, now: float) -> Self:
        """Return what is known once a read was answered; `now` is after the answer."""
        return replace(self, record=record, known=True, rival_until=self._rival_until(record, now))

    def _rival_until(self, record: LeaseRecord | None, now: float) -> float:
        """Return until when whoever wrote what is there, or held what is gone, may lead."""
        before = self.record
        if self.leads(now) or (record is not None and not record.holder):
            return NEVER
        if record is None:
            # Deleted, perhaps right after it was taken or renewed. What we have never seen is taken for never there.
            return self.rival_until if before is None else now + LEASE_SECONDS
        if record.holder == self.me and (before is None or before.uid == record.uid):
            # A take of ours whose answer was lost; it was guarded, so it has ended nobody's term.
            return self.rival_until
        if before is not None and before.version == record.version:
            return self.rival_until
        # Another's, or a create of ours that came so late that another may have held and lost the one before.
        return now + max(LEASE_SECONDS, record.seconds)

    def after_write(self, record: LeaseRecord, began: float) -> Self:
        """Return what is known once a write of ours was answered with this; `began` is before it was sent."""
        term_ends = began + TERM_SECONDS
        return replace(self, record=record, known=True, rival_until=NEVER, term_ends=term_ends, led=True)

    def in_doubt(self) -> Self:
        """Return the same, to be read again: time has passed, or a request was not answered."""
        return replace(self, known=False)

    def claim(self, moment: str) -> dict[str, Any]:
        """Return the spec with which we hold the Lease from this moment on, or still."""
        before = self.record
        ours = before is not None and before.holder == self.me
        return {
            "holderIdentity": self.me,
            "leaseDurationSeconds": LEASE_SECONDS,
            "acquireTime": (before.acquired if before and ours else "") or moment,
            "renewTime": moment,
            "leaseTransitions": (before.transitions if before else 0) + (before is not None and not ours),
        }


def released(moment: str) -> dict[str, Any]:
    """Return what a spec is changed to by a holder that ends: the next one need not wait."""
    return {
        "holderIdentity": None,
        "leaseDurationSeconds": RELEASED_SECONDS,
        "acquireTime": moment,
        "renewTime": moment,
    }
