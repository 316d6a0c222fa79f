"""The table of the built-in kinds."""

from __future__ import annotations

from typing import Any

from kelos.api.kinds import Kind, Manifest
from kelos.local.server.builtin import columns, events, jobs, plain, pods, shapes
from kelos.local.server.builtin.rules import BuiltInRules
from kelos.local.server.custom import rules as definitions
from kelos.local.server.merging.shape import OBJECT
from kelos.local.server.resources import Resource
from kelos.local.server.selectors import FieldReader


def _read(path: str) -> FieldReader:
    steps = path.split(".")

    def read(manifest: Manifest) -> str:
        value: object = manifest
        for step in steps:
            value = value.get(step) if isinstance(value, dict) else None
        return str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)

    return read


def _fields(*paths: str) -> dict[str, FieldReader]:
    return {path: _read(path) for path in paths}


def _resource(group: str, version: str, kind: str, plural: str, *, namespaced: bool = True, **given: Any) -> Resource:
    described = Kind(group=group, version=version, kind=kind, plural=plural, namespaced=namespaced)
    settings: dict[str, Any] = {
        "singular": kind.lower(),
        "list_kind": f"{kind}List",
        "storage": f"{plural}.{group}" if group else plural,
        "stored_as": described.api_version,
        "rules": BuiltInRules(type_name=given.pop("type_name", kind)),
        "shape": OBJECT,
        "columns": columns.PLAIN,
        **given,
    }
    return Resource(kind=described, **settings)


_STATUS: dict[str, Any] = {"has_status": True, "subresources": ("status",)}
_SPEC: dict[str, Any] = {"has_generation": True}
_EVENT_FIELDS = _fields(
    "involvedObject.kind", "involvedObject.namespace", "involvedObject.name", "involvedObject.uid",
    "involvedObject.apiVersion", "involvedObject.resourceVersion", "involvedObject.fieldPath",
    "reason", "reportingComponent", "type",
) | {"source": columns.event_source}  # fmt: skip
_POD_FIELDS = _fields(
    "spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName", "spec.hostNetwork",
    "status.phase", "status.podIP", "status.nominatedNodeName",
)  # fmt: skip
_RBAC = "rbac.authorization.k8s.io"

_CORE = (
    _resource(
        "", "v1", "Namespace", "namespaces", namespaced=False, short_names=("ns",), rules=plain.NAMESPACE_RULES,
        shape=shapes.NAMESPACE, columns=columns.NAMESPACES, fields=_fields("status.phase"),
        ending=plain.ending_namespace, **_STATUS,
    ),
    _resource(
        "", "v1", "Secret", "secrets", rules=plain.SECRET_RULES, columns=columns.SECRETS, fields=_fields("type"),
    ),
    _resource(
        "", "v1", "ConfigMap", "configmaps", short_names=("cm",), rules=plain.CONFIG_MAP_RULES,
        columns=columns.CONFIG_MAPS,
    ),
    _resource(
        "", "v1", "ServiceAccount", "serviceaccounts", short_names=("sa",), shape=shapes.SERVICE_ACCOUNT,
        columns=columns.SERVICE_ACCOUNTS, returns_deleted=True,
    ),
    _resource(
        "", "v1", "Pod", "pods", short_names=("po",), categories=("all",), rules=pods.RULES, shape=shapes.POD,
        columns=columns.PODS, fields=_POD_FIELDS, grace=pods.grace, returns_deleted=True, has_status=True,
        subresources=("status", "log", "binding", "eviction"), **_SPEC,
    ),
    _resource(
        "", "v1", "Event", "events", short_names=("ev",), rules=plain.EVENT_RULES, columns=columns.EVENTS,
        fields=_EVENT_FIELDS,
    ),
    _resource(
        "", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", short_names=("pvc",), rules=plain.CLAIM_RULES,
        shape=shapes.CLAIM, columns=columns.CLAIMS, returns_deleted=True, **_STATUS,
    ),
    _resource(
        "", "v1", "Service", "services", short_names=("svc",), categories=("all",), shape=shapes.SERVICE,
        columns=columns.SERVICES, returns_deleted=True, **_STATUS,
    ),
    _resource(
        "", "v1", "Node", "nodes", namespaced=False, short_names=("no",), shape=shapes.NODE, columns=columns.NODES,
        fields=_fields("spec.unschedulable"), **_STATUS,
    ),
)  # fmt: skip
_GROUPS = (
    _resource(
        "events.k8s.io", "v1", "Event", "events", storage="events", stored_as="v1", short_names=("ev",),
        columns=columns.EVENTS, type_name="EventsV1Event", served_as=events.served_as,
        fields=_fields("regarding.kind", "regarding.namespace", "regarding.name", "regarding.uid", "reason",
                       "reportingController", "type"),
    ),
    _resource(
        "apps", "v1", "Deployment", "deployments", short_names=("deploy",), categories=("all",),
        rules=plain.DEPLOYMENT_RULES, shape=shapes.DEPLOYMENT, columns=columns.DEPLOYMENTS, **_STATUS, **_SPEC,
    ),
    _resource(
        "batch", "v1", "Job", "jobs", categories=("all",), rules=jobs.JOB_RULES, shape=shapes.JOB,
        columns=columns.JOBS, fields=_fields("status.successful"), default_propagation="Orphan", **_STATUS, **_SPEC,
    ),
    _resource(
        "batch", "v1", "CronJob", "cronjobs", short_names=("cj",), categories=("all",), rules=jobs.CRON_JOB_RULES,
        shape=shapes.CRON_JOB, columns=columns.CRON_JOBS, **_STATUS, **_SPEC,
    ),
    _resource(
        "coordination.k8s.io", "v1", "Lease", "leases", rules=plain.LEASE_RULES, columns=columns.LEASES,
        unconditional_update=False,
    ),
    _resource(_RBAC, "v1", "Role", "roles"),
    _resource(_RBAC, "v1", "RoleBinding", "rolebindings", columns=columns.BINDINGS),
    _resource(_RBAC, "v1", "ClusterRole", "clusterroles", namespaced=False),
    _resource(_RBAC, "v1", "ClusterRoleBinding", "clusterrolebindings", namespaced=False, columns=columns.BINDINGS),
    _resource(
        "apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", namespaced=False,
        short_names=("crd", "crds"), categories=("api-extensions",), rules=definitions.RULES, shape=shapes.DEFINITION,
        columns=columns.DEFINITIONS, unconditional_update=False, ending=definitions.ending, **_STATUS, **_SPEC,
    ),
)  # fmt: skip

BUILT_IN: tuple[Resource, ...] = (*_CORE, *_GROUPS)
