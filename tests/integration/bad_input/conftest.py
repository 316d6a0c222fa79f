"""One plane for the whole folder: it takes seconds to start, and bad input must not hurt it anyway.

While it runs no command line of this machine may hold the value of a secret.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from .doors import Doors
from .plane import CommandLines, Plane, running_plane


@pytest.fixture(scope="session")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    with CommandLines() as lines:
        with running_plane(tmp_path_factory.mktemp("plane")) as plane:
            yield plane
        assert lines.looks
        assert set() == lines.found


@pytest.fixture
def doors(tmp_path: Path, plane: Plane) -> Doors:
    """Doors to the plane, with a folder of this test alone."""
    return Doors(folder=tmp_path, kubeconfig=plane.kubeconfig)
