"""Holds the Lease: takes it, renews it, gives it back, and is the gate for all that leaves this process.

The gate is asked right before the first byte of every call to a provider and of every write to the API server. It goes
by the clock alone, so a process that was frozen past its term sends nothing when it wakes up, whatever it is in the
middle of. Whoever leads and finds its term over tells `lost`, once; it never leads again.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from gpuwright.kube.client import ApiError, Conflict, Forbidden, NoAnswer, NotFound
from gpuwright.kube.lease import NAME, LeaseStore
from gpuwright.model.clock import Clock
from gpuwright.model.election import TERM_SECONDS, WRITES, Election, LeaseRecord, Step, released
from gpuwright.telemetry import Metrics

RETRY_SECONDS = 2.0  # the longest between two tries; half of it is jitter
CALL_SECONDS = 3.0  # of one request: two that are not answered still leave time for a third
RELEASE_TRIES = 3

log = logging.getLogger(__name__)


class NotPermitted(Exception):
    """No replica of this account can ever lead; the message says what to grant or to create."""


class Leadership:
    """One replica's part in the election.

    Args:
        me: the identity; no other process, and no later one, has the same.
        random: returns numbers from 0 up to 1.
        lost: told, once, why this process must not go on.
    """

    def __init__(
        self,
        store: LeaseStore,
        clock: Clock,
        metrics: Metrics,
        *,
        me: str,
        random: Callable[[], float],
        lost: Callable[[str], None],
    ) -> None:
        self._store = store
        self._clock = clock
        self._metrics = metrics
        self._random = random
        self._lost = lost
        self._election = Election(me)
        self._over = False  # lost, or given back
        self._wrote = False  # a write of ours has left: the Lease may be ours, whatever we know
        self._trouble = ""
        self._holder = ""  # whom we told the log of last

    def may_send(self) -> bool:
        """Return whether something may leave this process now; the end of our term is noticed here, too."""
        if self._over:
            return False
        leads = self._election.leads(self._clock.boottime())
        if self._election.led and not leads:
            self._lose(self._why_not_renewed())
        return leads

    async def check(self) -> None:
        """Look at the Lease once, so that a right that is missing is told at the start. Raises NotPermitted."""
        with suppress(ApiError):
            await self._read()

    async def acquire(self) -> None:
        """Return once we lead. Raises NotPermitted."""
        while not self._election.led:
            # What a standby knows is old by the time of its next turn.
            self._election = self._election.in_doubt()
            await self._turn()
            if not self._election.led:
                await self._pause()
        transitions = self._election.record.transitions if self._election.record else 0
        self._metrics.leader.set(1)
        log.info("took the Lease: this replica leads", extra={"place": self._place, "count": transitions})

    async def keep(self) -> None:
        """Renew our term again and again; return once it is lost or given back."""
        while not self._over:
            try:
                async with asyncio.timeout(self._election.term_ends - self._clock.boottime()):
                    await self._renewed()
            except TimeoutError:
                self._lose(self._why_not_renewed())

    async def _renewed(self) -> None:
        """Return once our term is longer than it was, or over."""
        before = self._election.term_ends
        while self._election.term_ends == before and not self._over:
            await self._pause()
            await self._turn()

    async def release(self) -> None:
        """Send nothing from now on, and give the Lease back if it is ours, or may be."""
        if self._over:
            return
        self._over = True
        self._metrics.leader.set(0)
        for _try in range(RELEASE_TRIES if self._wrote else 0):
            try:
                if await self._given_back():
                    return
            except ApiError as error:
                self._trouble = str(error)
                await asyncio.sleep(RETRY_SECONDS / 4)
        if self._wrote:
            words = "the Lease could not be given back: the next replica waits until it has run out"
            log.warning(words, extra={"place": self._place, "error": self._trouble})

    async def _given_back(self) -> bool:
        async with _bounded():
            record = await self._store.read()
            if record is None or record.holder != self._election.me:
                return True
            await self._store.change(record, released(self._moment()))
        log.info("gave the Lease back", extra={"place": self._place})
        return True

    async def _turn(self) -> None:
        """Read if need be, and write if that is due; what goes wrong is tried again at the next turn."""
        try:
            if self._step() is Step.READ:
                await self._read()
            step = self._step()
            if step in WRITES:
                await self._write(step)
        except ApiError as error:
            self._election = self._election.in_doubt()
            self._note_trouble(error)
            return
        self._trouble = ""
        if step is Step.LOST:
            self._lose(self._why_lost())

    def _step(self) -> Step:
        return Step.WAIT if self._over else self._election.step(self._clock.boottime())

    async def _read(self) -> None:
        try:
            async with _bounded():
                record = await self._store.read()
        except Forbidden as error:
            if self._election.record is None and not self._wrote:
                raise NotPermitted(_grant(self._store.namespace, error)) from error
            raise
        self._election = self._election.after_read(record, self._clock.boottime())
        self._tell(record)

    async def _write(self, step: Step) -> None:
        began = self._clock.boottime()
        spec = self._election.claim(self._moment())
        before = self._election.record
        self._wrote = True
        try:
            async with _bounded():
                if before is None:
                    record = await self._store.create(spec)
                else:
                    record = await self._store.change(before, spec)
        except Forbidden as error:
            if not self._election.led:
                raise NotPermitted(_grant(self._store.namespace, error)) from error
            raise
        except NotFound as error:
            if step is Step.CREATE and not self._election.led:
                raise NotPermitted(_no_namespace(self._store.namespace)) from error
            raise
        self._election = self._election.after_write(record, began)
        self._tell(record)

    def _tell(self, record: LeaseRecord | None) -> None:
        """Count the transitions, and log once whom we stand by for."""
        if record is None:
            return
        self._metrics.lease_transitions.set(record.transitions)
        if record.holder not in {"", self._election.me, self._holder} and not self._election.led:
            log.info("standing by", extra={"place": self._place, "reason": f"{record.holder} leads"})
        self._holder = record.holder

    def _note_trouble(self, error: ApiError) -> None:
        """Log the first of several errors in a row; a conflict is none, it is read again."""
        if not self._trouble and not isinstance(error, Conflict):
            words = "the Lease could not be read or written and will be tried again"
            log.warning(words, extra={"place": self._place, "error": str(error)})
        self._trouble = str(error)

    def _why_not_renewed(self) -> str:
        trouble = f": {self._trouble}" if self._trouble else ""
        return f"it was not renewed for {TERM_SECONDS:g} s{trouble}"

    def _why_lost(self) -> str:
        record = self._election.record
        if record is not None and record.holder not in {"", self._election.me}:
            return f"{record.holder} holds it"
        return self._why_not_renewed()

    def _lose(self, reason: str) -> None:
        if self._over:
            return
        self._over = True
        self._metrics.leader.set(0)
        self._lost(reason)

    async def _pause(self) -> None:
        await asyncio.sleep(RETRY_SECONDS * (0.5 + self._random() / 2))

    def _moment(self) -> str:
        return self._clock.wall().strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    @property
    def _place(self) -> str:
        return f"{self._store.namespace}/{NAME}"


@asynccontextmanager
async def _bounded() -> AsyncIterator[None]:
    """Bound what is asked of the API server in time, connecting and all. Raises NoAnswer."""
    try:
        async with asyncio.timeout(CALL_SECONDS):
            yield
    except TimeoutError as error:
        raise NoAnswer(f"no answer within {CALL_SECONDS:g} s") from error


def _grant(namespace: str, error: ApiError) -> str:
    return (
        f"--leader-elect needs the verbs get, create and patch on leases of coordination.k8s.io in namespace "
        f"{namespace}: grant them by a Role there, or run one replica with --no-leader-elect ({error})"
    )


def _no_namespace(namespace: str) -> str:
    return (
        f"--leader-elect needs a Lease in namespace {namespace}, which does not exist: create it, name another one "
        f"by --namespace, or run one replica with --no-leader-elect"
    )
