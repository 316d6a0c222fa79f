"""Every test of this folder runs twice: on the local plane and on a real API server."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from realcluster.client import connect
from realcluster.control_plane import ControlPlane
from realcluster.crds import install_crds
from realcluster.namespaces import create_namespace
from realcluster.obedient_node import ObedientNode

from .local_plane import LocalPlane
from .servers import Server


@pytest.fixture(scope="session")
def local_plane(cluster_crds: list[dict[str, Any]]) -> Iterator[LocalPlane]:
    """One local plane for the whole run, with the definitions that the real one has."""
    with LocalPlane() as plane:
        install_crds(plane.api, cluster_crds)
        yield plane


@pytest.fixture(params=["local", pytest.param("real", marks=pytest.mark.cluster)])
def server(request: pytest.FixtureRequest, kubectl: Path) -> Server:
    """The server under test, with a namespace that only this test uses."""
    if request.param == "local":
        return _on_local_plane(request.getfixturevalue("local_plane"), kubectl)
    return _on_real_cluster(request.getfixturevalue("real_cluster"), kubectl)


def _on_local_plane(plane: LocalPlane, kubectl: Path) -> Server:
    namespace = create_namespace(plane.api)
    return Server(
        name="local",
        api=plane.api,
        namespace=namespace,
        kubeconfig=plane.kubeconfig,
        kubectl_program=kubectl,
        job_image="example.invalid/obedient",
        run_pods=lambda: ObedientNode(plane.api, namespace),
    )


def _on_real_cluster(cluster: ControlPlane, kubectl: Path) -> Server:
    api = connect(cluster.token_kubeconfig)
    namespace = create_namespace(api)
    return Server(
        name="real",
        api=api,
        namespace=namespace,
        kubeconfig=cluster.token_kubeconfig,
        kubectl_program=kubectl,
        job_image="example.invalid/obedient",
        run_pods=lambda: ObedientNode(api, namespace),
    )
