"""The command `kelos` as people start it: a process of its own, a home of its own, a real plane behind it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .person import Person, tells


@pytest.fixture
def person(tmp_path: Path) -> Person:
    """Somebody with an empty home and no cluster."""
    return Person(tmp_path)


@pytest.fixture(scope="module")
def neighbour(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    """Somebody whose kubeconfig leads to a plane that runs; it is shared by the tests of a module."""
    person = Person(tmp_path_factory.mktemp("neighbour"))
    command = [sys.executable, "-m", "kelos", "up", "--ephemeral"]
    plane = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=person.env)
    try:
        person.use(json.loads(tells(plane, "{"))["kubeconfig"])
        yield person
    finally:
        assert plane.stdin is not None
        assert plane.stdout is not None
        plane.stdin.close()
        code = plane.wait(30)
        plane.stdout.close()
    assert 0 == code
    assert [] == person.processes()
