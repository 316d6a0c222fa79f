"""What is served, told in the three ways clients ask: group by group, version by version, or all at once."""

from __future__ import annotations

import re
from collections.abc import Iterable

from kelos.api.kinds import Manifest
from kelos.local.server.registry import Registry
from kelos.local.server.resources import Resource

# Subresources and reviews: kind, API group and version of what they take, and the verbs they know.
_SUBRESOURCES = {
    "log": ("Pod", ("get",), None),
    "binding": ("Binding", ("create",), None),
    "eviction": ("Eviction", ("create",), ("policy", "v1")),
}
_VERSION = re.compile(r"v(?P<major>\d+)(?:(?P<stage>alpha|beta)(?P<minor>\d+))?")
_STATUS_VERBS = ("get", "patch", "update")
REVIEWS = {
    ("authorization.k8s.io", "v1"): {
        "selfsubjectaccessreviews": "SelfSubjectAccessReview",
        "selfsubjectrulesreviews": "SelfSubjectRulesReview",
    },
    ("authentication.k8s.io", "v1"): {"selfsubjectreviews": "SelfSubjectReview"},
}


def api_versions(address: str) -> Manifest:
    """The answer of /api."""
    by_address = [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}]
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": by_address}


def group_list(registry: Registry) -> Manifest:
    """The answer of /apis."""
    groups = [_group(name, versions) for name, versions in _versions(registry).items() if name]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}


def group(registry: Registry, name: str) -> Manifest | None:
    """The answer of /apis/<group>."""
    versions = _versions(registry).get(name)
    return {**_group(name, versions), "kind": "APIGroup", "apiVersion": "v1"} if versions and name else None


def resource_list(registry: Registry, name: str, version: str) -> Manifest | None:
    """The answer of /api/v1 and /apis/<group>/<version>."""
    served = _served(registry, name, version)
    reviews = REVIEWS.get((name, version), {})
    if not served and not reviews:
        return None
    resources = [entry for resource in served for entry in _entries(resource)]
    resources += [
        {"name": plural, "singularName": kind.lower(), "namespaced": False, "kind": kind, "verbs": ["create"]}
        for plural, kind in reviews.items()
    ]
    api_version = f"{name}/{version}" if name else version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": api_version, "resources": resources}


def aggregated(registry: Registry, version: str, *, core: bool) -> Manifest:
    """The answer of /api and /apis in one document with all resources."""
    items = [
        {
            "metadata": {**({"name": name} if name else {}), "creationTimestamp": None},
            "versions": [_aggregated_version(registry, name, each) for each in versions],
        }
        for name, versions in _versions(registry).items()
        if (name == "") is core
    ]
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": f"apidiscovery.k8s.io/{version}",
        "metadata": {},
        "items": items,
    }


def group_versions(registry: Registry) -> list[tuple[str, str]]:
    """Every group and version that serves resources."""
    return [(name, version) for name, versions in _versions(registry).items() for version in versions]


def _aggregated_version(registry: Registry, name: str, version: str) -> Manifest:
    resources = [_aggregated_resource(resource) for resource in _served(registry, name, version)]
    resources += [
        {
            "resource": plural,
            "responseKind": {"group": name, "version": version, "kind": kind},
            "scope": "Cluster",
            "singularResource": kind.lower(),
            "verbs": ["create"],
        }
        for plural, kind in REVIEWS.get((name, version), {}).items()
    ]
    return {"version": version, "resources": resources, "freshness": "Current"}


def _aggregated_resource(resource: Resource) -> Manifest:
    kind = resource.kind
    entry: Manifest = {
        "resource": kind.plural,
        "responseKind": {"group": kind.group, "version": kind.version, "kind": kind.kind},
        "scope": "Namespaced" if kind.namespaced else "Cluster",
        "singularResource": resource.singular,
        "verbs": list(resource.verbs),
    }
    if resource.short_names:
        entry["shortNames"] = list(resource.short_names)
    if resource.categories:
        entry["categories"] = list(resource.categories)
    if resource.subresources:
        entry["subresources"] = [_aggregated_subresource(resource, name) for name in resource.subresources]
    return entry


def _aggregated_subresource(resource: Resource, name: str) -> Manifest:
    kind, verbs, foreign = _SUBRESOURCES.get(name, (resource.kind.kind, _STATUS_VERBS, None))
    group, version = foreign or (resource.kind.group, resource.kind.version)
    response = {"group": group, "version": version, "kind": kind}
    return {"subresource": name, "responseKind": response, "verbs": list(verbs)}


def _entries(resource: Resource) -> Iterable[Manifest]:
    kind = resource.kind
    yield {
        "name": kind.plural,
        "singularName": resource.singular,
        "namespaced": kind.namespaced,
        "kind": kind.kind,
        "verbs": list(resource.verbs),
        **({"shortNames": list(resource.short_names)} if resource.short_names else {}),
        **({"categories": list(resource.categories)} if resource.categories else {}),
    }
    for name in resource.subresources:
        kind_name, verbs, foreign = _SUBRESOURCES.get(name, (kind.kind, _STATUS_VERBS, None))
        yield {
            "name": f"{kind.plural}/{name}",
            "singularName": "",
            "namespaced": kind.namespaced,
            "kind": kind_name,
            "verbs": list(verbs),
            **({"group": foreign[0], "version": foreign[1]} if foreign else {}),
        }


def _served(registry: Registry, name: str, version: str) -> list[Resource]:
    return [each for each in registry.all() if (each.kind.group, each.kind.version) == (name, version)]


def _versions(registry: Registry) -> dict[str, list[str]]:
    """The versions of every group, the most preferred first."""
    found: dict[str, set[str]] = {}
    for resource in registry.all():
        found.setdefault(resource.kind.group, set()).add(resource.kind.version)
    for name, version in REVIEWS:
        found.setdefault(name, set()).add(version)
    return {name: sorted(versions, key=_rank) for name, versions in found.items()}


def _rank(version: str) -> tuple[int, int, int, str]:
    """Kubernetes' order: stable before beta before alpha, higher numbers first, other names last."""
    match = _VERSION.fullmatch(version)
    if match is None:
        return (3, 0, 0, version)
    stage = {None: 0, "beta": 1, "alpha": 2}[match["stage"]]
    return (stage, -int(match["major"]), -int(match["minor"] or 0), version)


def _group(name: str, versions: list[str]) -> Manifest:
    described = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": described, "preferredVersion": described[0]}
