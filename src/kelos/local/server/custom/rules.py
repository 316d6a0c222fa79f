"""The rules of CustomResourceDefinitions themselves. Nobody contests a name here, so each is established at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kelos.api.kinds import Manifest
from kelos.local.server.custom.json_path import compile_path
from kelos.local.server.custom.schema_checks import check_schema
from kelos.local.server.refusals import Cause
from kelos.local.server.resources import Admission

_NAMES = ("plural", "kind", "singular", "listKind")
_COLUMN_TYPES = ("integer", "number", "string", "boolean", "date")


class DefinitionRules:
    """Completes a definition with its defaults and its status."""

    def admit(self, new: Manifest, old: Manifest | None) -> Admission:
        spec = new.get("spec")
        if not isinstance(spec, dict):
            return Admission(manifest=new, causes=[_required("spec")])
        new = {**new, "spec": _completed(spec)}
        causes = [*_check(new), *(_check_unchanged(new["spec"], old["spec"]) if old else ())]
        if causes:
            return Admission(manifest=new, causes=causes)
        return Admission(manifest={**new, "status": _status(new, (old or {}).get("status") or {})})


def ending(definition: Manifest) -> Manifest:
    """The definition while its objects are being removed."""
    condition = _condition(
        definition, "Terminating", "InstanceDeletionInProgress", "the objects of this kind are being deleted"
    )
    status = definition.get("status") or {}
    others = [each for each in status.get("conditions", ()) if each["type"] != "Terminating"]
    return {**definition, "status": {**status, "conditions": [*others, condition]}}


def _completed(spec: Manifest) -> Manifest:
    names = dict(spec.get("names") or {})
    kind = names.get("kind")
    if isinstance(kind, str):
        names.setdefault("singular", kind.lower())
        names.setdefault("listKind", f"{kind}List")
    versions = [_completed_version(version) for version in spec.get("versions") or () if isinstance(version, dict)]
    return {**spec, "names": names, "versions": versions, "conversion": spec.get("conversion") or {"strategy": "None"}}


def _completed_version(version: Manifest) -> Manifest:
    return {"served": False, "storage": False, **version}


def _check(definition: Manifest) -> Iterator[Cause]:
    spec = definition["spec"]
    if not spec.get("group"):
        yield _required("spec.group")
    for name in _NAMES:
        if not isinstance(spec["names"].get(name), str) or not spec["names"][name]:
            yield _required(f"spec.names.{name}")
    wanted = f"{spec['names'].get('plural')}.{spec.get('group')}"
    if definition["metadata"].get("name") != wanted:
        text = f'Invalid value: "{definition["metadata"].get("name")}": must be spec.names.plural+"."+spec.group'
        yield Cause(field="metadata.name", message=text)
    if spec.get("scope") not in ("Namespaced", "Cluster"):
        text = f'Unsupported value: "{spec.get("scope", "")}": supported values: "Cluster", "Namespaced"'
        yield Cause(field="spec.scope", message=text, reason="FieldValueNotSupported")
    if spec["conversion"].get("strategy") not in ("None", "Webhook"):
        text = 'Unsupported value: supported values: "None", "Webhook"'
        yield Cause(field="spec.conversion.strategy", message=text, reason="FieldValueNotSupported")
    yield from _check_versions(spec["versions"])


def _check_versions(versions: list[Manifest]) -> Iterator[Cause]:
    if not versions:
        yield _required("spec.versions")
        return
    if sum(version["storage"] is True for version in versions) != 1:
        text = "Invalid value: must have exactly one version marked as storage version"
        yield Cause(field="spec.versions", message=text)
    names = [version.get("name") for version in versions]
    if len(set(names)) < len(names):
        yield Cause(field="spec.versions", message="Invalid value: must contain unique version names")
    for at, version in enumerate(versions):
        field = f"spec.versions[{at}]"
        if not version.get("name"):
            yield _required(f"{field}.name")
        schema = (version.get("schema") or {}).get("openAPIV3Schema")
        if not isinstance(schema, dict):
            yield _required(f"{field}.schema.openAPIV3Schema")
            continue
        yield from check_schema(schema, f"{field}.schema.openAPIV3Schema", root=True)
        yield from _check_columns(version.get("additionalPrinterColumns") or (), field)


def _check_columns(columns: Any, field: str) -> Iterator[Cause]:
    for at, column in enumerate(columns):
        place = f"{field}.additionalPrinterColumns[{at}]"
        for key in ("name", "type", "jsonPath"):
            if not column.get(key):
                yield _required(f"{place}.{key}")
        if column.get("type") and column["type"] not in _COLUMN_TYPES:
            text = f'Unsupported value: "{column["type"]}": supported values: {", ".join(_COLUMN_TYPES)}'
            yield Cause(field=f"{place}.type", message=text, reason="FieldValueNotSupported")
        try:
            compile_path(column.get("jsonPath") or "")
        except ValueError as error:
            yield Cause(field=f"{place}.jsonPath", message=f"Invalid value: {error}")


def _check_unchanged(new: Manifest, old: Manifest) -> Iterator[Cause]:
    for field, now, before in (
        ("spec.group", new.get("group"), old.get("group")),
        ("spec.scope", new.get("scope"), old.get("scope")),
        ("spec.names.plural", new["names"].get("plural"), old["names"].get("plural")),
    ):
        if now != before:
            yield Cause(field=field, message=f'Invalid value: "{now}": field is immutable')


def _status(definition: Manifest, old: Manifest) -> Manifest:
    spec = definition["spec"]
    stored = next(version["name"] for version in spec["versions"] if version["storage"])
    versions = list(old.get("storedVersions") or ())
    conditions = old.get("conditions") or [
        _condition(definition, "NamesAccepted", "NoConflicts", "no conflicts found"),
        _condition(definition, "Established", "InitialNamesAccepted", "the initial names have been accepted"),
    ]
    return {
        "conditions": conditions,
        "acceptedNames": spec["names"],
        "storedVersions": versions if stored in versions else [*versions, stored],
    }


def _condition(definition: Manifest, kind: str, reason: str, message: str) -> Manifest:
    since = definition["metadata"].get("deletionTimestamp") or definition["metadata"].get("creationTimestamp")
    return {"type": kind, "status": "True", "lastTransitionTime": since, "reason": reason, "message": message}


def _required(field: str) -> Cause:
    return Cause(field=field, message="Required value", reason="FieldValueRequired")
