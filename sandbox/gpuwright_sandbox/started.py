"""What is started, runs beside its caller, and ends with a `with`, however that ends."""

import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from types import TracebackType
from typing import Self


class Started(ABC):
    """Starts where a `with` begins, and is closed where it ends; also where the start itself fails half way."""

    @abstractmethod
    def start(self) -> None:
        """Start it and return when it can be used."""

    @abstractmethod
    def close(self) -> None:
        """End it, or what there is of it."""

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def comes_up(
    child: subprocess.Popen[bytes], is_up: Callable[[], bool], patience_seconds: float, glance_seconds: float
) -> bool:
    """Return True once a child process is up; False where it ends before, or takes longer than the patience."""
    until = time.monotonic() + patience_seconds
    while not is_up():
        if child.poll() is not None or time.monotonic() > until:
            return False
        time.sleep(glance_seconds)
    return True
