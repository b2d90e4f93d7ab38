"""Works keys off: one worker a key at most, bursts coalesced, nothing ever lost.

A key is dirty or waits for its delay. Whoever marks it adds no message: what is to be done is found by looking. A key
that is marked while it is worked on is worked on again. One that raises comes back after a growing, jittered delay.

Keys run in lanes, each with workers of its own: those that wait for one provider that hangs are in nobody else's way.
A common number of workers would be used up by it, however large, and one for each lane is only ever used up by its own.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Hashable
from contextlib import suppress
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)

Lane = Hashable
"""What a key waits for when its work waits, such as the provider that it calls."""

FIRST_BACKOFF_SECONDS = 0.5
LONGEST_BACKOFF_SECONDS = 300.0

log = logging.getLogger(__name__)


class Engine(Generic[K]):
    """Runs `work(key)` for every marked key, at most `concurrency` of one lane at once.

    `lane` is asked when a key is marked: by default all are in one. `work` returns after how many seconds the key is to
    be looked at again without being marked, or None for never.
    `random` returns numbers from 0 up to 1; `observe` is told (key, result) after each pass, result one of success,
    error. `expected` are errors of the world outside, such as an API server that is away: one line, no traceback.
    """

    def __init__(
        self,
        work: Callable[[K], Awaitable[float | None]],
        *,
        concurrency: int,
        random: Callable[[], float],
        lane: Callable[[K], Lane] = lambda _key: None,
        observe: Callable[[K, str], None] = lambda _key, _result: None,
        expected: tuple[type[Exception], ...] = (),
    ) -> None:
        self._work = work
        self._concurrency = concurrency
        self._random = random
        self._lane = lane
        self._observe = observe
        self._expected = expected
        self._ready: dict[K, Lane] = {}
        self._queues: dict[Lane, dict[K, None]] = {}  # of what is ready, insertion-ordered: first come, first served
        self._busy: Counter[Lane] = Counter()
        self._running: dict[K, asyncio.Task[None]] = {}
        self._again: set[K] = set()
        self._timers: dict[K, asyncio.TimerHandle] = {}
        self._failures: dict[K, int] = {}
        self._closed = False

    @property
    def busy(self) -> int:
        """Return how many keys are worked on now."""
        return len(self._running)

    @property
    def depth(self) -> int:
        """Return how many keys wait for a worker."""
        return len(self._ready)

    def mark(self, key: K) -> None:
        """Have the key looked at as soon as may be."""
        if self._closed:
            return
        if key in self._running:
            self._again.add(key)
            return
        self._cancel_timer(key)
        if key not in self._ready:
            self._enter(key)

    def mark_after(self, key: K, seconds: float) -> None:
        """Have the key looked at after a delay, or sooner if it is due sooner already."""
        if self._closed or key in self._ready:
            return
        if key in self._running:
            # Its own answer decides when it is next due; this wish must not get lost meanwhile.
            asyncio.get_running_loop().call_later(seconds, self.mark, key)
            return
        self._set_timer(key, seconds)

    def forget(self, key: K) -> None:
        """Drop what is planned for the key; a pass that runs ends as usual."""
        self._cancel_timer(key)
        if key in self._ready:
            self._leave(key, self._ready[key])
        self._failures.pop(key, None)

    async def drain(self, seconds: float) -> int:
        """Start nothing new, let what runs finish, cancel what has not finished then; return how many were
        cancelled.
        """
        self._closed = True
        self._ready.clear()
        self._queues.clear()
        for key in list(self._timers):
            self._cancel_timer(key)
        tasks = list(self._running.values())
        if not tasks:
            return 0
        _done, pending = await asyncio.wait(tasks, timeout=seconds)
        for task in pending:
            task.cancel()
        for task in pending:
            with suppress(asyncio.CancelledError):
                await task
        return len(pending)

    def _enter(self, key: K) -> None:
        """Have the key wait in its lane, and begin what there is a worker for."""
        lane = self._ready[key] = self._lane(key)
        self._queues.setdefault(lane, {})[key] = None
        self._start(lane)

    def _leave(self, key: K, lane: Lane) -> None:
        del self._ready[key]
        queue = self._queues[lane]
        del queue[key]
        if not queue:
            del self._queues[lane]

    def _start(self, lane: Lane) -> None:
        while lane in self._queues and self._busy[lane] < self._concurrency and not self._closed:
            key = next(iter(self._queues[lane]))
            self._leave(key, lane)
            self._busy[lane] += 1
            self._running[key] = asyncio.get_running_loop().create_task(self._pass(key, lane))

    async def _pass(self, key: K, lane: Lane) -> None:
        # Whatever has marked the key since this task was made is seen by this pass, too.
        self._again.discard(key)
        delay: float | None = None
        result = "success"
        try:
            delay = await self._work(key)
            self._failures.pop(key, None)
        except self._expected as error:
            result = "error"
            delay = self._backoff(key)
            log.warning(
                "a pass was broken off and will be repeated",
                extra={"instance": str(key), "reason": f"{delay:.1f} s", "error": str(error)},
            )
        except Exception:
            # The one place where any exception is caught: the key comes back, and nothing is lost.
            result = "error"
            delay = self._backoff(key)
            log.exception(
                "a pass failed and will be repeated", extra={"instance": str(key), "reason": f"{delay:.1f} s"}
            )
        finally:
            del self._running[key]
            self._busy[lane] -= 1
            if not self._busy[lane]:
                del self._busy[lane]
            self._observe(key, result)
            self._after(key, delay)
            self._start(lane)

    def _after(self, key: K, delay: float | None) -> None:
        if self._closed:
            return
        if key in self._again:
            self._again.discard(key)
            self._enter(key)
        elif delay is not None:
            self._set_timer(key, delay)

    def _backoff(self, key: K) -> float:
        failures = self._failures.get(key, 0) + 1
        self._failures[key] = failures
        longest = min(LONGEST_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2.0 ** min(failures, 16))
        return longest * self._random()

    def _set_timer(self, key: K, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + max(0.0, seconds)
        planned = self._timers.get(key)
        if planned is not None and planned.when() <= due:
            return
        self._cancel_timer(key)
        self._timers[key] = loop.call_at(due, self._due, key)

    def _due(self, key: K) -> None:
        self._timers.pop(key, None)
        self.mark(key)

    def _cancel_timer(self, key: K) -> None:
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
