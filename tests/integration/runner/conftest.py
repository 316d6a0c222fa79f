"""A git host and a pod for every test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes.git_server import GitServer
from runner_pod import Pod

TOKEN = "tok-4711-secret"


@pytest.fixture
def host(tmp_path: Path) -> Iterator[GitServer]:
    """A git host that wants a token, with one repository."""
    with GitServer(tmp_path / "host", password=TOKEN) as server:
        server.create("team/app")
        yield server


@pytest.fixture
def open_host(tmp_path: Path) -> Iterator[GitServer]:
    """A git host that asks nobody, with one repository."""
    with GitServer(tmp_path / "open-host") as server:
        server.create("team/app")
        yield server


@pytest.fixture
def pod(tmp_path: Path) -> Pod:
    return Pod(tmp_path / "pod")
