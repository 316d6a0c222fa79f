"""The frame in which built-in kinds state their defaults and demands."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from kelos.api.kinds import Manifest
from kelos.local.server.builtin.fields import decode
from kelos.local.server.metadata import is_dns_label
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

    type_name: str
    complete: Complete = _nothing_to_complete
    check: Check = _nothing_to_check

    def admit(self, new: Manifest, old: Manifest | None) -> Admission:
        decoded = decode(new, self.type_name)
        completed = decoded.manifest
        self.complete(completed, old)
        causes = list(self.check(completed, old))
        return Admission(manifest=completed, causes=causes, unknown_fields=decoded.unknown)


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


def check_label(name: object, field: str) -> Iterator[Cause]:
    """A cause when a name inside an object is missing or no DNS label."""
    if not name:
        yield required(field)
    elif not is_dns_label(str(name)):
        text = f"Invalid value: \"{name}\": must be at most 63 lower case letters, digits and '-'"
        yield Cause(field=field, message=text)


def not_supported(field: str, value: object, supported: Iterable[str]) -> Cause:
    allowed = ", ".join(f'"{each}"' for each in supported)
    text = f'Unsupported value: "{value}": supported values: {allowed}'
    return Cause(field=field, message=text, reason="FieldValueNotSupported")
