"""Queues and caches wait for minutes: these tests own time."""

from typing import Any

import pytest

from virtual_time import VirtualLoop


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "asyncio", {"loop_factory": VirtualLoop}
