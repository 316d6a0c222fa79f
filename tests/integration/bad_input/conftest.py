"""One plane for the whole folder: it takes seconds to start, and bad input must not hurt it anyway."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from .doors import Doors
from .plane import Plane, running_plane


@pytest.fixture(scope="session")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    with running_plane(tmp_path_factory.mktemp("plane")) as plane:
        yield plane


@pytest.fixture
def doors(tmp_path: Path, plane: Plane) -> Doors:
    """Doors to the plane, with a folder of this test alone."""
    return Doors(folder=tmp_path, kubeconfig=plane.kubeconfig)
