"""Every test of this folder runs twice: on the local plane and on a real API server."""

from pathlib import Path

import pytest

from realcluster.client import connect
from realcluster.control_plane import ControlPlane
from realcluster.obedient_node import ObedientNode

from .servers import Server


@pytest.fixture(params=[pytest.param("real", marks=pytest.mark.cluster)])
def server(request: pytest.FixtureRequest, kubectl: Path) -> Server:
    """The server under test, with a namespace that only this test uses."""
    cluster: ControlPlane = request.getfixturevalue("real_cluster")
    api = connect(cluster.token_kubeconfig)
    namespace = cluster.create_namespace()
    return Server(
        name="real",
        api=api,
        namespace=namespace,
        kubeconfig=cluster.token_kubeconfig,
        kubectl_program=kubectl,
        job_image="example.invalid/obedient",
        run_pods=lambda: ObedientNode(api, namespace),
    )
