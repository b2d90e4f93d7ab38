"""What the tests of the provider side begin with."""

from collections.abc import AsyncIterator

import pytest
from tests.provider.ground import Ground


@pytest.fixture
async def ground() -> AsyncIterator[Ground]:
    """The provider side with a gateway that has nothing wrong with it; ended at the end."""
    async with Ground() as made:
        yield made
