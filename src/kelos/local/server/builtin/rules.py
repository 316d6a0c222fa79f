"""The frame in which built-in kinds state their defaults and demands."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from kelos.api.kinds import Manifest
from kelos.local.server.refusals import Cause
from kelos.local.server.resources import Admission

Complete = Callable[[Manifest, Manifest | None], None]
Check = Callable[[Manifest, Manifest | None], Iterable[Cause]]


def _nothing_to_complete(new: Manifest, old: Manifest | None) -> None:
    pass


def _nothing_to_check(new: Manifest, old: Manifest | None) -> Iterable[Cause]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltInRules:
    """`complete` fills in defaults on a copy that is its own; `check` says what is wrong afterwards."""

    complete: Complete = _nothing_to_complete
    check: Check = _nothing_to_check

    def admit(self, new: Manifest, old: Manifest | None) -> Admission:
        completed = without_nulls(copy.deepcopy(new))
        if problem := _malformed(completed):
            return Admission(manifest=completed, causes=[problem])
        self.complete(completed, old)
        return Admission(manifest=completed, causes=list(self.check(completed, old)))


def without_nulls(value: Any) -> Any:
    """The value without null fields: to a typed server null and absent are the same."""
    if isinstance(value, dict):
        return {key: without_nulls(child) for key, child in value.items() if child is not None}
    if isinstance(value, list):
        return [without_nulls(child) for child in value]
    return value


def default(target: Manifest, **values: object) -> None:
    """Set what is not set."""
    for key, value in values.items():
        target.setdefault(key, value)


def required(field: str, text: str = "") -> Cause:
    return Cause(field=field, message=f"Required value{text and ': ' + text}", reason="FieldValueRequired")


def immutable(field: str, new: object, old: object) -> Iterator[Cause]:
    """A cause when a field that may not change did."""
    if new != old:
        yield Cause(field=field, message="Invalid value: field is immutable")


def not_supported(field: str, value: object, supported: Iterable[str]) -> Cause:
    allowed = ", ".join(f'"{each}"' for each in supported)
    text = f'Unsupported value: "{value}": supported values: {allowed}'
    return Cause(field=field, message=text, reason="FieldValueNotSupported")


def _malformed(manifest: Manifest) -> Cause | None:
    for field in ("spec", "status"):
        if not isinstance(manifest.get(field, {}), dict):
            return Cause(field=field, message="Invalid value: must be an object", reason="FieldValueTypeInvalid")
    return None
