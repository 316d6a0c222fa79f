"""What every test shares: one event loop flavour, and the real control plane for those that ask."""

import pytest

pytest_plugins = ["realcluster.fixtures"]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
