"""What every test shares: one event loop flavour, and the real control plane for those that ask."""

import pytest
from hypothesis import settings

# Time on a shared machine proves nothing; the same examples in every run do.
settings.register_profile("kelos", deadline=None, derandomize=True, database=None)
settings.load_profile("kelos")

pytest_plugins = ["realcluster.fixtures", "realnode.fixtures"]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
