"""docs/reference/resources.md: every field of every kind with its rules, generated from the definitions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from kelos.api.kinds import Manifest
from kelos.install.crds import build_crds

PATH = "docs/reference/resources.md"
HEAD = """\
<!-- Generated from src/kelos/api by `make generate`; do not edit. -->

# Resources

Every field of every kind of `kelos.dev`. The versions `v1alpha1` and `v1alpha2` have the same fields and mean the
same (TaskRecord has the second one only). Fields in **bold** are required where what they belong to is there. A *Rule*
is what admission says to a manifest that breaks it. Kubernetes' own types, most of those in `podOverrides`, are objects
here and are checked by the cluster.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    """What was already written: the same fields in another place are referred to."""

    seen: dict[str, str] = field(default_factory=dict)

    def rows(self, place: str, schema: Manifest, above: str = "") -> Iterator[str]:
        """A line for every field below one place, and for those below them."""
        for name, child in schema.get("properties", {}).items():
            is_list = child.get("type") == "array"
            inner = child["items"] if is_list else child
            path = f"{above}{name}{'[]' if is_list else ''}"
            there = self._first_place(f"{place} `{path}`", inner)
            mark = "**" if name in schema.get("required", ()) else ""
            said = _meaning(child, inner) + (f" Its fields are those of {there}." if there else "")
            yield f"| {mark}`{path}`{mark} | {_type(child)} | {said} |"
            if not there and "x-kubernetes-preserve-unknown-fields" not in inner:
                yield from self.rows(place, inner, f"{path}.")

    def _first_place(self, here: str, schema: Manifest) -> str:
        if len(schema.get("properties", {})) < 3:
            return ""  # shorter than the reference to it
        key = json.dumps(schema["properties"], sort_keys=True)
        there = self.seen.setdefault(key, here)
        return "" if there == here else there


def pages() -> Iterator[tuple[str, str]]:
    """Path and content of the page."""
    page = _Page()
    yield PATH, "\n".join([HEAD, *(_section(page, crd) for crd in build_crds())])


def _section(page: _Page, crd: Manifest) -> str:
    schema = crd["spec"]["versions"][-1]["schema"]["openAPIV3Schema"]
    kind = crd["spec"]["names"]["kind"]
    parts = [f"## {kind}\n\n{schema['description']}{_rules(schema)}\n"]
    for half in ("spec", "status"):
        if half in schema["properties"]:
            inner = schema["properties"][half]
            rows = "\n".join(page.rows(f"{kind} {half}", inner))
            said = f"### {kind} {half}\n\n{inner['description']}{_rules(inner)}\n"
            parts.append(f"{said}\n| Field | Type | Meaning |\n|---|---|---|\n{rows}\n")
    return "\n".join(parts)


def _type(schema: Manifest) -> str:
    match schema.get("type"):
        case None:
            return "integer or string" if "x-kubernetes-int-or-string" in schema else "any"
        case "array":
            return f"list of {_type(schema['items'])}"
        case "object" if "additionalProperties" in schema:
            return f"map of {_type(schema['additionalProperties'])}"
        case other:
            return str(other)


def _meaning(schema: Manifest, inner: Manifest) -> str:
    words = str(schema.get("description", inner.get("description", "")))
    if values := [f"`{value}`" for value in inner.get("enum", ()) if value]:
        words += f" One of {', '.join(values)}."
    rules = _rules(schema) + (_rules(inner) if inner is not schema else "")
    return (words + rules).replace("|", "\\|").replace("\n", " ").strip()


def _rules(schema: Manifest) -> str:
    return "".join(f" *Rule:* {rule['message']}." for rule in schema.get("x-kubernetes-validations", ()))
