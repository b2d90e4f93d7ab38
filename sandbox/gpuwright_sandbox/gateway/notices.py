"""Callbacks: told to whoever asked to hear of it when accepted work is done."""

import asyncio
import logging

import aiohttp

from gpuwright_sandbox.gateway.shapes import Json, dump

TIMEOUT_SECONDS = 5.0

logger = logging.getLogger(__name__)


class Notices:
    """Posts callbacks in the background; what could not be delivered is logged and not tried again."""

    def __init__(self) -> None:
        self._posting: set[asyncio.Task[None]] = set()

    def post(self, url: str, payload: Json, after_seconds: float) -> None:
        """Post the payload to the url after so many real seconds."""
        task = asyncio.create_task(self._deliver(url, payload, after_seconds))
        self._posting.add(task)
        task.add_done_callback(self._posting.discard)

    async def stop(self) -> None:
        """Give up on what has not been delivered."""
        for task in self._posting:
            task.cancel()
        await asyncio.gather(*self._posting, return_exceptions=True)

    async def _deliver(self, url: str, payload: Json, after_seconds: float) -> None:
        await asyncio.sleep(after_seconds)
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
        headers = {"Content-Type": "application/json"}
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as client,
                client.post(url, data=dump(payload), headers=headers, allow_redirects=False) as answer,
            ):
                logger.info("callback delivered", extra={"url": url, "status": answer.status})
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            logger.warning("callback not delivered", extra={"url": url, "error": str(error)})
