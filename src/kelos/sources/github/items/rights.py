"""What people may do in a repository, in GitHub's words."""

from __future__ import annotations

from typing import Any

from kelos.api.github_sources import Permission

_RANKS = {permission.value: rank for rank, permission in enumerate(Permission)}


def role_of(answer: dict[str, Any]) -> str:
    """The finer word when GitHub has one that we know: roles that an organisation invented count as what they are
    based on."""
    role = answer.get("role_name")
    return str(role if isinstance(role, str) and role in _RANKS else answer.get("permission") or "")


def is_enough(role: str, minimum: Permission) -> bool:
    """Unknown roles are less than any."""
    return _RANKS.get(role, -1) >= _RANKS[minimum.value]
