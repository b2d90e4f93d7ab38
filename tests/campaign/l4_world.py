"""The world of L4: several processes of the operator, frozen ones among them; clocks, watches and the API server may be
ill, and so may the provider.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tests.campaign.l1_faults import HARMLESS, LAG_SECONDS, NEVER, SPELL_SECONDS, Side, Strike, strike_of
from tests.campaign.l1_plan import Plan
from tests.campaign.l1_process import Process
from tests.campaign.l1_provider import FarSide, Traits
from tests.campaign.l1_several import Several
from tests.campaign.l1_world import WATCH_SECONDS, WRITES, Wire
from tests.campaign.story import USER
from tests.campaign.trace import Billing, Event, Faulted, Restarted, Written
from tests.engine.virtual_loop import LoopClock
from tests.kube.fake_api import Body

from gpuwright.kube.client import NoAnswer
from gpuwright.model.conditions import Reason
from gpuwright.model.errors import NotCommitted

FOREIGN_TOKEN = "token-of-another-account"
AWAY_SECONDS = 0.5  # until a process is told that the API server does not answer
HOT_WRITES, HOT_SECONDS = 250, 10.0  # three objects under faults make some 40
RESTORED_SECONDS = 90.0  # after a restore no read hides what is there: docs/protocol.md, what no protocol can exclude


class WallClock(LoopClock):
    """A clock whose wall time somebody sets."""

    def __init__(self) -> None:
        self.ahead = 0.0
        self.was_set_back = False

    def jump(self, seconds: float) -> None:
        """Set it."""
        self.ahead += seconds
        self.was_set_back = self.was_set_back or seconds < 0

    def wall(self) -> datetime:
        """See Clock."""
        return super().wall() + timedelta(seconds=self.ahead)


@dataclass(slots=True)
class Ill:
    """A provider fault that lasts: at which verb, and for how many more calls."""

    name: str
    verb: str
    calls: int


class Company(Several):
    """Everything of one course."""

    def __init__(self, traits: Traits, seed: int) -> None:
        self.crashes: dict[int, str] = {}
        super().__init__(traits, Plan(crashes=self.crashes), seed)
        self.wall = self.clock = WallClock()
        self.foreign = FarSide(traits, self._billing, first_id=seed * 100 + 50_000)
        self.ill: Ill | None = None
        self.away_until = 0.0  # the API server does not answer until then
        self.deaf_until = 0.0  # watches are silent until then
        self.loses = 0  # of how many writes the answer is lost
        self.restored_at = -1e9
        self.closing = False
        self.hot = ""
        self._recent: list[float] = []
        self._shown_at = 0.0
        self._ills: frozenset[str] = frozenset()

    def tell(self, event: Event) -> None:
        """See World; what writes without end is ended, because nothing else would come to its turn."""
        super().tell(event)
        if isinstance(event, Written) and event.process != USER:
            self._recent = [at for at in self._recent if event.at - at < HOT_SECONDS] + [event.at]
            if len(self._recent) > HOT_WRITES and not self.hot:
                self._cool_down(event.at)

    def _cool_down(self, at: float) -> None:
        """End what writes without end; where two know different things of a provider they write against each other
        until both have read its Secret again: nobody is to run two.
        """
        self._recent.clear()
        running = self.running()
        if sum(not process.frozen for process in running) < 2:
            self.hot = f"at {at:.3f} s the operator has written {HOT_WRITES} times in {HOT_SECONDS:.0f} s"
        for process in running[:-1] or running:
            asyncio.get_running_loop().call_soon(self.ends, process)

    def begin(self) -> None:
        """Start a process; where the API server is away it begins as soon as that is back."""
        if self.closing and self.running():
            return  # in the end there is one
        if self.now < self.away_until:
            asyncio.get_running_loop().call_at(self.away_until + 0.1, self.begin)
            return
        super().begin()

    def freezes(self, process: Process) -> None:
        """Let a process stand still."""
        process.freeze()
        self.tell(Restarted(self.now, process.name, "frozen"))

    def thaws(self, process: Process) -> None:
        """Let it go on."""
        process.thaw()
        self.tell(Restarted(self.now, process.name, "thawed"))

    def note_ills(self, ills: set[str]) -> None:
        """Tell of what is ill now and was not, and the other way round."""
        if not any(not process.frozen for process in self.running()):
            ills = ills | {"no operator"}
        for what in sorted(ills ^ self._ills):
            self.tell(Faulted(self.now, what, begins=what in ills))
        self._ills = frozenset(ills)

    def show(self, process: Process, kind: str, event: str, body: Body) -> None:
        """See World; nothing overtakes what came before it."""
        loop = asyncio.get_running_loop()
        self._shown_at = max(self._shown_at + 1e-6, self.now + WATCH_SECONDS, self.deaf_until)
        loop.call_at(self._shown_at, process.feed, kind, event, body, context=process.context)

    async def request(self, process: Process, method: str, path: str, **rest: Any) -> dict[str, Any]:
        """See World."""
        await process.runs()
        if self.now < self.away_until:
            await asyncio.sleep(AWAY_SECONDS)
            raise NoAnswer(f"{method} {path}: no answer")
        answer = await super().request(process, method, path, **rest)
        if method in WRITES and self.loses:
            self.loses -= 1
            raise NoAnswer(f"{method} {path}: the answer was lost")
        return answer

    def wire(self, process: Process, secret: str) -> Wire:
        """See World: a token of another account shows what is there."""
        made = Door(self, process)
        if secret == FOREIGN_TOKEN:
            made.far, made.foreign = self.foreign, True
        return made

    def _billing(self) -> None:
        self.tell(Billing(self.now, (*self.far.billing, *self.foreign.billing)))

    def strike(self, verb: str) -> Strike:
        """See World."""
        count = self._counts[verb] = self._counts.get(verb, 0) + 1
        if self.ill is None or self.ill.verb != verb or not self.ill.calls:
            return Strike()
        made = strike_of(self.ill.name, verb, self.traits, count)
        if made is HARMLESS or not self._is_honest(made.side):
            return Strike()
        self.ill.calls -= 1
        self.struck += 1
        return made

    def _is_honest(self, side: Side) -> bool:
        """Return whether a provider that keeps its word may do this now: nothing is hidden for as long as F."""
        if side is not Side.HIDDEN:
            return True
        dying = any(vm.alive and vm.going for vm in self.far.vms)
        return not dying and self.now % SPELL_SECONDS < LAG_SECONDS and self.now - self.restored_at > RESTORED_SECONDS


class Door(Wire):
    """The line of a process to the provider, in one of the accounts there."""

    foreign = False

    def strike(self, verb: str, name: str) -> Strike:
        """See Line: in the other account nothing can be bought."""
        if self.foreign and verb == "create":
            return Strike(NEVER, 0.0, NotCommitted("no quota in this account", reason=Reason.QUOTA_EXCEEDED))
        return super().strike(verb, name)

    def accepts(self, secret: str) -> bool:
        """See Line."""
        return self.foreign or super().accepts(secret)
