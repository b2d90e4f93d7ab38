"""Callbacks are posted once, and what cannot be delivered is said."""

import asyncio
import logging

import pytest

from gpuwright_sandbox.gateway.door import PortReservation
from gpuwright_sandbox.gateway.notices import Notices


async def settled(notices: Notices) -> None:
    """Wait until nothing is being posted any more."""
    await asyncio.gather(*notices._posting)


@pytest.mark.parametrize("path", ["http://127.0.0.1:{port}/", "nonsense"])
async def test_what_cannot_be_delivered_is_logged(caplog: pytest.LogCaptureFixture, path: str) -> None:
    notices = Notices()
    with PortReservation() as nobody, caplog.at_level(logging.WARNING):
        notices.post(path.format(port=nobody.port), {"a": 1}, 0)
        await settled(notices)
    assert [record.message for record in caplog.records] == ["callback not delivered"]


async def test_stopping_gives_up_on_what_was_not_posted_yet() -> None:
    notices = Notices()
    notices.post("http://127.0.0.1:1/", None, 60)
    await notices.stop()
    assert not notices._posting
