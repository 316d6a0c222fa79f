"""The PersistentVolumeClaim of a persistent Workspace: it bears its name, and goes when the Workspace goes."""

from __future__ import annotations

from kelos.api import names
from kelos.api.kinds import PVC, WORKSPACE, Manifest
from kelos.api.workspace import Workspace
from kelos.settings import Settings


def claim_name(workspace: Workspace) -> str:
    return workspace.meta.name


def build_claim(workspace: Workspace, settings: Settings) -> Manifest:
    """What is made when there is no claim of that name; one that somebody else made is used as it is."""
    meta = workspace.meta
    spec: Manifest = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": settings.persistent_size}},
    }
    if settings.persistent_storage_class:
        spec["storageClassName"] = settings.persistent_storage_class
    owner = {"apiVersion": WORKSPACE.api_version, "kind": WORKSPACE.kind, "name": meta.name, "uid": meta.uid}
    return {
        "apiVersion": PVC.api_version,
        "kind": PVC.kind,
        "metadata": {
            "name": claim_name(workspace),
            "namespace": meta.namespace,
            "labels": {
                names.LABEL_MANAGED_BY: names.MANAGER,
                names.LABEL_WORKSPACE: names.shorten(meta.name),
                "app.kubernetes.io/name": "kelos",
                "app.kubernetes.io/component": "workspace",
                "app.kubernetes.io/part-of": "kelos",
                "app.kubernetes.io/managed-by": names.MANAGER,
            },
            "ownerReferences": [{**owner, "controller": True}],
        },
        "spec": spec,
    }
