"""A world of L1 in which several processes of the operator run at once, though nobody is to run more than one."""

from tests.campaign.l1_plan import Plan
from tests.campaign.l1_process import Process
from tests.campaign.l1_provider import Traits
from tests.campaign.l1_world import World
from tests.campaign.trace import Restarted


class Several(World):
    """Every process that was begun and lives hears of everything, and works."""

    def __init__(self, traits: Traits, plan: Plan, seed: int) -> None:
        super().__init__(traits, plan, seed)
        self.processes: list[Process] = []

    def running(self) -> list[Process]:
        """See World: the newest last."""
        return [process for process in self.processes if process.alive]

    def begin(self) -> None:
        """See World."""
        super().begin()
        if self.process is not None:
            self.processes.append(self.process)

    def ends(self, process: Process) -> None:
        """Kill a process; none follows."""
        if process.alive:
            process.kill()
            self.tell(Restarted(self.now, process.name, "killed"))
