"""The real control plane as pytest fixtures: started when the first test asks, failing loudly when it cannot be had."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conformance.kinds import CRDS as SAMPLE_CRDS

from .binaries import AssetsUnavailableError, Binaries, find_kubectl, require_binaries
from .control_plane import ControlPlane
from .fake_node import FakeNode


@pytest.fixture(scope="session")
def cluster_binaries(pytestconfig: pytest.Config) -> Binaries:
    """The Kubernetes programs, built now when this machine never did; never a reason to skip."""
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")
    assert capture is not None

    def tell(text: str) -> None:
        with capture.global_and_fixture_disabled():
            print(f"\n{text}", flush=True)

    try:
        return require_binaries(tell)
    except AssetsUnavailableError as error:
        problem = str(error)
    pytest.fail(f"The tests against a real Kubernetes cannot run: {problem}", pytrace=False)


@pytest.fixture(scope="session")
def kubectl(request: pytest.FixtureRequest) -> Path:
    """The kubectl of the pinned release; needs no server."""
    if found := find_kubectl():
        return found
    binaries: Binaries = request.getfixturevalue("cluster_binaries")
    return binaries.kubectl


@pytest.fixture(scope="session")
def cluster_crds() -> list[dict[str, Any]]:
    """The definitions that every control plane of a test run starts with: ours, and those of the conformance suite."""
    from kelos.install.crds import build_crds  # pytest loads this module for every test, also for those without models

    return [*build_crds(), *SAMPLE_CRDS]


@pytest.fixture(scope="session")
def real_cluster(cluster_binaries: Binaries, cluster_crds: list[dict[str, Any]]) -> Iterator[ControlPlane]:
    """The control plane that all tests share; ask for `own_cluster` to break one."""
    with ControlPlane.start(cluster_binaries, cluster_crds) as plane:
        FakeNode(plane.api).register()
        yield plane


@pytest.fixture
def own_cluster(cluster_binaries: Binaries, cluster_crds: list[dict[str, Any]]) -> Iterator[ControlPlane]:
    """A control plane for one test, which may kill or freeze its API server."""
    with ControlPlane.start(cluster_binaries, cluster_crds) as plane:
        FakeNode(plane.api).register()
        yield plane


@pytest.fixture
def real_namespace(real_cluster: ControlPlane) -> str:
    """A namespace of the shared control plane for one test."""
    return real_cluster.create_namespace()


@pytest.fixture
def fake_node(real_cluster: ControlPlane) -> FakeNode:
    """The node of the shared control plane: pods do there what the test says."""
    return FakeNode(real_cluster.api)
