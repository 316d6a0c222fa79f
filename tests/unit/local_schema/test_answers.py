"""The engine answers as a real kube-apiserver did: `tests/data/schema/answers.json` holds its words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kelos.local.schema import compile_schema

ANSWERS = json.loads((Path(__file__).parents[2] / "data/schema/answers.json").read_text())
SCHEMA = compile_schema(ANSWERS["schema"])


def specimen(spec: Any) -> dict[str, Any]:
    return {"apiVersion": "schema.kelos.dev/v1", "kind": "Specimen", "metadata": {"name": "case"}, "spec": spec}


@pytest.mark.parametrize("case", ANSWERS["cases"], ids=lambda case: json.dumps(case["spec"])[:60])
def test_it_says_what_kubernetes_says(case):
    """The same field, reason and sentence, or the same object in the store: what works locally works in a cluster."""
    old = SCHEMA.admit(specimen(case["old"]), None).manifest if "old" in case else None

    admitted = SCHEMA.admit(specimen(case["spec"]), old)

    said = sorted([cause.field, cause.reason, cause.message] for cause in admitted.causes)
    assert sorted(case.get("causes", [])) == said
    assert case.get("stored", admitted.manifest["spec"]) == admitted.manifest["spec"]
