"""Custom kinds that have nothing to do with Kelos: one namespaced with everything a definition can say, one without."""

from typing import Any

GROUP = "conformance.kelos.dev"

_COLUMNS = [
    {"name": "Size", "type": "integer", "jsonPath": ".spec.size"},
    {"name": "Colour", "type": "string", "jsonPath": ".spec.colour", "description": "What people see first."},
    {"name": "Ready", "type": "string", "jsonPath": '.status.conditions[?(@.type=="Ready")].status'},
    {"name": "Owner", "type": "string", "jsonPath": ".spec.labels.owner", "priority": 1},
    {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
]

_SPEC: dict[str, Any] = {
    "type": "object",
    "required": ["size"],
    "properties": {
        "size": {"type": "integer", "minimum": 1, "maximum": 100},
        "colour": {"type": "string", "enum": ["red", "green", "blue"], "default": "green"},
        "name": {"type": "string", "maxLength": 20, "pattern": "^[a-z][a-z0-9-]*$"},
        "code": {
            "type": "string",
            "x-kubernetes-validations": [{"rule": "self == oldSelf", "message": "code is immutable"}],
        },
        "limit": {"x-kubernetes-int-or-string": True},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "tags": {"type": "array", "maxItems": 5, "items": {"type": "string"}, "x-kubernetes-list-type": "set"},
        "open": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        "note": {"type": "string", "nullable": True},
        "ports": {
            "type": "array",
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
            "items": {
                "type": "object",
                "required": ["name"],
                "properties": {
                    "name": {"type": "string"},
                    "number": {"type": "integer", "format": "int32"},
                    "protocol": {"type": "string", "default": "TCP"},
                },
            },
        },
    },
    "x-kubernetes-validations": [
        {
            "rule": "self.colour != 'red' || self.size <= 10",
            "message": "red widgets are small",
            "fieldPath": ".size",
        }
    ],
}

_STATUS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "phase": {"type": "string"},
        "observedGeneration": {"type": "integer", "format": "int64"},
        "conditions": {
            "type": "array",
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["type"],
            "items": {
                "type": "object",
                "required": ["type", "status"],
                "properties": {
                    "type": {"type": "string"},
                    "status": {"type": "string", "enum": ["True", "False", "Unknown"]},
                    "reason": {"type": "string"},
                    "message": {"type": "string"},
                    "lastTransitionTime": {"type": "string", "format": "date-time"},
                },
            },
        },
    },
}


def _version(name: str, *, stored: bool) -> dict[str, Any]:
    schema = {"type": "object", "required": ["spec"], "properties": {"spec": _SPEC, "status": _STATUS}}
    return {
        "name": name,
        "served": True,
        "storage": stored,
        "schema": {"openAPIV3Schema": schema},
        "subresources": {"status": {}},
        "additionalPrinterColumns": _COLUMNS,
    }


def _definition(kind: str, scope: str, names: dict[str, Any], versions: list[dict[str, Any]]) -> dict[str, Any]:
    plural = f"{kind.lower()}s"
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": scope,
            "names": {"kind": kind, "listKind": f"{kind}List", "singular": kind.lower(), "plural": plural, **names},
            "conversion": {"strategy": "None"},
            "versions": versions,
        },
    }


CRDS = [
    _definition(
        "Widget",
        "Namespaced",
        {"shortNames": ["wg"], "categories": ["all"]},
        [_version("v1beta1", stored=False), _version("v1", stored=True)],
    ),
    # No status subresource: a status is a field like any other here.
    _definition(
        "Realm",
        "Cluster",
        {},
        [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
            }
        ],
    ),
]
