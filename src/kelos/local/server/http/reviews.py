"""Questions about oneself: there is one user, and it may do everything."""

from __future__ import annotations

from typing import Any

from kelos.api.kinds import Manifest

_USER = {"username": "kubernetes-admin", "groups": ["system:masters", "system:authenticated"]}
_EVERYTHING = {
    "resourceRules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}],
    "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
    "incomplete": False,
}
_STATUS: dict[str, Manifest] = {
    "SelfSubjectAccessReview": {"allowed": True, "reason": "a local cluster has one user"},
    "SelfSubjectRulesReview": _EVERYTHING,
    "SelfSubjectReview": {"userInfo": _USER},
}
_GROUPS = {"SelfSubjectReview": "authentication.k8s.io/v1"}


def review(kind: str, body: Any) -> Manifest:
    """The review as sent, answered."""
    given = body if isinstance(body, dict) else {}
    api_version = _GROUPS.get(kind, "authorization.k8s.io/v1")
    metadata = {"creationTimestamp": None, **(given.get("metadata") or {})}
    spec = {"spec": given["spec"]} if "spec" in given else {}
    return {"kind": kind, "apiVersion": api_version, "metadata": metadata, **spec, "status": _STATUS[kind]}
