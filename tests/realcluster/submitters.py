"""People and programs that may do a few things in one namespace."""

import base64
import json
from pathlib import Path
from typing import Any

from kelos.action.api.kubeconfig import find_target

from .control_plane import ControlPlane
from .rights import await_rights, service_account


def submitter(cluster: ControlPlane, namespace: str, rules: list[dict[str, Any]], folder: Path) -> str:
    """A kubeconfig of somebody who may do this and nothing else."""
    rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}"
    cluster.api.post(f"/api/v1/namespaces/{namespace}/serviceaccounts", {"metadata": {"name": "ci"}}).expect(201)
    cluster.api.post(f"{rbac}/roles", {"metadata": {"name": "ci"}, "rules": rules}).expect(201)
    binding = {
        "metadata": {"name": "ci"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "ci"},
        "subjects": [{"kind": "ServiceAccount", "name": "ci", "namespace": namespace}],
    }
    cluster.api.post(f"{rbac}/rolebindings", binding).expect(201)
    await_rights(cluster.api, service_account(namespace, "ci"), namespace, rules)
    asked = cluster.api.post(f"/api/v1/namespaces/{namespace}/serviceaccounts/ci/token", {"spec": {}}).expect(201)
    target = find_target(str(cluster.kubeconfig), "", {}, folder)
    trust = {"server": target.server, "certificate-authority-data": base64.b64encode(target.ca).decode()}
    return json.dumps(
        {
            "current-context": "ci",
            "contexts": [{"name": "ci", "context": {"cluster": "c", "user": "ci", "namespace": namespace}}],
            "clusters": [{"name": "c", "cluster": trust}],
            "users": [{"name": "ci", "user": {"token": asked["status"]["token"]}}],
        }
    )
