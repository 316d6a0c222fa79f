"""CEL rules as a schema states them."""

from __future__ import annotations

from dataclasses import dataclass

import re2

from kelos.api.kinds import Manifest

_OLD = re2.compile(r"\boldSelf\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One `x-kubernetes-validations` entry. A transition rule is asked only when there was a value before."""

    expression: str
    message: str = ""
    message_expression: str = ""
    reason: str = ""
    field_path: str = ""
    is_transition: bool = False
    old_is_optional: bool = False

    @classmethod
    def read(cls, stated: Manifest) -> Rule:
        return cls(
            expression=stated["rule"],
            message=stated.get("message", "").strip(),
            message_expression=stated.get("messageExpression", ""),
            reason=stated.get("reason", ""),
            field_path=stated.get("fieldPath", ""),
            is_transition=_OLD.search(stated["rule"]) is not None,
            old_is_optional=stated.get("optionalOldSelf") or False,
        )
