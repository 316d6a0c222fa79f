"""The rules of CustomResourceDefinitions themselves. Nobody contests a name here, so each is established at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kelos.api.kinds import Manifest
from kelos.local.server.builtin.rules import BuiltInRules, default, required
from kelos.local.server.custom.json_path import compile_path
from kelos.local.server.custom.schema_checks import check_schema
from kelos.local.server.refusals import Cause

_NAMES = ("plural", "kind", "singular", "listKind")
_COLUMN_TYPES = ("integer", "number", "string", "boolean", "date")


def ending(definition: Manifest) -> Manifest:
    """The definition while its objects are being removed."""
    condition = _condition(
        definition, "Terminating", "InstanceDeletionInProgress", "the objects of this kind are being deleted"
    )
    status = definition.get("status") or {}
    others = [each for each in status.get("conditions", ()) if each["type"] != "Terminating"]
    return {**definition, "status": {**status, "conditions": [*others, condition]}}


def _complete(new: Manifest, old: Manifest | None) -> None:
    spec = new.setdefault("spec", {})
    names = spec.setdefault("names", {})
    if kind := names.get("kind"):
        default(names, singular=kind.lower(), listKind=f"{kind}List")
    default(spec, conversion={"strategy": "None"}, versions=[])
    for version in spec["versions"]:
        default(version, served=False, storage=False)
    new["status"] = _status(new, (old or {}).get("status") or {})


def _check(new: Manifest, old: Manifest | None) -> Iterator[Cause]:
    yield from _check_definition(new)
    if old is not None:
        yield from _check_unchanged(new["spec"], old["spec"])


def _check_definition(definition: Manifest) -> Iterator[Cause]:
    spec = definition["spec"]
    if not spec.get("group"):
        yield required("spec.group")
    for name in _NAMES:
        if not spec["names"].get(name):
            yield required(f"spec.names.{name}")
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
        yield required("spec.versions")
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
            yield required(f"{field}.name")
        schema = (version.get("schema") or {}).get("openAPIV3Schema")
        if not isinstance(schema, dict):
            yield required(f"{field}.schema.openAPIV3Schema")
            continue
        yield from check_schema(schema, f"{field}.schema.openAPIV3Schema", root=True)
        yield from _check_columns(version.get("additionalPrinterColumns") or (), field)


def _check_columns(columns: Any, field: str) -> Iterator[Cause]:
    for at, column in enumerate(columns):
        place = f"{field}.additionalPrinterColumns[{at}]"
        for key in ("name", "type", "jsonPath"):
            if not column.get(key):
                yield required(f"{place}.{key}")
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
    stored = [version["name"] for version in spec["versions"] if version["storage"] and "name" in version]
    before = list(old.get("storedVersions") or ())
    conditions = old.get("conditions") or [
        _condition(definition, "NamesAccepted", "NoConflicts", "no conflicts found"),
        _condition(definition, "Established", "InitialNamesAccepted", "the initial names have been accepted"),
    ]
    return {
        "conditions": conditions,
        "acceptedNames": spec["names"],
        "storedVersions": [*before, *(name for name in stored if name not in before)],
    }


def _condition(definition: Manifest, kind: str, reason: str, message: str) -> Manifest:
    since = definition["metadata"].get("deletionTimestamp") or definition["metadata"].get("creationTimestamp")
    return {"type": kind, "status": "True", "lastTransitionTime": since, "reason": reason, "message": message}


RULES = BuiltInRules(type_name="CustomResourceDefinition", complete=_complete, check=_check)
