"""From a URL path to the resource it names."""

from __future__ import annotations

from dataclasses import dataclass

# Subresources of namespaces look like collections inside them.
_OF_NAMESPACES = frozenset({"status", "finalize"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a path below /api or /apis means; empty parts are absent."""

    group: str
    version: str = ""
    plural: str = ""
    namespace: str = ""
    name: str = ""
    subresource: str = ""


def parse_path(path: str) -> Target | None:
    """The target of a path, or None when it has no such form."""
    steps = path.strip("/").split("/")
    if steps[0] == "api":
        group, rest = "", steps[1:]
    elif steps[0] == "apis" and len(steps) > 1:
        group, rest = steps[1], steps[2:]
    else:
        return None
    if not rest:
        return Target(group=group)
    version, *rest = rest
    if not rest:
        return Target(group=group, version=version)
    if rest[0] == "namespaces" and len(rest) > 2 and not (len(rest) == 3 and rest[2] in _OF_NAMESPACES):
        namespace, rest = rest[1], rest[2:]
    else:
        namespace = ""
    if len(rest) > 3 or "" in rest:
        return None
    plural, name, subresource = (*rest, "", "")[:3]
    return Target(group=group, version=version, plural=plural, namespace=namespace, name=name, subresource=subresource)
