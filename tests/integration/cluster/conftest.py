"""These tests own time: backoffs and read timeouts of minutes pass in milliseconds."""

from typing import Any

import pytest

from virtual_time import VirtualLoop


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "asyncio", {"loop_factory": VirtualLoop}
