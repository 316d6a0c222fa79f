"""What every test shares: one event loop flavour, and the real control plane for those that ask."""

import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

# Time on a shared machine proves nothing; the same examples in every run do.
settings.register_profile(
    "kelos", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True, database=None
)
settings.load_profile("kelos")

pytest_plugins = ["realcluster.fixtures", "realnode.fixtures"]

# A shell that starts us in the background has SIGINT ignored, and so would every program that tests interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
def no_container_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Whatever engine this machine has, `--containers auto` finds none that works; tests of engines bring their own."""
    folder = tmp_path_factory.mktemp("engines")
    for name in ("docker", "podman"):
        (folder / name).write_text("#!/bin/sh\necho 'no engine in tests' >&2\nexit 1\n")
        (folder / name).chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(folder), prepend=os.pathsep)
        yield
