"""The limits of a single value, each as a small function built once from its schema."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sized
from typing import Any

import re2

from kelos.api.kinds import Manifest
from kelos.errors import UserError
from kelos.local.schema import causes
from kelos.local.schema.causes import Cause
from kelos.local.schema.formats import FORMATS

Check = Callable[[str, Any], Cause | None]


def build_checks(schema: Manifest) -> tuple[Check, ...]:
    """Every limit that the schema sets for the value itself; each looks only at values of its own type."""
    return (
        *_string_checks(schema),
        *_number_checks(schema),
        *_size_checks(schema),
        *((_enum(tuple(schema["enum"])),) if "enum" in schema else ()),
    )


def _string_checks(schema: Manifest) -> Iterator[Check]:
    if "maxLength" in schema:
        limit = schema["maxLength"]
        yield lambda at, value: causes.too_long(at, limit) if isinstance(value, str) and len(value) > limit else None
    if "minLength" in schema:
        least = schema["minLength"]
        text = f"in body should be at least {least} chars long"
        yield _limit(str, lambda value: len(value) >= least, text)
    if "pattern" in schema:
        # Python's own engine could be made to hang by a pattern and a value that fit each other badly.
        pattern = _compiled(schema["pattern"])
        text = f"in body should match '{schema['pattern']}'"
        yield _limit(str, lambda value: pattern.search(value.encode("utf-8", "replace")) is not None, text)
    if (name := schema.get("format", "")) in FORMATS:
        yield _format(name)


def _compiled(pattern: str) -> re2._Regexp[bytes]:
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern.encode(), options)
    except re2.error as error:
        raise UserError(f"pattern '{pattern}' is not a regular expression of RE2") from error


def _number_checks(schema: Manifest) -> Iterator[Check]:
    if "minimum" in schema:
        low = schema["minimum"]
        if schema.get("exclusiveMinimum"):
            yield _limit_number(lambda value: value > low, f"in body should be greater than {low}")
        else:
            yield _limit_number(lambda value: value >= low, f"in body should be greater than or equal to {low}")
    if "maximum" in schema:
        high = schema["maximum"]
        if schema.get("exclusiveMaximum"):
            yield _limit_number(lambda value: value < high, f"in body should be less than {high}")
        else:
            yield _limit_number(lambda value: value <= high, f"in body should be less than or equal to {high}")
    if "multipleOf" in schema:
        step = schema["multipleOf"]
        yield _limit_number(lambda value: value % step == 0, f"in body should be a multiple of {step}")


def _size_checks(schema: Manifest) -> Iterator[Check]:
    pairs: tuple[tuple[type[Sized], str, str], ...] = ((list, "Items", "items"), (dict, "Properties", "properties"))
    for kind, noun, unit in pairs:
        if f"max{noun}" in schema:
            yield _at_most(kind, schema[f"max{noun}"])
        if f"min{noun}" in schema:
            yield _at_least(kind, schema[f"min{noun}"], unit)


def _limit(kind: type, holds: Callable[[Any], bool], text: str) -> Check:
    def check(at: str, value: Any) -> Cause | None:
        return causes.invalid(at, value, f"{at} {text}") if isinstance(value, kind) and not holds(value) else None

    return check


def _limit_number(holds: Callable[[Any], bool], text: str) -> Check:
    def check(at: str, value: Any) -> Cause | None:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return causes.invalid(at, value, f"{at} {text}") if is_number and not holds(value) else None

    return check


def _at_most(kind: type[Sized], limit: int) -> Check:
    def check(at: str, value: Any) -> Cause | None:
        return causes.too_many(at, len(value), limit) if isinstance(value, kind) and len(value) > limit else None

    return check


def _at_least(kind: type[Sized], least: int, unit: str) -> Check:
    def check(at: str, value: Any) -> Cause | None:
        is_short = isinstance(value, kind) and len(value) < least
        return causes.invalid(at, len(value), f"{at} in body should have at least {least} {unit}") if is_short else None

    return check


def _format(name: str) -> Check:
    holds = FORMATS[name]

    def check(at: str, value: Any) -> Cause | None:
        return causes.invalid_type(at, value, name) if isinstance(value, str) and not holds(value) else None

    return check


def _enum(allowed: tuple[Any, ...]) -> Check:
    shapes = {(type(word), causes.quoted(word)) for word in allowed}

    def check(at: str, value: Any) -> Cause | None:
        known = (type(value), causes.quoted(value)) in shapes
        return None if known else causes.not_supported(at, value, allowed)

    return check
