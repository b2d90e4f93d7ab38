"""Tests of a module that run side by side: nearly all of their time they wait for an operator.

`@together()` makes a test of a function of a World. The first such test of a module that runs begins all of them; each
then reports its own. Tests that disturb others, such as those that kill the operator, are written as usual.
"""

import hashlib
import re
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import TypeAlias

import pytest
from tests.e2e.stage import Stage
from tests.e2e.world import FAST_BOOT, World

from gpuwright_sandbox.gateway.process import GatewayProcess

Play: TypeAlias = Callable[[World], None]

SIDE_BY_SIDE = 6  # more would be slowed down by each other on two cores


@dataclass(frozen=True, slots=True)
class Scenario:
    """One test.

    Attributes:
        own_gateway: because it changes settings that the other tests' machines would feel.
        own_namespace: because it deletes it.
        provider: whether Secret and provider are there when it begins.
    """

    play: Play
    own_gateway: bool
    own_namespace: bool
    provider: bool


class Begun:
    """The scenarios of a module, all on their way."""

    def __init__(self) -> None:
        self._futures: dict[Play, Future[None]] = {}

    def add(self, play: Play, future: "Future[None]") -> None:
        """Take note of what has begun."""
        self._futures[play] = future

    def finish(self, play: Play) -> None:
        """Wait for one; raise what it raised."""
        self._futures[play].result()

    def wait(self) -> None:
        """Wait for all, whatever becomes of them."""
        for future in self._futures.values():
            future.exception()


def together(
    *, own_gateway: bool = False, own_namespace: bool = False, provider: bool = True
) -> Callable[[Play], Callable[[Begun], None]]:
    """Make a test of a function of a World; see Scenario."""

    def decorate(play: Play) -> Callable[[Begun], None]:
        def test(begun: Begun) -> None:
            begun.finish(play)

        test.__name__ = play.__name__
        test.__doc__ = play.__doc__
        test.__module__ = play.__module__
        vars(test)["scenario"] = Scenario(play, own_gateway, own_namespace, provider)
        return test

    return decorate


@contextmanager
def begin(stage: Stage, items: list[pytest.Item], module: object) -> Iterator[Begun]:
    """Begin those scenarios of a module that were selected."""
    scenarios = [
        item.function.scenario
        for item in items
        if isinstance(item, pytest.Function) and item.module is module and hasattr(item.function, "scenario")
    ]
    begun = Begun()
    with GatewayProcess(FAST_BOOT) as crowd, ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        for scenario in scenarios:
            begun.add(scenario.play, pool.submit(_run, scenario, stage, crowd))
        try:
            yield begun
        finally:
            pool.shutdown(cancel_futures=True)


def _run(scenario: Scenario, stage: Stage, crowd: GatewayProcess) -> None:
    with ExitStack() as stack:
        gateway = stack.enter_context(GatewayProcess(FAST_BOOT)) if scenario.own_gateway else crowd
        name = scenario.play.__name__
        world = World(stage, gateway, short_name(name), digest(name))
        if scenario.own_namespace:
            stack.enter_context(world.own_namespace())
        if scenario.provider:
            world.make_secret()
            world.make_provider()
        stack.enter_context(cleared_away(world))
        scenario.play(world)


@contextmanager
def cleared_away(world: World) -> Iterator[World]:
    """Clear a world away at the end; what went wrong before is not hidden by what goes wrong then."""
    try:
        yield world
    except BaseException:
        with suppress(Exception):
            world.close()
        raise
    world.close()


def short_name(test: str) -> str:
    """Return a name for a test's objects: legible, and different for every test."""
    words = re.sub(r"[^a-z0-9]+", "-", test.removeprefix("test_").lower())
    return f"{words[:32].strip('-')}-{digest(test)}"


def digest(test: str) -> str:
    """Return four characters that are a test's own."""
    return hashlib.sha256(test.encode()).hexdigest()[:4]
