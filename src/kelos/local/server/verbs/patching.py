"""Patch in its four dialects; server-side apply may also create."""

from __future__ import annotations

import json
from collections.abc import Sequence
from http import HTTPStatus

from kelos.api.kinds import Manifest
from kelos.cluster.protocol import PatchType
from kelos.local.server.merging.json_patch import PatchError, apply_json_patch
from kelos.local.server.merging.merge_patch import apply_merge_patch
from kelos.local.server.merging.ownership import Dispute, Owners, applier, apply_config, read_owners
from kelos.local.server.merging.strategic import apply_strategic_patch
from kelos.local.server.metadata import timestamp
from kelos.local.server.refusals import (
    Cause,
    Refusal,
    bad_request,
    conflict,
    invalid,
    not_found,
    unsupported_media_type,
)
from kelos.local.server.resources import Resource
from kelos.local.server.verbs.options import WriteOptions, Written
from kelos.local.server.verbs.plane import Plane
from kelos.local.server.verbs.reading import key_for
from kelos.local.server.verbs.writing import Draft, create, update


def patch(
    plane: Plane,
    resource: Resource,
    namespace: str | None,
    name: str,
    body: object,
    type: PatchType,
    options: WriteOptions,
    subresource: str = "",
) -> Written:
    """Change an object by a patch. Raises conflict when the patch names another version or uid."""
    if type is PatchType.APPLY:
        return _apply(plane, resource, namespace, name, body, options, subresource)
    if type is PatchType.STRATEGIC and resource.custom:
        accepted = [kind.value for kind in PatchType if kind is not PatchType.STRATEGIC]
        raise unsupported_media_type(type.value, accepted)

    def change(live: Manifest) -> Draft:
        try:
            return Draft(manifest=_patched(live, body, type, resource))
        except PatchError as error:
            raise _refused(resource, name, error) from error

    return update(plane, resource, namespace, name, change, options, subresource)


def _patched(live: Manifest, body: object, type: PatchType, resource: Resource) -> Manifest:
    if type is PatchType.JSON:
        patched = apply_json_patch(live, body)
    elif not isinstance(body, dict):
        raise PatchError("the patch must be an object", malformed=True)
    elif type is PatchType.MERGE:
        patched = apply_merge_patch(live, body)
    else:
        patched = apply_strategic_patch(live, body, resource.shape)
    if not isinstance(patched, dict):
        raise PatchError("the patch leaves no object behind")
    return patched


def _refused(resource: Resource, name: str, error: PatchError) -> Refusal:
    if error.malformed:
        return bad_request(f"the patch of {resource.kind.plural} '{name}' is malformed: {error}")
    text = f"the patch of {resource.kind.plural} '{name}' cannot be applied: {error}"
    return Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "Invalid", text)


def _apply(
    plane: Plane,
    resource: Resource,
    namespace: str | None,
    name: str,
    body: object,
    options: WriteOptions,
    subresource: str,
) -> Written:
    config = _configuration(resource, name, body, subresource, options)
    manager = applier(options.field_manager, subresource)
    now = timestamp(plane.now())

    def owners_at_birth(_: Manifest) -> Owners:
        return apply_config({"metadata": {}}, config, resource.shape, {}, manager, now).owners

    def change(live: Manifest) -> Draft:
        applied = apply_config(live, config, resource.shape, read_owners(live), manager, now)
        if applied.disputes and not options.force:
            raise _disputed(resource, name, applied.disputes)
        return Draft(manifest=applied.manifest, owners=applied.owners)

    if plane.store.get(key_for(resource, namespace, name)) is None:
        if subresource:
            raise not_found(resource.kind, name)
        metadata = {**config.get("metadata", {}), "name": name}
        if metadata.get("uid"):
            raise conflict(resource.kind, name, f"uid {metadata['uid']} was expected, but the object does not exist")
        return create(plane, resource, namespace, {**config, "metadata": metadata}, options, owners_at_birth)
    return update(plane, resource, namespace, name, change, options, subresource)


def _configuration(resource: Resource, name: str, body: object, subresource: str, options: WriteOptions) -> Manifest:
    """The applied wish, reduced to what this endpoint writes."""
    if not options.field_manager:
        cause = Cause(
            field="fieldManager", message="Required value: is required for apply patch", reason="FieldValueRequired"
        )
        raise invalid(resource.kind, name, [cause])
    if not isinstance(body, dict) or not body.get("apiVersion") or not body.get("kind"):
        raise bad_request("an applied configuration must be an object with apiVersion and kind")
    if (body.get("metadata") or {}).get("managedFields"):
        raise bad_request("metadata.managedFields must be nil in an applied configuration")
    config = {key: value for key, value in body.items() if key != "status" or not resource.has_status}
    if subresource == "status":
        kept = {"name", "namespace", "uid", "resourceVersion"}
        metadata = {key: value for key, value in (body.get("metadata") or {}).items() if key in kept}
        config = {"apiVersion": body["apiVersion"], "kind": body["kind"], "metadata": metadata}
        config |= {"status": body["status"]} if "status" in body else {}
    config.setdefault("metadata", {})
    return config


def _disputed(resource: Resource, name: str, disputes: Sequence[Dispute]) -> Refusal:
    causes = []
    for dispute in disputes:
        using = f" using {dispute.owned.api_version}" if dispute.manager.operation == "Update" else ""
        message = f'conflict with "{dispute.manager.name}"{using}'
        causes.append(Cause(field=_written(dispute.path), message=message, reason="FieldManagerConflict"))
    fields = ", ".join(f"{cause.field} ({cause.message})" for cause in causes)
    why = f"Apply failed with {len(causes)} {'conflict' if len(causes) == 1 else 'conflicts'}: {fields}"
    return conflict(resource.kind, name, why, causes)


def _written(path: Sequence[str]) -> str:
    """A path as people write it: `.spec.ports[name="web"].number`."""
    text = ""
    for step in path:
        kind, _, rest = step.partition(":")
        if kind == "f":
            text += f".{rest}"
        elif kind == "k":
            text += "[" + ",".join(f"{key}={json.dumps(value)}" for key, value in json.loads(rest).items()) + "]"
        else:
            text += f"[{'=' if kind == 'v' else ''}{rest}]"
    return text
