"""What one directive of a format asks for."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """Verb, flags, width and precision."""

    verb: str
    width: int | None = None
    precision: int | None = None
    minus: bool = False
    plus: bool = False
    sharp: bool = False
    space: bool = False
    zero: bool = False
    go_syntax: bool = False  # %#v

    def as_value(self) -> Spec:
        """The same demands for the verb v."""
        return replace(self, verb="v")


PLAIN = Spec(verb="v")


def padded(text: str, spec: Spec, *, zeros: bool = True) -> str:
    """The text at its width; zeros only ever stand on the left."""
    missing = (spec.width or 0) - len(text)
    if missing <= 0:
        return text
    if spec.minus:
        return text + " " * missing
    return ("0" if zeros and spec.zero else " ") * missing + text
