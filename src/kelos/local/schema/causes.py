"""What is wrong with a field, in the words of the Kubernetes API server."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """One finding; `reason` is a CauseType of the Kubernetes API."""

    field: str
    message: str
    reason: str = "FieldValueInvalid"


BLOCKING = frozenset(
    {
        "FieldValueRequired",
        "FieldValueTypeInvalid",
        "FieldValueTooLong",
        "FieldValueTooMany",
        "FieldValueNotSupported",
    }
)
"""After one of these the CEL rules are not evaluated: they may rely on what is not there."""

NOT_CHECKED = Cause(
    field="<nil>",
    message="Invalid value: null: some validation rules were not checked because the object was invalid; "
    "correct the existing errors to complete validation",
)

_TYPE_NAMES = {dict: "object", list: "array", str: "string", bool: "boolean", float: "number", type(None): "null"}
_INT64 = range(-(2**63), 2**63)


def type_name(value: Any) -> str:
    """The JSON type; an integer too large for 64 bits is a number."""
    if type(value) is int:
        return "integer" if value in _INT64 else "number"
    return _TYPE_NAMES[type(value)]


def quoted(value: Any) -> str:
    """A value inside a message; what no encoding can carry becomes a question mark."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return text.encode("utf-8", "replace").decode()


def required(field: str, detail: str = "") -> Cause:
    return Cause(field=field, message=_with(detail, "Required value"), reason="FieldValueRequired")


def invalid(field: str, value: Any, detail: str) -> Cause:
    return Cause(field=field, message=f"Invalid value: {quoted(value)}: {detail}")


def invalid_type(field: str, shown: Any, wanted: str) -> Cause:
    text = quoted(shown)
    message = f"Invalid value: {text}: {field} in body must be of type {wanted}: {text}"
    return Cause(field=field, message=message, reason="FieldValueTypeInvalid")


def not_supported(field: str, value: Any, allowed: tuple[Any, ...]) -> Cause:
    words = ", ".join(quoted(word) for word in allowed)
    message = f"Unsupported value: {quoted(value)}: supported values: {words}"
    return Cause(field=field, message=message, reason="FieldValueNotSupported")


def too_long(field: str, limit: int) -> Cause:
    message = f"Too long: may not be more than {limit} bytes"
    return Cause(field=field, message=message, reason="FieldValueTooLong")


def too_many(field: str, count: int, limit: int) -> Cause:
    message = f"Too many: {count}: must have at most {limit} items"
    return Cause(field=field, message=message, reason="FieldValueTooMany")


def duplicate(field: str, value: Any, detail: str = "") -> Cause:
    message = _with(detail, f"Duplicate value: {quoted(value)}")
    return Cause(field=field, message=message, reason="FieldValueDuplicate")


def _with(detail: str, text: str) -> str:
    return f"{text}: {detail}" if detail else text
