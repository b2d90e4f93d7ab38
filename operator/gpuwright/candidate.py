"""One replica's life: it stands by, leads, and ends in good order. Without an election it leads from the start."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from gpuwright.leadership import Leadership
from gpuwright.process import Operator

log = logging.getLogger(__name__)


class Candidate:
    """Tells the operator when to begin and when to end.

    Args:
        leadership: None where there is no election.
        check: asked before the work begins whether what is on record is for us to go on with; raises if it is not.
        failed: told why this replica can never lead, or what broke; the process cannot go on.
    """

    def __init__(
        self,
        operator: Operator,
        leadership: Leadership | None,
        *,
        check: Callable[[], None],
        failed: Callable[[Exception], None],
    ) -> None:
        self._operator = operator
        self._leadership = leadership
        self._check = check
        self._failed = failed
        self._standing: asyncio.Task[None] | None = None
        self._keeping: asyncio.Task[None] | None = None

    async def begin(self, watching: asyncio.Event) -> None:
        """Stand by, and begin to work, or to strive for the Lease, once `watching` is set.

        Not before: from then on a signal to end is heard, what is in flight is finished, and a Lease that was taken is
        given back.

        Raises:
            NotPermitted: the Lease may not be read.
        """
        if self._leadership is not None:
            await self._leadership.check()
        self._operator.stand_by()
        self._standing = asyncio.create_task(self._guarded(self._stand(watching)), name="election")

    async def _stand(self, watching: asyncio.Event) -> None:
        await watching.wait()
        log.info("started")
        if self._leadership is not None:
            await self._lead(self._leadership)
        self._operator.start()

    async def _lead(self, leadership: Leadership) -> None:
        await leadership.acquire()
        self._keeping = asyncio.create_task(self._guarded(leadership.keep()), name="lease")
        await self._operator.list_live()
        self._check()

    async def drain(self) -> None:
        """Strive for nothing any more, finish what is in flight, and give the Lease back, which is renewed until then.

        At once, because kopf takes its time after its cleanup: five seconds where a task runs that is not its own.
        """
        await _ended(self._standing)
        await self._operator.drain()
        await self.release()

    async def release(self) -> None:
        """Give the Lease back, if that was not done before; nothing leaves this process any more."""
        await _ended(self._standing)
        if self._leadership is not None:
            await self._leadership.release()
        await _ended(self._keeping)

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as error:  # noqa: BLE001 - handed on: a replica that cannot elect must not look as if it could
            self._failed(error)


async def _ended(task: asyncio.Task[None] | None) -> None:
    if task is not None:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
