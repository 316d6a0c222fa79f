"""From what a client sent to what may be stored: identity, server-owned fields, the kind's rules. Decisions only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kelos.api.kinds import Manifest
from kelos.local.server.metadata import GENERATED_NAME_LIMIT, check_metadata, check_unchanged
from kelos.local.server.refusals import Cause, bad_request, conflict, invalid, modified
from kelos.local.server.resources import Resource
from kelos.local.server.verbs.options import FieldValidation, WriteOptions

_KEPT_METADATA = (
    "name", "generateName", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp",
    "deletionTimestamp", "deletionGracePeriodSeconds", "labels", "annotations", "ownerReferences", "finalizers",
    "managedFields",
)  # fmt: skip
_MAPS = ("labels", "annotations")
_LISTS = ("ownerReferences", "finalizers", "managedFields")
_SERVER_OWNED = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation")


def identified(resource: Resource, body: object, namespace: str | None, name: str | None) -> Manifest:
    """The object with tidy metadata, when it is of this kind and belongs where the request says."""
    if not isinstance(body, dict):
        raise bad_request(f"the body must be one {resource.kind.kind} object")
    kind = resource.kind
    given = (body.get("apiVersion") or kind.api_version, body.get("kind") or kind.kind)
    if given != (kind.api_version, kind.kind):
        raise bad_request(
            f"the object is a {given[1]} of {given[0]}, but {kind.kind} of {kind.api_version} is served here"
        )
    metadata = _tidy(body.get("metadata"))
    wished = namespace if kind.namespaced else None
    if metadata.get("namespace") and metadata["namespace"] != wished:
        where = f"namespace '{wished}'" if wished else "no namespace"
        raise bad_request(
            f"the object's namespace '{metadata['namespace']}' does not match the request, which names {where}"
        )
    if name is not None and metadata.get("name", name) != name:
        raise bad_request(f"the object's name '{metadata['name']}' does not match the name '{name}' of the request")
    if name is not None:
        metadata["name"] = name
    if wished is not None:
        metadata["namespace"] = wished
    return {**body, "apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata}


def stamped(resource: Resource, manifest: Manifest, *, uid: str, created_at: str, suffix: str) -> Manifest:
    """A new object as the server first sees it: its own uid and time, a generated name, no status."""
    metadata = {key: value for key, value in manifest["metadata"].items() if key not in _SERVER_OWNED}
    if metadata.pop("resourceVersion", ""):
        raise bad_request("resourceVersion should not be set on objects to be created")
    metadata.pop("managedFields", None)
    if not metadata.get("name") and metadata.get("generateName"):
        metadata["name"] = str(metadata["generateName"])[: GENERATED_NAME_LIMIT - len(suffix)] + suffix
    metadata |= {"uid": uid, "creationTimestamp": created_at}
    if resource.has_generation:
        metadata["generation"] = 1
    stamped = {**manifest, "metadata": metadata}
    if resource.has_status:
        stamped.pop("status", None)
    return stamped


def check_preconditions(resource: Resource, new: Manifest, old: Manifest) -> None:
    """Refuse an update of another state, or of another object of the same name."""
    metadata, name = new["metadata"], old["metadata"]["name"]
    version = metadata.get("resourceVersion", "")
    if version and version != old["metadata"]["resourceVersion"]:
        raise modified(resource.kind, name)
    if metadata.get("uid") and metadata["uid"] != old["metadata"]["uid"]:
        why = f"uid {metadata['uid']} was expected, but the object's uid is {old['metadata']['uid']}"
        raise conflict(resource.kind, name, why)


def carried(resource: Resource, new: Manifest, old: Manifest, subresource: str) -> Manifest:
    """The update with everything this endpoint does not write taken from the old state."""
    metadata = {**new["metadata"]}
    for key in (*_SERVER_OWNED, "resourceVersion", "generateName"):
        metadata.pop(key, None)
        if key in old["metadata"]:
            metadata[key] = old["metadata"][key]
    metadata.setdefault("managedFields", old["metadata"].get("managedFields", []))
    if metadata["managedFields"] in ([], [{}]):
        del metadata["managedFields"]
    if subresource == "status":
        if resource.custom:
            metadata = old["metadata"] | {key: metadata[key] for key in metadata if key == "managedFields"}
        kept = {key: value for key, value in old.items() if key not in ("metadata", "status")}
        status = {"status": new["status"]} if "status" in new else {}
        return {**kept, "metadata": metadata, **status}
    written = {**new, "metadata": metadata}
    if resource.has_status:
        written.pop("status", None)
        if "status" in old:
            written["status"] = old["status"]
    return written


def judged(
    resource: Resource, new: Manifest, old: Manifest | None, options: WriteOptions
) -> tuple[Manifest, tuple[str, ...]]:
    """The object completed by its kind's rules, and warnings. Raises invalid with all causes."""
    verdict = resource.rules.admit(new, old)
    causes: list[Cause] = list(check_metadata(resource.kind, new["metadata"]))
    if old is not None:
        causes += check_unchanged(new["metadata"], old["metadata"])
    causes += [Cause(field=cause.field, message=cause.message, reason=cause.reason) for cause in verdict.causes]
    warnings = _about_unknown(verdict.unknown_fields, options.field_validation)
    if causes:
        raise invalid(resource.kind, new["metadata"].get("name", ""), causes)
    return verdict.manifest, warnings


def with_generation(resource: Resource, new: Manifest, old: Manifest) -> Manifest:
    """The update with a raised generation, when it changes what the object asks for."""
    if not resource.has_generation or _wish(resource, new) == _wish(resource, old):
        return new
    generation = int(old["metadata"].get("generation", 0)) + 1
    return {**new, "metadata": {**new["metadata"], "generation": generation}}


def _wish(resource: Resource, manifest: Manifest) -> Manifest:
    aside = {"metadata", "apiVersion", *(("status",) if resource.has_status else ())}
    return {key: value for key, value in manifest.items() if key not in aside}


def is_due(manifest: Manifest) -> bool:
    """Whether an object under deletion has nothing left to wait for."""
    metadata = manifest["metadata"]
    waits = metadata.get("finalizers") or metadata.get("deletionGracePeriodSeconds")
    return bool(metadata.get("deletionTimestamp")) and not waits


def _tidy(given: Any) -> Manifest:
    if not isinstance(given, dict | None):
        raise bad_request("metadata must be an object")
    metadata = {key: given[key] for key in _KEPT_METADATA if given.get(key) is not None} if given else {}
    for key in (*_MAPS, *_LISTS):
        wanted = dict if key in _MAPS else list
        if not isinstance(metadata.get(key, wanted()), wanted):
            raise bad_request(f"metadata.{key} must be a {'map' if key in _MAPS else 'list'}")
        if key != "managedFields" and not metadata.get(key, True):
            del metadata[key]
    for key in ("name", "generateName", "namespace", "uid", "resourceVersion"):
        if not isinstance(metadata.get(key, ""), str):
            raise bad_request(f"metadata.{key} must be a text")
    return metadata


def _about_unknown(fields: Sequence[str], validation: FieldValidation) -> tuple[str, ...]:
    said = tuple(f'unknown field "{field}"' for field in fields)
    if said and validation is FieldValidation.STRICT:
        raise bad_request(f"strict decoding error: {', '.join(said)}")
    return said if validation is FieldValidation.WARN else ()
