"""A definition with everything a schema can say, and what was once answered to every kind of mistake."""

import json
from pathlib import Path
from typing import Any

from realcluster.crds import install_crds

from .servers import Server, stored

ANSWERS = json.loads((Path(__file__).parents[1] / "data/schema/answers.json").read_text())
GROUP = "schema.kelos.dev"
DEFINITION = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": f"specimens.{GROUP}"},
    "spec": {
        "group": GROUP,
        "scope": "Namespaced",
        "names": {"kind": "Specimen", "listKind": "SpecimenList", "singular": "specimen", "plural": "specimens"},
        "versions": [
            {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": ANSWERS["schema"]}},
        ],
    },
}


def specimen(spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": f"{GROUP}/v1", "kind": "Specimen", "metadata": {"name": "case"}, "spec": spec}


def answer(server: Server, case: dict[str, Any]) -> tuple[Any, Any]:
    """The causes, and what would be stored."""
    path = server.path(f"{GROUP}/v1", "specimens")
    if "old" in case:
        old = stored(server.api.post(path, specimen(case["old"])))
        said = server.api.put(f"{path}/case", {**old, "spec": case["spec"]}, dryRun="All")
        server.api.delete(f"{path}/case").expect()
    else:
        said = server.api.post(path, specimen(case["spec"]), dryRun="All")
    if said.status < 300:
        return None, said.body["spec"]
    causes = [[cause["field"], cause["reason"], cause["message"]] for cause in said.body["details"]["causes"]]
    return sorted(causes), None


def test_the_answers_are_still_the_same(server: Server) -> None:
    """Field, reason, sentence, defaults and what is pruned, for every case."""
    install_crds(server.api, [DEFINITION])

    differing = {}
    for case in ANSWERS["cases"]:
        expected = (sorted(case["causes"]) if "causes" in case else None, case.get("stored"))
        if (said := answer(server, case)) != expected:
            differing[json.dumps(case["spec"])] = said

    assert {} == differing
