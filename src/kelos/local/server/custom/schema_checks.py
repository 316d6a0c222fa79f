"""What makes a schema unfit for a definition: no structure, a default that it refuses, a rule about nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kelos.api.kinds import Manifest
from kelos.errors import UserError
from kelos.local.schema import compile_schema
from kelos.local.server.merging.shape import ListType
from kelos.local.server.refusals import Cause

_LIST_TYPES = tuple(kind.value for kind in ListType)
_TEXT_LITERAL = re.compile(r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"")
_FIELD_OF_SELF = re.compile(r"\bself((?:\.[A-Za-z_]\w*)+)(?!\w)(\s*\()?")


def check_schema(schema: Manifest, field: str, *, root: bool = False) -> Iterator[Cause]:
    """The rules of structural schemas that a mistake most often breaks."""
    free = schema.get("x-kubernetes-int-or-string") or schema.get("x-kubernetes-preserve-unknown-fields")
    if not schema.get("type") and not free:
        yield Cause(field=f"{field}.type", message="Required value: must not be empty", reason="FieldValueRequired")
    if root and schema.get("type") not in (None, "object"):
        yield Cause(field=f"{field}.type", message="Invalid value: must be object at the root")
    if schema.get("properties") and schema.get("additionalProperties"):
        text = "Forbidden: additionalProperties and properties are mutual exclusive"
        yield Cause(field=f"{field}.additionalProperties", message=text, reason="FieldValueForbidden")
    if schema.get("type") == "array" and not isinstance(schema.get("items"), dict):
        yield Cause(field=f"{field}.items", message="Required value", reason="FieldValueRequired")
    list_type = schema.get("x-kubernetes-list-type", "atomic")
    if list_type not in _LIST_TYPES:
        text = f'Unsupported value: "{list_type}": supported values: {", ".join(_LIST_TYPES)}'
        yield Cause(field=f"{field}.x-kubernetes-list-type", message=text, reason="FieldValueNotSupported")
    if list_type == "map" and not schema.get("x-kubernetes-list-map-keys"):
        place = f"{field}.x-kubernetes-list-map-keys"
        yield Cause(field=place, message="Required value", reason="FieldValueRequired")
    yield from _check_default(schema, field)
    yield from _check_rules(schema, field)
    for name, child in (schema.get("properties") or {}).items():
        if not (root and name == "metadata"):
            yield from check_schema(child, f"{field}.properties[{name}]")
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            yield from check_schema(schema[key], f"{field}.{key}")


def _check_default(schema: Manifest, field: str) -> Iterator[Cause]:
    """A default is judged by the schema it belongs to, a pattern by whether it is one."""
    if schema.get("default") is None and not schema.get("pattern"):
        return
    try:
        holder = compile_schema({"type": "object", "properties": {"value": schema}})
    except UserError as error:
        yield Cause(field=f"{field}.pattern", message=f"Invalid value: {error}")
        return
    for cause in holder.admit({"value": schema.get("default")}, None).causes if "default" in schema else ():
        place = f"{field}.default{cause.field.removeprefix('value')}"
        yield Cause(field=place, message=cause.message, reason=cause.reason)


def _check_rules(schema: Manifest, field: str) -> Iterator[Cause]:
    """A rule may name only fields that the schema has, or it could never hold."""
    for at, rule in enumerate(schema.get("x-kubernetes-validations") or ()):
        expression = _TEXT_LITERAL.sub("''", str(rule.get("rule") or ""))
        place = f"{field}.x-kubernetes-validations[{at}].rule"
        if not expression.strip():
            yield Cause(field=place, message="Required value", reason="FieldValueRequired")
        for path, call in _FIELD_OF_SELF.findall(expression):
            steps = path.split(".")[1:]
            if missing := _missing(schema, steps[:-1] if call else steps):
                text = f"Invalid value: compilation failed: undefined field '{missing}'"
                yield Cause(field=place, message=text)


def _missing(schema: Manifest, steps: list[str]) -> str:
    """The first step that leads to no declared field; what is open has every field."""
    for step in steps:
        properties = schema.get("properties")
        if schema.get("type") != "object" or schema.get("x-kubernetes-preserve-unknown-fields") or properties is None:
            return ""
        # What cannot be written as an identifier is escaped with double underscores.
        if "__" not in step and step not in properties and step not in ("metadata", "kind", "apiVersion"):
            return step
        schema = properties.get(step) or {}
    return ""
