"""A world of L1 in which two processes run, one of them may be frozen or deaf, and clocks may be set."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from tests.campaign.l1_faults import Strike
from tests.campaign.l1_process import Process
from tests.campaign.l1_provider import Traits
from tests.campaign.l1_world import WATCH_SECONDS, Plan, Wire, World
from tests.campaign.mutants.wire import ToldGateway, Tricks
from tests.campaign.trace import Restarted
from tests.engine.virtual_loop import LoopClock
from tests.kube.fake_api import Body

from gpuwright.adapters.contract import Adapter
from gpuwright.adapters.registry import AdapterContext
from gpuwright.model.provider_spec import ProviderSpec


class Stage(World):
    """A world for one scene. `tricks`: the real gateway adapter is used, over a wire that plays them."""

    def __init__(self, traits: Traits, seed: int, tricks: Tricks | None = None) -> None:
        super().__init__(traits, Plan(), seed)
        self.tricks = tricks
        self.strikes: dict[str, list[Strike]] = {}  # what happens to the next calls of a verb
        self._old: Process | None = None
        self._deaf = False
        self._frozen = ""  # the process that stands still
        self._freezes: Callable[[Body], bool] = lambda _body: False
        self._thawed = asyncio.Event()

    def joins(self) -> None:
        """Begin another process; the one that runs goes on."""
        self._old = self.process
        self.begin()

    def ends_the_old(self) -> None:
        """Kill the process that was there first."""
        if self._old is not None:
            self._old.kill()
            self.tell(Restarted(self.now, self._old.name, "killed"))
            self._old = None

    def deafens_the_old(self) -> None:
        """From now on the first process hears nothing of what changes; its own reads are answered."""
        self._deaf = True

    def freezes_when(self, written: Callable[[Body], bool]) -> None:
        """Freeze the process that runs as soon as a write of its own is such, before it hears of the answer."""
        self._freezes = written

    @property
    def is_frozen(self) -> bool:
        """Return whether a process stands still."""
        return bool(self._frozen) and not self._thawed.is_set()

    def thaws(self) -> None:
        """Let it go on."""
        self.tell(Restarted(self.now, self._frozen, "thawed"))
        self._thawed.set()

    async def effect(self, process: Process, label: str) -> int:
        """See World."""
        await self._stands_still(process)
        return await super().effect(process, label)

    async def request(self, process: Process, method: str, path: str, **rest: Any) -> dict[str, Any]:
        """See World."""
        answer = await super().request(process, method, path, **rest)
        if method == "PATCH" and not self._frozen and self._freezes(answer):
            self._frozen = process.name
            self.tell(Restarted(self.now, process.name, "frozen"))
        await self._stands_still(process)
        return answer

    async def _stands_still(self, process: Process) -> None:
        if process.name == self._frozen and not self._thawed.is_set():
            await self._thawed.wait()

    def _written(self, kind: str, event: str, body: Body) -> None:
        super()._written(kind, event, body)
        old = self._old
        if old is not None and old.alive and not self._deaf and old.name != self._frozen:
            asyncio.get_running_loop().call_later(WATCH_SECONDS, old.feed, kind, event, body, context=old.context)

    def strike(self, verb: str) -> Strike:
        """See World."""
        planned = self.strikes.get(verb)
        return planned.pop(0) if planned else super().strike(verb)

    def adapter(self, spec: ProviderSpec, context: AdapterContext) -> Adapter:
        """See World."""
        plain = super().adapter(spec, context)
        if self.tricks is None:
            return plain
        line: Wire = plain._line  # type: ignore[attr-defined]  # the world's own adapter
        return ToldGateway(line, spec, context, self.tricks)


class SetClock(LoopClock):
    """A clock whose wall time somebody has set."""

    seconds = 0.0

    def wall(self) -> datetime:
        """See Clock."""
        return super().wall() + timedelta(seconds=self.seconds)
