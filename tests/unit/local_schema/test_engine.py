"""What the engine promises beyond single answers: it fails closed, keeps its input, and lets unchanged things be."""

from __future__ import annotations

import copy

import pytest

from kelos.local.schema import Cause, ListType, compile_schema

STRING = {"type": "string"}


def spec_schema(**properties):
    spec = {"type": "object", "properties": properties}
    return compile_schema({"type": "object", "properties": {"spec": spec, "status": {"type": "object"}}})


def thing(**spec):
    return {"apiVersion": "x/v1", "kind": "Thing", "metadata": {"name": "a", "labels": {"b": "c"}}, "spec": spec}


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ("self.?a.orValue('') == ''", "the rule uses syntax that this server does not know"),
        ("isQuantity(self)", "undeclared reference to 'isQuantity'"),
        ("self.startsWith(1)", "no such overload"),
        ("''.matches(self + '(')", "error parsing regexp"),
        ("self + 'x'", "the result is not a boolean"),
        ("((", "the rule uses syntax that this server does not know"),
    ],
)
def test_a_rule_that_cannot_be_evaluated_refuses(rule, why):
    """A rule is there to keep something out: not understanding it must never open the door."""
    schema = spec_schema(a={**STRING, "x-kubernetes-validations": [{"rule": rule, "message": "no"}]})

    (cause,) = schema.admit(thing(a="x"), None).causes

    assert f'Invalid value: "string": {why} evaluating rule: no' == cause.message


def test_a_rule_without_a_message_is_shown_itself():
    """There is nothing else to say."""
    schema = spec_schema(a={**STRING, "x-kubernetes-validations": [{"rule": "self.startsWith(1)"}]})

    (cause,) = schema.admit(thing(a="x"), None).causes

    assert 'Invalid value: "string": no such overload evaluating rule: self.startsWith(1)' == cause.message


def test_a_broken_message_expression_does_not_hide_the_refusal():
    """The plain message is the fallback."""
    rule = {"rule": "false", "message": "plain", "messageExpression": "nothing()"}
    schema = spec_schema(a={**STRING, "x-kubernetes-validations": [rule]})

    (cause,) = schema.admit(thing(a="x"), None).causes

    assert Cause(field="spec.a", message='Invalid value: "x": plain') == cause


def test_the_input_stays_as_it_is():
    """Callers keep the manifest they handed over, and the next one does not see this one's defaults."""
    schema = spec_schema(a={"type": "object", "default": {}, "properties": {"b": {**STRING, "default": "c"}}})
    manifest = thing(x=1)
    before = copy.deepcopy(manifest)

    first = schema.admit(manifest, None).manifest
    first["spec"]["a"]["b"] = "changed"

    assert before == manifest
    assert {"b": "c"} == schema.admit(manifest, None).manifest["spec"]["a"]


def test_metadata_is_not_the_schemas_business():
    """Its fields are Kubernetes' own, even under a schema that only says "object"."""
    schema = compile_schema({"type": "object", "properties": {"metadata": {"type": "object"}}})

    admitted = schema.admit(thing(), None)

    assert {"name": "a", "labels": {"b": "c"}} == admitted.manifest["metadata"]
    assert ("spec",) == admitted.unknown_fields


def test_unknown_fields_are_named_where_they_stand():
    """kubectl shows these paths to people."""
    items = {"type": "object", "properties": {"x": STRING}}
    schema = spec_schema(list={"type": "array", "items": items}, map={"type": "object", "additionalProperties": items})

    admitted = schema.admit(thing(list=[{"x": "1"}, {"y": 1}], map={"k": {"z": 1}}, w=1), None)

    assert ("spec.list[1].y", "spec.map.k.z", "spec.w") == admitted.unknown_fields
    assert {"list": [{"x": "1"}, {}], "map": {"k": {}}} == admitted.manifest["spec"]


def test_what_was_wrong_before_does_not_block_a_status():
    """A definition may become stricter while objects exist; the controller must still be able to write to them."""
    schema = spec_schema(a={**STRING, "maxLength": 1, "x-kubernetes-validations": [{"rule": "self == 'a'"}]})
    stored = thing(a="long")

    admitted = schema.admit({**stored, "status": {}}, stored)

    assert () == admitted.causes


def test_what_was_wrong_before_is_wrong_when_it_is_touched():
    """Staying wrong is allowed, becoming wrong in another way is not."""
    schema = spec_schema(a={**STRING, "maxLength": 1})

    (cause,) = schema.admit(thing(a="longer"), thing(a="long")).causes

    assert "FieldValueTooLong" == cause.reason


def test_true_is_not_one():
    """Python says they are equal; a change from one to the other must be judged."""
    schema = spec_schema(a={"type": "integer"})

    (cause,) = schema.admit(thing(a=True), thing(a=1)).causes

    assert "FieldValueTypeInvalid" == cause.reason


def test_a_hostile_value_does_not_hang_a_pattern():
    """Patterns run in linear time."""
    schema = spec_schema(a={**STRING, "pattern": "^(a+)+$"})

    (cause,) = schema.admit(thing(a="a" * 50_000 + "!"), None).causes

    assert "FieldValueInvalid" == cause.reason


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (("spec", "plain"), ListType(kind="atomic")),
        (("spec", "set"), ListType(kind="set")),
        (("spec", "keyed"), ListType(kind="map", keys=("name",))),
        (("spec", "keyed", "inner"), ListType(kind="set")),
        (("spec", "text"), None),
        (("spec", "missing", "below"), None),
    ],
)
def test_a_list_says_how_it_merges(path, expected):
    """Server-side apply needs to know which items are the same."""
    strings = {"type": "array", "items": STRING}
    inner = {**strings, "x-kubernetes-list-type": "set"}
    item = {"type": "object", "properties": {"name": STRING, "inner": inner}}
    keyed = {"type": "array", "items": item, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}

    assert expected == spec_schema(plain=strings, set=inner, keyed=keyed, text=STRING).list_type(path)
