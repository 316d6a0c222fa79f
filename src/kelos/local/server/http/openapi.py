"""OpenAPI documents: enough for kubectl to validate, to merge and to explain."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from starlette.responses import Response

from kelos.api.kinds import Manifest
from kelos.local.server.builtin.fields import reachable, reference, schema_of
from kelos.local.server.builtin.rules import BuiltInRules
from kelos.local.server.http.discovery import group_versions
from kelos.local.server.http.negotiation import JSON
from kelos.local.server.refusals import not_acceptable, unknown_path
from kelos.local.server.registry import Registry
from kelos.local.server.resources import Resource
from kelos.local.store import encode

# Raised when the documents of built-in kinds change: clients keep them by digest.
FORMAT = 1
_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
_TEXT = {"type": "string"}
_TEXTS = {"type": "object", "additionalProperties": _TEXT}
_INFO = {"title": "Kubernetes", "version": "v1.35.0"}
_METADATA: Manifest = {
    "type": "object",
    "description": "ObjectMeta: what every object has, whatever its kind.",
    "properties": {
        "name": {**_TEXT, "description": "The name, unique among the objects of a kind in a namespace."},
        "generateName": {**_TEXT, "description": "The beginning of a name that the server completes."},
        "namespace": {**_TEXT, "description": "The namespace the object lives in."},
        "uid": {**_TEXT, "description": "The identity of this very object, never used again."},
        "resourceVersion": {
            **_TEXT,
            "description": "The version of this state; an update of another state is refused.",
        },
        "generation": {"type": "integer", "format": "int64", "description": "Raised whenever the spec changes."},
        "creationTimestamp": {**_TEXT, "format": "date-time", "description": "When the object was created."},
        "deletionTimestamp": {**_TEXT, "format": "date-time", "description": "When the object goes, once deleted."},
        "deletionGracePeriodSeconds": {"type": "integer", "format": "int64", "description": "How long it may take."},
        "labels": {**_TEXTS, "description": "What selectors look at."},
        "annotations": {**_TEXTS, "description": "Notes of tools and people."},
        "finalizers": {"type": "array", "items": _TEXT, "description": "Who must let go before the object goes."},
        "ownerReferences": {
            "type": "array",
            "items": {"type": "object"},
            "description": "The objects this one goes with.",
            "x-kubernetes-patch-merge-key": "uid",
            "x-kubernetes-patch-strategy": "merge",
        },
        "managedFields": {"type": "array", "items": {"type": "object"}, "description": "Who set which field."},
    },
}


def answer(registry: Registry, path: str, headers: Mapping[str, str]) -> Response:
    """The document at a path below /openapi."""
    if path == "/openapi/v3":
        return _json(_index(registry))
    if path == "/openapi/v2":
        if "protobuf" in headers.get("accept", "") and "json" not in headers.get("accept", ""):
            raise not_acceptable([JSON])
        return _json({"swagger": "2.0", "info": _INFO, "paths": {}, "definitions": {}})
    for group, version in group_versions(registry):
        if path == f"/openapi/v3/{_place(group, version)}":
            return _json(document(registry, group, version))
    raise unknown_path()


def document(registry: Registry, group: str, version: str) -> Manifest:
    """The OpenAPI v3 document of one group and version."""
    resources = [each for each in registry.all() if (each.kind.group, each.kind.version) == (group, version)]
    paths: Manifest = {}
    schemas: Manifest = {_META: _METADATA, **_types_of(resources)}
    for resource in resources:
        schemas[schema_name(resource)] = _schema(resource)
        schemas[f"{schema_name(resource)}List"] = _list_schema(resource)
        paths |= _paths(resource)
    return {"openapi": "3.0.0", "info": _INFO, "paths": paths, "components": {"schemas": schemas}}


def schema_name(resource: Resource) -> str:
    """The reversed group, the version and the kind."""
    group = ".".join(reversed(resource.kind.group.split("."))) if resource.kind.group else "io.k8s.api.core"
    return f"{group}.{resource.kind.version}.{resource.kind.kind}"


def _index(registry: Registry) -> Manifest:
    paths = {}
    for group, version in group_versions(registry):
        place = _place(group, version)
        paths[place] = {"serverRelativeURL": f"/openapi/v3/{place}?hash={_digest(registry, group, version)}"}
    return {"paths": paths}


def _digest(registry: Registry, group: str, version: str) -> str:
    """What changes whenever the document does; the built-in kinds never change while this program runs."""
    own = [each.schema for each in registry.all() if (each.kind.group, each.kind.version) == (group, version)]
    return hashlib.sha256(encode([FORMAT, *own])).hexdigest()[:32]


def _place(group: str, version: str) -> str:
    return f"apis/{group}/{version}" if group else f"api/{version}"


def _identity(resource: Resource) -> Manifest:
    kind = resource.kind
    return {"group": kind.group, "version": kind.version, "kind": kind.kind}


def _schema(resource: Resource) -> Manifest:
    schema = _own_schema(resource)
    metadata = {
        "allOf": [{"$ref": f"#/components/schemas/{_META}"}],
        "default": {},
        "description": "Standard metadata.",
    }
    properties = {
        "apiVersion": {**_TEXT, "description": "The group and version of this representation."},
        "kind": {**_TEXT, "description": "The kind of this object."},
        **(schema.get("properties") or {}),
        "metadata": metadata,
    }
    return {**schema, "properties": properties, "x-kubernetes-group-version-kind": [_identity(resource)]}


def _own_schema(resource: Resource) -> Manifest:
    """The schema of a custom kind as its definition has it, of a built-in one from the table of fields."""
    if resource.schema is not None:
        return resource.schema
    described = f"{resource.kind.kind} is a kind that every Kubernetes cluster has."
    fields = schema_of(resource.rules.type_name) if isinstance(resource.rules, BuiltInRules) else {"type": "object"}
    return {**fields, "description": described}


def _types_of(resources: list[Resource]) -> Manifest:
    """The schemas of all types that the built-in kinds among these refer to."""
    names = {
        name
        for resource in resources
        if isinstance(resource.rules, BuiltInRules)
        for name in reachable(resource.rules.type_name)
    }
    return {reference(name): schema_of(name) for name in sorted(names - {"ObjectMeta"})}


def _list_schema(resource: Resource) -> Manifest:
    items = {"type": "array", "items": {"$ref": f"#/components/schemas/{schema_name(resource)}"}}
    identity = {**_identity(resource), "kind": resource.list_kind}
    return {
        "type": "object",
        "required": ["items"],
        "properties": {"apiVersion": _TEXT, "kind": _TEXT, "items": items, "metadata": {"type": "object"}},
        "x-kubernetes-group-version-kind": [identity],
    }


def _paths(resource: Resource) -> Manifest:
    namespace = "default" if resource.kind.namespaced else None
    collection = resource.kind.path(namespace).replace("/default/", "/{namespace}/")
    single = {verb: _operation(resource, action) for verb, action in _SINGLE_ACTIONS.items()}
    many = {verb: _operation(resource, action) for verb, action in _COLLECTION_ACTIONS.items()}
    return {collection: many, f"{collection}/{{name}}": single}


def _json(document: Manifest) -> Response:
    return Response(encode(document), media_type=JSON)


_SINGLE_ACTIONS = {"get": "get", "put": "put", "patch": "patch", "delete": "delete"}
_COLLECTION_ACTIONS = {"get": "list", "post": "post", "delete": "deletecollection"}
_WRITES = ("put", "post", "patch")


def _operation(resource: Resource, action: str) -> Manifest:
    names: tuple[str, ...] = ("dryRun", "fieldManager", "fieldValidation") if action in _WRITES else ()
    names += ("force",) if action == "patch" else ()
    parameters = [{"name": name, "in": "query", "schema": _TEXT} for name in names]
    success = {
        "200": {
            "description": "OK",
            "content": {JSON: {"schema": {"$ref": f"#/components/schemas/{schema_name(resource)}"}}},
        }
    }
    operation: Manifest = {
        "responses": success,
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": _identity(resource),
    }
    return {**operation, "parameters": parameters} if parameters else operation
