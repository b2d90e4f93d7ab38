"""A gateway on a clock that stands still, and a client for it."""

from collections.abc import AsyncIterator

import pytest
from tests.sandbox.gateway.asking import Client

from gpuwright_sandbox.gateway import ManualClock, SandboxGateway


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def gateway(clock: ManualClock) -> AsyncIterator[SandboxGateway]:
    async with SandboxGateway(clock=clock) as gateway:
        yield gateway


@pytest.fixture
async def client(gateway: SandboxGateway) -> AsyncIterator[Client]:
    async with Client(gateway.url) as client:
        yield client
