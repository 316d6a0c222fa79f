"""CEL rules of a whole object. A rule that cannot be evaluated refuses the object: it fails closed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kelos.local.schema import causes, cel
from kelos.local.schema.causes import Cause
from kelos.local.schema.node import Node
from kelos.local.schema.rules import Rule
from kelos.local.schema.values import ABSENT, is_same, old_child, old_item


def check_rules(value: Any, old: Any, node: Node, at: str = "") -> Iterator[Cause]:
    """Every broken rule below one place. Unchanged values answer only to rules that compare with the old value."""
    if not node.has_rules or (value is None and node.nullable):
        return
    is_unchanged = old is not ABSENT and is_same(value, old)
    asked = [rule for rule in node.rules if _is_asked(rule, old, is_unchanged)]
    if asked:
        names = {"self": cel.convert(value, node)}
        former = ABSENT if old is ABSENT else cel.convert(old, node)
        for rule in asked:
            yield from _judge(rule, value, {**names, **_old_self(rule, former)}, at)
    yield from _below(value, old, node, at)


def _below(value: Any, old: Any, node: Node, at: str) -> Iterator[Cause]:
    if isinstance(value, dict):
        for name, child in value.items():
            place = node.properties.get(name)
            if place is not None:
                yield from check_rules(child, old_child(old, name), place, f"{at}.{name}" if at else name)
            elif node.additional is not None:
                yield from check_rules(child, old_child(old, name), node.additional, f"{at}[{name}]")
    elif isinstance(value, list) and node.items is not None and node.items.has_rules:
        for index, item in enumerate(value):
            yield from check_rules(item, old_item(old, item, node), node.items, f"{at}[{index}]")


def _is_asked(rule: Rule, old: Any, is_unchanged: bool) -> bool:
    if rule.is_transition:
        return old is not ABSENT or rule.old_is_optional
    return not is_unchanged


def _old_self(rule: Rule, former: Any) -> dict[str, Any]:
    if not rule.is_transition:
        return {}
    return {"oldSelf": cel.optional(former, former is not ABSENT) if rule.old_is_optional else former}


def _judge(rule: Rule, value: Any, names: dict[str, Any], at: str) -> Iterator[Cause]:
    try:
        if cel.holds(rule.expression, names):
            return
    except cel.CannotEvaluate as problem:
        stated = rule.message or rule.expression
        yield causes.invalid(at, causes.type_name(value), f"{problem} evaluating rule: {stated}")
        return
    yield _broken(rule, value, _message(rule, names), at + rule.field_path)


def _message(rule: Rule, names: dict[str, Any]) -> str:
    if rule.message_expression:
        try:
            if text := cel.text(rule.message_expression, names).strip():
                return text
        except cel.CannotEvaluate:
            pass  # the plain message says enough
    return rule.message or f"failed rule: {rule.expression}"


def _broken(rule: Rule, value: Any, message: str, at: str) -> Cause:
    match rule.reason:
        case "FieldValueRequired":
            return causes.required(at, message)
        case "FieldValueForbidden":
            return Cause(field=at, message=f"Forbidden: {message}", reason=rule.reason)
        case "FieldValueDuplicate":
            return causes.duplicate(at, value, message)
        case _ if isinstance(value, dict | list):
            return Cause(field=at, message=f"Invalid value: {message}")
        case _:
            return causes.invalid(at, value, message)
