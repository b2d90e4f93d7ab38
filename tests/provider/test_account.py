"""What one call says about a provider's health: each call counts once, and only if it was made."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest
from tests.engine.manual_clock import ManualClock

from gpuwright.adapters.contract import NotAsked, NotLooked
from gpuwright.model.conditions import Reason
from gpuwright.model.errors import Blind, NeverSent, NotCommitted, Rejected, Throttled, Unknown
from gpuwright.model.resources import Key
from gpuwright.provider.account import Account, Caller, Credentials
from gpuwright.provider.slots import Slots
from gpuwright.telemetry import Metrics


@dataclass
class Ground:
    clock: ManualClock = field(default_factory=ManualClock)
    metrics: Metrics = field(default_factory=Metrics)

    def __post_init__(self) -> None:
        self.caller = Caller(self.clock, self.metrics)
        key = Key("ComputeProvider", "team-a", "gateway")
        self.account = Account(key, Slots(lambda _left_out: 0, self.clock.monotonic()))

    async def call(self, error: Exception | None = None, *, seconds: float = 0.0) -> None:
        """Make a call that takes so long, and ends so."""

        async def answer() -> None:
            self.clock.advance(seconds)
            if error is not None:
                raise error

        (end,) = await asyncio.gather(self.caller.call(self.account, "look", answer()), return_exceptions=True)
        assert end is error

    def counted(self, result: str) -> float:
        labels = {"provider": "team-a/gateway", "verb": "look", "result": result}
        return self.metrics.registry.get_sample_value("gpuwright_provider_calls_total", labels) or 0.0


ANSWERS: dict[str, tuple[Callable[[], Exception | None], str]] = {
    "an answer": (lambda: None, "ok"),
    "a read that was refused": (lambda: Blind("401", rejected=True), "blind"),
    "a read that cannot be used": (lambda: Blind("no machine"), "blind"),
    "a promise": (lambda: NotCommitted("500"), "not_committed"),
    "a rejection": (lambda: Rejected("400", Reason.REQUEST_REJECTED), "not_executed"),
    "throttling": (lambda: Throttled("429", 1.0), "not_executed"),
    "an answer without a machine": (lambda: Unknown("200"), "unknown"),
}
FAILURES: dict[str, tuple[Callable[[], Exception], str]] = {
    "a read without an answer": (lambda: Blind("reset", unhealthy=True), "blind"),
    "a call without an answer": (lambda: Unknown("reset", unhealthy=True), "unknown"),
    "a connection that was not made": (lambda: NeverSent("refused"), "not_executed"),
}
NOTHING: dict[str, tuple[Callable[[], Exception], str]] = {
    "a call that came too late": (lambda: NotAsked("late"), "not_executed"),
    "a look that came too late": (lambda: NotLooked("late"), "blind"),
}


@pytest.mark.parametrize(("end", "result"), ANSWERS.values(), ids=list(ANSWERS))
async def test_any_answer_is_a_sign_of_life(end: Callable[[], Exception | None], result: str) -> None:
    ground = Ground()
    await ground.call(NeverSent("refused"))
    await ground.call(end())
    assert (ground.account.online, ground.account.ever_reached) == (True, True)
    assert (ground.account.breaker.failures, ground.account.trouble) == (0, "")
    assert ground.counted(result) >= 1


@pytest.mark.parametrize(("end", "result"), FAILURES.values(), ids=list(FAILURES))
async def test_what_gets_no_answer_is_a_failure(end: Callable[[], Exception], result: str) -> None:
    ground = Ground()
    await ground.call()
    for _ in range(3):
        await ground.call(end())
    assert (ground.account.online, ground.account.ever_reached) == (False, True)
    assert ground.account.breaker.failures == 3
    assert ground.account.trouble == str(end())
    assert ground.counted(result) == 3


@pytest.mark.parametrize(("end", "result"), NOTHING.values(), ids=list(NOTHING))
@pytest.mark.parametrize("failures", [0, 2, 3])
async def test_what_was_never_asked_says_nothing(end: Callable[[], Exception], result: str, failures: int) -> None:
    ground = Ground()
    for _ in range(failures):
        await ground.call(NeverSent("refused"))
    before = (ground.account.breaker, ground.account.online, ground.account.trouble, ground.account.last_success)
    await ground.call(end())
    after = (ground.account.breaker, ground.account.online, ground.account.trouble, ground.account.last_success)
    assert after == before
    assert ground.counted(result) >= 1


async def test_a_cancelled_call_says_nothing_and_stays_cancelled() -> None:
    ground = Ground()

    def never() -> Awaitable[None]:
        return asyncio.get_running_loop().create_future()

    task = asyncio.ensure_future(ground.caller.call(ground.account, "look", never()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (ground.account.online, ground.account.breaker.failures) == (False, 0)
    assert ground.counted("ok") == 0


async def test_time_is_visible_between_two_answers_and_not_across_a_failure() -> None:
    ground = Ground()
    await ground.call()
    for error in (None, NeverSent("refused"), None, None):
        ground.clock.advance(10)
        await ground.call(error)
    assert ground.account.visible_seconds == 20


async def test_the_length_of_a_call_is_measured() -> None:
    ground = Ground()
    await ground.call(seconds=2)
    labels = {"provider": "team-a/gateway", "verb": "look"}
    assert ground.metrics.registry.get_sample_value("gpuwright_provider_call_seconds_sum", labels) == 2


def test_the_token_is_in_no_repr() -> None:
    assert "s3cret" not in repr(Credentials(value="s3cret"))


@pytest.mark.parametrize(
    "error",
    [pytest.param(Throttled("429", 30.0), id="a create"), pytest.param(Blind("429", retry_after=30.0), id="a list")],
)
async def test_who_is_asked_to_stay_away_stays_away_with_everything_that_can_wait(error: Exception) -> None:
    ground = Ground()
    await ground.call(error)
    assert ground.account.slots.budget.paused_until == ground.clock.monotonic() + 30


@pytest.mark.parametrize("error", [Blind("429"), Blind("reset", unhealthy=True), NotCommitted("500"), Unknown("502")])
async def test_any_other_end_asks_for_no_pause(error: Exception) -> None:
    ground = Ground()
    await ground.call(error)
    assert ground.account.slots.budget.paused_until < ground.clock.monotonic()
