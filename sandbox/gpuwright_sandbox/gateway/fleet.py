"""The truth: every machine there is and was, on a clock of its own, whatever clients are told about it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from gpuwright_sandbox.gateway import machines
from gpuwright_sandbox.gateway.agenda import Agenda
from gpuwright_sandbox.gateway.clock import Clock
from gpuwright_sandbox.gateway.machines import Ending, Machine, MachineRequest, MachineState
from gpuwright_sandbox.gateway.settings import DEFAULT_ACCOUNT, Settings
from gpuwright_sandbox.gateway.shapes import Json, read
from gpuwright_sandbox.gateway.store import Journal
from gpuwright_sandbox.gateway.tally import LiveCount, OwnerCount, OwnerTally


class NameTakenError(Exception):
    """The name cannot be given away now.

    Attributes:
        holder: the live machine that has it; None when the name is merely still registered.
    """

    def __init__(self, name: str, holder: Machine | None) -> None:
        super().__init__(f"the name {name} is taken")
        self.holder = holder


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A machine to be made; `id` empty = the next one, `indexed` False = the gateway loses the name at once."""

    name: str
    request: MachineRequest
    account: str = DEFAULT_ACCOUNT
    id: str = ""
    indexed: bool = True


@dataclass(frozen=True, slots=True)
class Residue:
    """A name that stays registered until then although no machine has it."""

    account: str
    name: str
    until: datetime


@dataclass(frozen=True, slots=True)
class _Count:
    owner_uid: str
    count: LiveCount


