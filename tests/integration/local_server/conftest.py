"""One served plane per module for HTTP clients; a fresh plane per test for everything in process."""

from collections.abc import Iterator

import pytest

from kelos.local.cluster import LocalCluster
from kelos.local.server.serving import open_plane
from kelos.local.server.verbs.plane import Plane
from kelos.local.store import Store
from realcluster.client import Api

from .served import WIDGET_DEFINITION, Served


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with Served(tmp_path_factory.mktemp("served")) as running:
        running.api.post("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", WIDGET_DEFINITION).expect()
        yield running


@pytest.fixture
def api(served: Served) -> Api:
    return served.api


@pytest.fixture
def namespace(api: Api) -> str:
    created = api.post("/api/v1/namespaces", {"metadata": {"generateName": "test-"}}).expect()
    return str(created["metadata"]["name"])


@pytest.fixture
def store() -> Iterator[Store]:
    store = Store(history=50)
    yield store
    store.close()


@pytest.fixture
def plane(store: Store) -> Plane:
    return open_plane(store)


@pytest.fixture
def cluster(plane: Plane) -> LocalCluster:
    return LocalCluster(plane)
