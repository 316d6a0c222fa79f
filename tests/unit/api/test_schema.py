"""The schema of a CRD comes from the models and is structural, whatever pydantic thinks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from kelos.install.crds import build_crds


def nodes(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from nodes(child, f"{path}.{name}")
    if "items" in schema:
        yield from nodes(schema["items"], f"{path}[]")
    if isinstance(schema.get("additionalProperties"), dict):
        yield from nodes(schema["additionalProperties"], f"{path}{{}}")


SCHEMAS = {
    f"{crd['spec']['names']['kind']} {version['name']}": version["schema"]["openAPIV3Schema"]
    for crd in build_crds()
    for version in crd["spec"]["versions"]
}


@pytest.fixture(params=SCHEMAS)
def schema(request):
    return SCHEMAS[request.param]


def test_every_place_has_a_type(schema):
    """A place without one must be marked as open, or the API server refuses the definition."""
    open_marks = ("x-kubernetes-preserve-unknown-fields", "x-kubernetes-int-or-string")

    assert [] == [path for path, node in nodes(schema) if "type" not in node and not any(map(node.get, open_marks))]


def test_nothing_that_kubernetes_refuses_is_in_it(schema):
    """References, closed objects, exclusive numbers and defaults of null."""
    banned = {"$ref", "$defs", "title", "const", "prefixItems", "exclusiveMinimum", "exclusiveMaximum"}

    assert [] == [path for path, node in nodes(schema) if banned & node.keys()]
    assert [] == [path for path, node in nodes(schema) if node.get("additionalProperties") is False]


def test_nothing_has_a_default(schema):
    """A default would be written into the user's object; ours are applied by whoever reads it."""
    assert [] == [path for path, node in nodes(schema) if "default" in node]


def test_every_field_of_ours_is_described(schema):
    """`kubectl explain` reads from here."""
    root = ("", ".apiVersion", ".kind", ".metadata")
    foreign = [path for path, node in nodes(schema) if "x-kubernetes-preserve-unknown-fields" in node]

    assert [] == [
        path
        for path, node in nodes(schema)
        if path not in root
        and "description" not in node
        and path[-2:] not in ("[]", "{}")
        and not any(path.startswith((f"{place}.", f"{place}[")) for place in foreign)
    ]


def test_what_rules_walk_is_bounded(schema):
    """The API server refuses rules whose cost it cannot bound."""
    for path, node in nodes(schema):
        for rule in node.get("x-kubernetes-validations", ()):
            assert "self.all(" not in rule["rule"] or "maxItems" in node, path


def test_both_versions_have_one_schema():
    """That is why nothing is ever converted."""
    for crd in build_crds():
        first, *others = (version["schema"] for version in crd["spec"]["versions"])

        assert [first] * len(others) == others
