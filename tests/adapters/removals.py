"""A guard of an adapter that is taken away, so that its tests can be seen to fail."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import pytest

from gpuwright.model.machine import MachineState

StageT = TypeVar("StageT")


@dataclass(frozen=True, slots=True)
class Removal(Generic[StageT]):
    """A guard, what stands in its place, and the test that must fail then."""

    where: Any
    name: str
    instead: Any
    play: Callable[[StageT], Awaitable[None]]

    async def play_without(self, stage: StageT, monkeypatch: pytest.MonkeyPatch) -> None:
        """Run the test on a stage whose adapter has no such guard."""
        monkeypatch.setattr(self.where, self.name, self.instead)
        await self.play(stage)


class UnknownIsGone(dict[str, MachineState]):
    """A table of states in which a word that nobody knows means that the machine has gone."""

    def get(self, key: str, _default: Any = None) -> Any:
        """Return what a word means."""
        return dict.get(self, key, MachineState.GONE)
