"""What has become of instances: moto changes their states at once, EC2 takes its time."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

PREEMPTED = "Server.SpotInstanceTermination"


@dataclass(frozen=True, slots=True)
class Pace:
    """How many seconds things take."""

    boot: float = 5.0
    stop: float = 5.0
    end: float = 5.0


@dataclass(slots=True)
class Fate:
    """One instance: what it does at the moment, and since when."""

    doing: str
    since: float
    reason: str = ""
    hidden: bool = False


class Fates:
    """The instances of one account."""

    def __init__(self, pace: Pace, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._fates: dict[str, Fate] = {}
        self._lasts = {"pending": pace.boot, "stopping": pace.stop, "shutting-down": pace.end}

    def born(self, made: Iterable[str]) -> None:
        """Take note of instances that were made."""
        for identity in made:
            self._fates[identity] = Fate("pending", self._clock())

    def changed(self, action: str, ids: Iterable[str]) -> None:
        """Take note of what moto was told to do with instances."""
        doing = {"TerminateInstances": "shutting-down", "StopInstances": "stopping", "StartInstances": "pending"}
        for identity in ids:
            fate = self._fates.get(identity)
            if fate is not None and fate.doing != "shutting-down":
                fate.doing, fate.since = doing[action], self._clock()

    def preempt(self, identity: str) -> None:
        """Let the provider have taken it away."""
        self._fates[identity] = Fate("shutting-down", self._clock(), PREEMPTED)

    def hide(self, identity: str) -> None:
        """Let it have vanished without a trace."""
        self._fates[identity].hidden = True

    def word(self, identity: str, truth: str) -> str:
        """Return the state that is shown, where moto has this one."""
        fate = self._fates.get(identity)
        if fate is None or self._clock() >= fate.since + self._lasts[fate.doing]:
            return truth
        return fate.doing

    def reason(self, identity: str) -> str:
        """Return EC2's code of why it is in its state."""
        fate = self._fates.get(identity)
        return fate.reason if fate is not None else ""

    def is_hidden(self, identity: str) -> bool:
        """Return whether it has vanished."""
        fate = self._fates.get(identity)
        return fate is not None and fate.hidden

    def is_ended(self, identity: str) -> bool:
        """Return whether its end was asked for, or has come."""
        fate = self._fates.get(identity)
        return fate is not None and fate.doing == "shutting-down"

    def refusal(self, action: str, ids: Iterable[str]) -> str:
        """Return why an instance cannot be started or stopped now; empty where it can."""
        if action == "TerminateInstances":
            return ""
        for identity in ids:
            word = self.word(identity, "")
            if word in self._lasts or self.is_ended(identity):
                return f"The instance '{identity}' is not in a state from which it can be started or stopped."
        return ""
