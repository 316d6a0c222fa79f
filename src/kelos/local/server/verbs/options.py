"""What a caller may ask for besides the object itself."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from kelos.api.kinds import Manifest


class FieldValidation(str, Enum):
    """What happens to fields that the schema does not know."""

    IGNORE = "Ignore"
    WARN = "Warn"
    STRICT = "Strict"


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteOptions:
    """The options of create, update and patch. `manager` is who writes when `field_manager` does not say."""

    dry_run: bool = False
    field_manager: str = ""
    manager: str = "unknown"
    field_validation: FieldValidation = FieldValidation.WARN
    force: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteOptions:
    """The options of a deletion; an empty precondition asks nothing."""

    uid: str = ""
    resource_version: str = ""
    propagation: str | None = None
    grace_seconds: int | None = None
    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What a write left behind."""

    manifest: Manifest
    created: bool = False
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleted:
    """The state after a deletion was accepted; `gone` when nothing holds the object any more."""

    manifest: Manifest
    gone: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOptions:
    """Which objects, and how many at once."""

    labels: str = ""
    fields: str = ""
    limit: int = 0
    more: str = ""
    resource_version: str = ""
    version_match: str = ""
