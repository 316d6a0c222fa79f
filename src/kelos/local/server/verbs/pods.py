"""The two verbs that only pods have: being bound to a node, and being asked to leave it."""

from __future__ import annotations

from typing import Any

from kelos.api.kinds import Manifest
from kelos.local.server.metadata import timestamp
from kelos.local.server.refusals import bad_request, conflict
from kelos.local.server.resources import Resource
from kelos.local.server.verbs.deleting import delete
from kelos.local.server.verbs.options import DeleteOptions, WriteOptions
from kelos.local.server.verbs.plane import Plane
from kelos.local.server.verbs.reading import find
from kelos.local.server.verbs.writing import Draft, update


def bind(plane: Plane, resource: Resource, namespace: str | None, name: str, binding: Any) -> None:
    """Put a pod on the node that a Binding names. Raises conflict when it has one already."""
    node = ((binding or {}).get("target") or {}).get("name") if isinstance(binding, dict) else None
    if not node:
        raise bad_request("a Binding needs target.name, the node")
    live = find(plane.store, resource, namespace, name).manifest
    if live["spec"].get("nodeName"):
        raise conflict(resource.kind, name, f"the pod is already assigned to node '{live['spec']['nodeName']}'")
    key = find(plane.store, resource, namespace, name).key
    since = timestamp(plane.now())
    condition = {"type": "PodScheduled", "status": "True", "lastProbeTime": None, "lastTransitionTime": since}
    status = live.get("status") or {}
    others = [each for each in status.get("conditions") or () if each["type"] != "PodScheduled"]
    bound: Manifest = {
        **live,
        "spec": {**live["spec"], "nodeName": node},
        "status": {**status, "conditions": [*others, condition]},
    }
    plane.store.put(key, bound)


def evict(plane: Plane, resource: Resource, namespace: str | None, name: str, eviction: Any) -> None:
    """Delete a pod on an Eviction's terms; the disruption stays visible on a pod that lingers."""
    given = (eviction.get("deleteOptions") or {}) if isinstance(eviction, dict) else {}
    since = timestamp(plane.now())

    def disrupt(live: Manifest) -> Draft:
        condition = {
            "type": "DisruptionTarget",
            "status": "True",
            "reason": "EvictionByEvictionAPI",
            "message": "Eviction API: evicting",
            "lastTransitionTime": since,
        }
        status = live.get("status") or {}
        others = [each for each in status.get("conditions") or () if each["type"] != "DisruptionTarget"]
        return Draft(manifest={**live, "status": {**status, "conditions": [*others, condition]}})

    update(plane, resource, namespace, name, disrupt, WriteOptions(manager="kube-apiserver"), "status")
    grace = given.get("gracePeriodSeconds")
    delete(plane, resource, namespace, name, DeleteOptions(grace_seconds=grace))
