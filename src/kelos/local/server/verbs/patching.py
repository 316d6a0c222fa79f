"""Patch in its four dialects; server-side apply may also create."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from http import HTTPStatus

from kelos.api.kinds import Manifest
from kelos.cluster.protocol import PatchType
from kelos.local.server.merging.field_set import fields_of
from kelos.local.server.merging.json_patch import PatchError, apply_json_patch
from kelos.local.server.merging.merge_patch import apply_merge_patch
from kelos.local.server.merging.ownership import Dispute, Owned, Owners, applier, apply_config, read_owners, updater
from kelos.local.server.merging.strategic import apply_strategic_patch
from kelos.local.server.metadata import timestamp
from kelos.local.server.refusals import (
    Cause,
    Refusal,
    bad_request,
    conflict,
    disputed,
    invalid_options,
    not_found,
    unsupported_media_type,
)
from kelos.local.server.resources import Resource
from kelos.local.server.verbs.options import FieldValidation, WriteOptions, Written
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
    options = replace(options, field_validation=FieldValidation.STRICT)  # nobody can own a field that does not exist
    config = _configuration(resource, name, body, subresource, options)
    manager = applier(options.field_manager, subresource)
    now = timestamp(plane.now())

    def owners_at_birth(_: Manifest) -> Owners:
        return apply_config({"metadata": {}}, config, resource.shape, {}, manager, now).owners

    def change(live: Manifest) -> Draft:
        owners = read_owners(live) or _before_first_apply(resource, live)
        applied = apply_config(live, config, resource.shape, owners, manager, now)
        if applied.disputes and not options.force:
            raise _disputed(applied.disputes)
        return Draft(manifest=applied.manifest, owners=applied.owners)

    if plane.store.get(key_for(resource, namespace, name)) is None:
        if subresource:
            raise not_found(resource.kind, name)
        metadata = {**config.get("metadata", {}), "name": name}
        if metadata.get("uid"):
            raise conflict(resource.kind, name, f"uid {metadata['uid']} was expected, but the object does not exist")
        return create(plane, resource, namespace, {**config, "metadata": metadata}, options, owners_at_birth)
    return update(plane, resource, namespace, name, change, options, subresource)


def _before_first_apply(resource: Resource, live: Manifest) -> Owners:
    """An object without a record belongs to whoever wrote it before."""
    version = resource.kind.api_version
    owned = Owned(fields=fields_of(live, resource.shape), api_version=version, time="")
    return {updater("before-first-apply", version, ""): owned}


def _configuration(resource: Resource, name: str, body: object, subresource: str, options: WriteOptions) -> Manifest:
    """The applied wish, reduced to what this endpoint writes."""
    if not options.field_manager:
        why = "Required value: is required for apply patch"
        raise invalid_options("PatchOptions", Cause(field="fieldManager", message=why, reason="FieldValueRequired"))
    if not isinstance(body, dict) or not body.get("apiVersion") or not body.get("kind"):
        raise bad_request("an applied configuration must be an object with apiVersion and kind")
    if (body.get("metadata") or {}).get("name", name) != name:
        raise bad_request(
            f"the configuration's name '{body['metadata']['name']}' does not match '{name}' of the request"
        )
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


def _disputed(disputes: Sequence[Dispute]) -> Refusal:
    """The refusal that names every disputed field, grouped by whose it is."""
    causes = []
    places: dict[str, list[str]] = {}
    for dispute in disputes:
        whom = _named(dispute)
        causes.append(
            Cause(field=_written(dispute.path), message=f"conflict with {whom}", reason="FieldManagerConflict")
        )
        places.setdefault(whom, []).append(_written(dispute.path))
    head = f"Apply failed with {_counted(len(causes))}"
    if len(causes) == 1:
        return disputed(f"{head}: {causes[0].message}: {causes[0].field}", causes)
    blocks = [f"conflicts with {whom}:" + "".join(f"\n- {place}" for place in each) for whom, each in places.items()]
    return disputed(f"{head}: " + "\n".join(blocks), causes)


def _named(dispute: Dispute) -> str:
    name = f'"{dispute.manager.name}"'
    if dispute.manager.subresource:
        name += f' with subresource "{dispute.manager.subresource}"'
    if not dispute.manager.is_applier:
        name += f" using {dispute.owned.api_version}"
        if dispute.owned.time:
            name += f" at {dispute.owned.time}"
    return name


def _counted(number: int) -> str:
    return f"{number} conflict{'' if number == 1 else 's'}"


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