class Fleet:
    """All machines. Time passes when somebody asks: whatever was due by then happens first, in its order.

    Attributes:
        settings: how machines live from now on; may be replaced at any time.
    """

    def __init__(self, clock: Clock, settings: Settings | None = None, journal: Journal | None = None) -> None:
        self.settings = settings or Settings()
        self._agenda = Agenda(clock)
        self._journal = journal
        self._serial = 0
        self._forget()

    def _forget(self) -> None:
        self._machines: dict[int, Machine] = {}
        self._names: dict[tuple[str, str], int] = {}
        self._shown: dict[int, None] = {}
        self._residue: dict[tuple[str, str], datetime] = {}
        self._tally = OwnerTally()

    @property
    def now(self) -> datetime:
        """The time at the gateway; while something due happens, the time at which it was due."""
        return self._agenda.now

    def advance(self) -> None:
        """Let everything happen that is due by now."""
        self._agenda.advance()

    def later(self, seconds: float, happen: Callable[[], object]) -> None:
        """Let something happen after so many seconds of the gateway's clock."""
        self._agenda.after(seconds, happen)

    def check_name(self, account: str, name: str) -> None:
        """Pass if the name is free.

        Raises:
            NameTakenError: it is not.
        """
        self.advance()
        key = (account, name)
        holder = self._machines.get(self._names.get(key, 0))
        if holder is not None and holder.alive:
            raise NameTakenError(name, holder)
        if self._residue.get(key, self.now) > self.now or (holder is not None and not self.settings.name_reuse):
            raise NameTakenError(name, None)

    def create(self, order: Order) -> Machine:
        """Return the machine that was made; it bills from now on.

        Raises:
            NameTakenError: nothing was made.
        """
        self.check_name(order.account, order.name)
        self._serial += 1
        made = Machine(
            serial=self._serial,
            id=order.id or f"i-{self._serial:06d}",
            name=order.name,
            account=order.account,
            state=MachineState.PENDING,
            request=order.request,
            price_per_hour=order.request.price_per_hour,
            created_at=self.now,
            indexed=order.indexed,
        )
        self._tally.made(made.owner_uid)
        return self._put(machines.boot(made, self.settings))

    def find(self, account: str, name: str) -> Machine | None:
        """Return the machine that has this name, or the one that had it last; None when nobody knows of one."""
        self.advance()
        return self._machines.get(self._names.get((account, name), 0))

    def shown(self, account: str, after: int = 0) -> Iterator[Machine]:
        """Yield what lists show, in the order of creation, beginning after that serial: not what is gone."""
        self.advance()
        for serial in self._shown:
            machine = self._machines[serial]
            if serial > after and machine.account == account:
                yield machine

    def machines(self) -> tuple[Machine, ...]:
        """Return every machine there is and was, in the order of creation."""
        self.advance()
        return tuple(self._machines.values())

    def pick(self, name_or_id: str) -> Machine | None:
        """Return the last made machine of this id or name, whoever's and however gone it is."""
        self.advance()
        return next(
            (seen for seen in reversed(self._machines.values()) if name_or_id in (seen.id, seen.name)),
            None,
        )

    def at(self, serial: int) -> Machine:
        """Return a machine as it is now."""
        self.advance()
        return self._machines[serial]

    def delete(self, machine: Machine) -> Machine:
        """Return the machine as it begins to go, or gone."""
        return self._put(machines.delete(self.at(machine.serial), self.settings, self.now))

    def stop(self, machine: Machine) -> Machine:
        """Return the machine as it begins to power off; one that goes or is gone stays as it is."""
        current = self.at(machine.serial)
        return current if _going(current) else self._put(machines.stop(current, self.settings, self.now))

    def start(self, machine: Machine) -> Machine:
        """Return the machine as it begins to power on; one that goes or is gone stays as it is."""
        current = self.at(machine.serial)
        return current if _going(current) else self._put(machines.start(current, self.settings, self.now))

    def preempt(self, machine: Machine, reason: str = "spot capacity was taken back") -> Machine:
        """Return the machine as the provider took it away; lists and reads show it as preempted."""
        return self._end(machine, Ending.PREEMPTED, reason)

    def vanish(self, machine: Machine) -> Machine:
        """Return the machine as it was lost without a trace: nothing that clients see shows it any more."""
        return self._end(machine, Ending.VANISHED, "")

    def fail(self, machine: Machine, reason: str = "the boot disk was not readable") -> Machine:
        """Return the machine broken; it bills on."""
        current = self.at(machine.serial)
        return self._put(machines.fail(current, reason)) if current.alive else current

    def relabel(self, machine: Machine, labels: Mapping[str, str]) -> Machine:
        """Return the machine with some labels changed by somebody else."""
        return self._put(machines.relabel(self.at(machine.serial), labels))

    def register(self, account: str, name: str, seconds: float) -> None:
        """Keep a name taken for so many seconds although no machine has it."""
        residue = Residue(account, name, self.now + timedelta(seconds=seconds))
        self._residue[account, name] = residue.until
        self._write("residue", residue)

    def owners(self) -> dict[str, OwnerCount]:
        """Return, by owner uid, live machines now, the most at any moment, and how many were made."""
        self.advance()
        return self._tally.owners()

    def doubled(self) -> tuple[str, ...]:
        """Return the owner uids that had two live machines at some moment: the list that must be empty."""
        self.advance()
        return self._tally.doubled()

    def history(self, owner_uid: str) -> tuple[LiveCount, ...]:
        """Return how many live machines an owner had, and from when on, oldest first."""
        self.advance()
        return self._tally.history(owner_uid)

    def reset(self) -> None:
        """Forget everything but the number of the last machine: an id is never given twice."""
        self._agenda.clear()
        self._forget()
        self._write("serial", self._serial)

    def restore(self, kind: str, record: Json) -> None:
        """Take back one line of the journal; lines of other kinds are somebody else's."""
        match kind:
            case "machine":
                self._restore_machine(read(Machine, record))
            case "count":
                entry = read(_Count, record)
                self._tally.record(entry.owner_uid, entry.count)
            case "residue":
                residue = read(Residue, record)
                self._residue[residue.account, residue.name] = residue.until
            case "serial" if isinstance(record, int):
                self._serial = max(self._serial, record)
            case _:
                return

    def _restore_machine(self, machine: Machine) -> None:
        if machine.serial not in self._machines:
            self._tally.made(machine.owner_uid)
        self._serial = max(self._serial, machine.serial)
        self._enter(machine)

    def _end(self, machine: Machine, ending: Ending, reason: str) -> Machine:
        current = self.at(machine.serial)
        return self._put(machines.end(current, ending, self.now, reason)) if current.alive else current

    def _put(self, machine: Machine) -> Machine:
        before = self._machines.get(machine.serial)
        self._enter(machine)
        self._write("machine", machine)
        was, has = _live_owner(before), _live_owner(machine)
        if was != has:
            self._count(was, -1)
            self._count(has, +1)
        return machine

    def _enter(self, machine: Machine) -> None:
        self._machines[machine.serial] = machine
        key = (machine.account, machine.name)
        if machine.state is MachineState.GONE:
            self._shown.pop(machine.serial, None)
        else:
            self._shown[machine.serial] = None
        if machine.indexed and self._names.get(key, 0) <= machine.serial:
            self._names[key] = machine.serial
        if machine.ending is Ending.VANISHED and self._names.get(key) == machine.serial:
            del self._names[key]
        if machine.next_at is not None:
            self._agenda.at(machine.next_at, partial(self._step, machine.serial, machine.next_at))

    def _step(self, serial: int, at: datetime) -> None:
        machine = self._machines[serial]
        # Whatever was done to the machine meanwhile has planned another step, or none.
        if machine.next_at == at:
            self._put(machines.step(machine, self.settings))

    def _count(self, owner_uid: str | None, by: int) -> None:
        if owner_uid is not None:
            self._write("count", _Count(owner_uid, self._tally.change(owner_uid, by, self.now)))

    def _write(self, kind: str, record: object) -> None:
        if self._journal is not None:
            self._journal.append(kind, record)


def _live_owner(machine: Machine | None) -> str | None:
    return machine.owner_uid if machine is not None and machine.alive else None


def _going(machine: Machine) -> bool:
    return not machine.alive or machine.state is MachineState.DELETING
