"""`python -m kelos.install.generate --crds | kubectl apply -f -`, as the README says, against a real API server."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from realcluster.control_plane import ControlPlane

pytestmark = pytest.mark.cluster


@pytest.mark.parametrize("how", [(), ("--server-side", "--force-conflicts")])
def test_the_definitions_are_applied(real_cluster: ControlPlane, kubectl: Path, how: tuple[str, ...]) -> None:
    """Client-side too: the last applied state must fit into an annotation."""
    crds = subprocess.run([sys.executable, "-m", "kelos.install.generate", "--crds"], capture_output=True, check=True)
    command = [str(kubectl), "--kubeconfig", str(real_cluster.kubeconfig), "apply", *how, "-f", "-"]
    done = subprocess.run(command, input=crds.stdout, capture_output=True, timeout=120, check=False)

    assert 0 == done.returncode, done.stderr.decode()
    for plural in ("tasks", "workspaces", "agentconfigs"):
        assert f"customresourcedefinition.apiextensions.k8s.io/{plural}.kelos.dev" in done.stdout.decode()
