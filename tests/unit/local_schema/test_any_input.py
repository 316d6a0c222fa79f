"""Manifests come from outside: whatever JSON they are, the engine answers and never trips."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kelos.errors import UserError
from kelos.install.crds import build_crds
from kelos.local.schema import compile_schema

ANSWERS = json.loads((Path(__file__).parents[2] / "data/schema/answers.json").read_text())
FIELDS = sorted(ANSWERS["schema"]["properties"]["spec"]["properties"])
SPECIMENS = compile_schema(ANSWERS["schema"])
TASKS = compile_schema(build_crds()[0]["spec"]["versions"][0]["schema"]["openAPIV3Schema"])

# Lone surrogates too: JSON can spell them, no encoding can carry them.
TEXT = st.text(alphabet=st.characters(exclude_categories=()), max_size=8)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | TEXT
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3))


@given(st.dictionaries(st.sampled_from(FIELDS), JSON | st.dictionaries(st.sampled_from(["a", "b", "x", "y"]), JSON)))
def test_any_json_gets_an_answer(spec):
    """What is accepted is accepted again unchanged; what is refused is refused in words that can be sent."""
    admitted = SPECIMENS.admit({"apiVersion": "a/v1", "kind": "A", "metadata": {"name": "a"}, "spec": spec}, None)

    for cause in admitted.causes:
        assert cause.message.encode()
    if not admitted.causes:
        again = SPECIMENS.admit(admitted.manifest, admitted.manifest)
        assert ((), ()) == (again.causes, again.unknown_fields)


@given(JSON, JSON)
def test_any_task_gets_an_answer(spec, old):
    """Also an update of whatever somebody once stored."""
    task = {"apiVersion": "kelos.dev/v1alpha2", "kind": "Task", "metadata": {"name": "a"}}

    assert TASKS.admit({**task, "spec": spec}, {**task, "spec": old}).manifest


@pytest.mark.parametrize("pattern", ["(", "(?=a)", "a{5000}"])
def test_a_pattern_that_kubernetes_refuses_is_refused(pattern):
    """When the definition is installed, not when the first object comes."""
    with pytest.raises(UserError, match="is not a regular expression of RE2"):
        compile_schema({"type": "object", "properties": {"a": {"type": "string", "pattern": pattern}}})
