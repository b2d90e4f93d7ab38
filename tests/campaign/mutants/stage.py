"""A world of L1 for scenes: processes that freeze at a write or hear nothing, a clock that is set, the real adapter."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from tests.campaign.l1_faults import NEVER, REQUEST_SECONDS, Strike, silent
from tests.campaign.l1_plan import Plan
from tests.campaign.l1_process import PROCESS, Process
from tests.campaign.l1_provider import Traits, Vm
from tests.campaign.l1_world import Wire, World
from tests.campaign.mutants.wire import ToldGateway, Tricks
from tests.campaign.trace import Faulted, Restarted
from tests.engine.virtual_loop import LoopClock
from tests.kube.fake_api import Body

from gpuwright.adapters.contract import Adapter
from gpuwright.adapters.registry import AdapterContext
from gpuwright.model.errors import Blind
from gpuwright.model.provider_spec import ProviderSpec


class SetClock(LoopClock):
    """A clock whose wall time somebody may set, by so many seconds."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def wall(self) -> datetime:
        """See Clock."""
        return super().wall() + timedelta(seconds=self.seconds)


class Stage(World):
    """A world for one scene. `tricks`: the real gateway adapter is used, over a wire that plays them.

    Attributes:
        strikes: what happens to the next calls of a verb.
        freezes: a process whose write leads to such an object stands still before it hears of the answer.
        silent: whether no call is answered, and none has an effect.
        deaf: the processes whose watch tells them nothing.
        spared: machines that nobody may end in this scene.
    """

    def __init__(self, traits: Traits, seed: int, tricks: Tricks | None = None) -> None:
        super().__init__(traits, Plan(), seed)
        self.tricks = tricks
        self.wall = self.clock = SetClock()
        self.strikes: dict[str, list[Strike]] = {}
        self.freezes: Callable[[Body], bool] = lambda _body: False
        self.silent = False
        self.deaf: set[Process] = set()
        self.spared: list[Vm] = []
        self._all: list[Process] = []

    def begin(self) -> None:
        """Start a process; those that run go on."""
        super().begin()
        if self.process is not None:
            self._all.append(self.process)

    def running(self) -> list[Process]:
        """See World."""
        return [process for process in self._all if process.alive]

    @property
    def oldest(self) -> Process:
        """Return the process that was there first, of those that live."""
        return self.running()[0]

    def ends_the_oldest(self) -> None:
        """Kill it; nobody takes its place."""
        ended = self.oldest
        ended.kill()
        self.tell(Restarted(self.now, ended.name, "killed"))

    def stop(self) -> None:
        """End all that runs of the operator, at the end of the run."""
        for process in self.running():
            process.kill()

    async def request(self, process: Process, method: str, path: str, **rest: Any) -> dict[str, Any]:
        """See World."""
        answer = await super().request(process, method, path, **rest)
        if method == "PATCH" and self.freezes(answer):
            self.freezes = lambda _body: False
            self.tell(Restarted(self.now, process.name, "frozen"))
            process.freeze()
            await process.runs()
        return answer

    def thaw(self, process: Process) -> None:
        """Let a process go on."""
        self.tell(Restarted(self.now, process.name, "thawed"))
        process.thaw()

    def show(self, process: Process, kind: str, event: str, body: Body) -> None:
        """See World."""
        if process not in self.deaf:
            super().show(process, kind, event, body)

    @contextmanager
    def faulted(self, what: str, **tricks: Any) -> Iterator[None]:
        """Have something go wrong for as long as this lasts; the gateway plays these tricks meanwhile."""
        known, self.tricks = self.tricks, replace(self.tricks or Tricks(), **tricks) if tricks else self.tricks
        self.tell(Faulted(self.now, what, begins=True))
        try:
            yield
        finally:
            self.tell(Faulted(self.now, what, begins=False))
            self.tricks = known

    def strike(self, verb: str) -> Strike:
        """See World."""
        if self.silent:
            error = Blind("no answer", unhealthy=True) if verb == "probe" else silent(verb)
            return Strike(NEVER, REQUEST_SECONDS, error)
        planned = self.strikes.get(verb)
        return planned.pop(0) if planned else super().strike(verb)

    def adapter(self, spec: ProviderSpec, context: AdapterContext) -> Adapter:
        """See World."""
        process = PROCESS.get()
        if self.tricks is None or process is None:
            return super().adapter(spec, context)
        return ToldGateway(Wire(self, process), spec, context, lambda: self.tricks or Tricks())
