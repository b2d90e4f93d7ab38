"""Spreads the parts of a level over processes."""

import os
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from multiprocessing import active_children, get_context
from typing import TypeVar

Part = TypeVar("Part")
Result = TypeVar("Result")
HASH_SEED = "PYTHONHASHSEED"


def spread(
    work: Callable[[Part], Result], parts: Sequence[Part], processes: int, *, apart: bool = False
) -> Generator[tuple[Part, Result], None, None]:
    """Yield each part with what came of it: in order from this process where one is enough, else as they come.

    Args:
        work: a function of a module, because another process must find it.
        apart: in another process even where one is enough. All of those hash alike.
    """
    if processes <= 1 and not apart:
        yield from ((part, work(part)) for part in parts)
        return
    with _hashes_alike(), ProcessPoolExecutor(max(1, processes), mp_context=get_context("spawn")) as pool:
        begun = {pool.submit(work, part): part for part in parts}
        try:
            for done in as_completed(begun):
                yield begun[done], done.result()
        except BaseException:
            # Nobody waits for the rest any more, as after Ctrl-C; parts take minutes.
            pool.shutdown(wait=False, cancel_futures=True)
            for child in active_children():
                child.terminate()
                child.join()
            raise


@contextmanager
def _hashes_alike() -> Iterator[None]:
    """Let processes that begin meanwhile have the same hashes of words."""
    before = os.environ.get(HASH_SEED)
    os.environ[HASH_SEED] = "0"
    try:
        yield
    finally:
        os.environ.pop(HASH_SEED)
        if before is not None:
            os.environ[HASH_SEED] = before
