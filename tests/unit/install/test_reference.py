"""The page about resources says something of every field."""

from __future__ import annotations

from kelos.install.crds import build_crds
from kelos.install.reference import pages

((PATH, PAGE),) = pages()
LINES = PAGE.splitlines()


def line_of(kind: str, half: str, field: str) -> str:
    section = PAGE.split(f"### {kind} {half}\n")[1].split("\n## ")[0].split("\n### ")[0]
    (found,) = [line for line in section.splitlines() if line.startswith((f"| `{field}`", f"| **`{field}`**"))]
    return found


def test_every_kind_and_field_is_there():
    """With words: a field without an explanation is a riddle."""
    for crd in build_crds():
        kind, schema = crd["spec"]["names"]["kind"], crd["spec"]["versions"][-1]["schema"]["openAPIV3Schema"]
        for half in ("spec", "status"):
            for name, child in schema["properties"].get(half, {}).get("properties", {}).items():
                path = f"{name}[]" if child.get("type") == "array" else name
                assert child["description"] in line_of(kind, half, path).replace("\\|", "|")
    assert [] == [line for line in LINES if line.startswith("| ") and line.endswith("|  |")]


def test_a_line_says_what_is_required_allowed_and_refused():
    """As admission says it."""
    assert line_of("TaskSpawner", "spec", "when").startswith("| **`when`** | object | Where work comes from")
    assert "*Rule:* exactly one source must be set: githubIssues" in line_of("TaskSpawner", "spec", "when")
    assert "One of `Skip`, `Latest`, `All`." in line_of("TaskSpawner", "spec", "when.cron.missedRuns")
    assert "*Rule:* Task spec is immutable" in PAGE


def test_what_is_alike_is_written_once():
    """The other places refer to it."""
    assert "Its fields are those of Task spec `worker.podOverrides`." in line_of(
        "TaskSpawner", "spec", "taskTemplate.podOverrides"
    )
    assert [] == [line for line in LINES if "`taskTemplate.podOverrides." in line]
