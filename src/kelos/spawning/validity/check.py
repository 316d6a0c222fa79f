"""A text of a TaskSpawner, the field it is in, and who can tell what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from kelos.errors import UserError


@dataclass(frozen=True, slots=True)
class Check:
    """`read` raises UserError when the text is wrong; what it gives is not looked at."""

    field: str
    read: Callable[[str], object]
    text: str


def mistakes(checks: Iterable[Check]) -> Iterator[str]:
    """A sentence for each text that is wrong, with its field."""
    for check in checks:
        try:
            check.read(check.text)
        except UserError as mistake:
            yield f"{check.field}: {mistake}"
