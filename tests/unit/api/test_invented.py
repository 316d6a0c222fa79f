"""Fields that never existed are refused with what to write instead."""

from __future__ import annotations

import pytest

from admission import cases, seeds
from kelos.api.invented import INSTEAD, hints

FIRST, SECOND = seeds("field-guide", "TaskSpawner")


@pytest.mark.parametrize("manifest", seeds("field-guide", *INSTEAD), ids=str)
def test_every_invented_manifest_gets_a_hint(manifest):
    """Whoever followed the article learns what to write."""
    assert list(hints(manifest))


def test_a_hint_names_the_field_and_the_remedy():
    """One sentence for each."""
    assert ["spec.source is no field: use spec.when", "spec.template is no field: use spec.taskTemplate"] == list(
        hints(FIRST)
    )
    assert "spec.branchSerialization is no field: leave it out: Tasks on one branch" in " ".join(hints(SECOND))


def test_a_hint_goes_on_below_the_right_names():
    """Half a correction leads to the next sentence, in lists too."""
    half = {"when": {"githubIssues": {"repository": "a/b"}}, "taskTemplate": {"command": "x"}}
    servers = {"mcpServers": [{"name": "a"}, {"name": "b", "config": {}}]}

    assert [
        "spec.taskTemplate.command is no field: use spec.taskTemplate.promptTemplate",
        "spec.when.githubIssues.repository is no field: use repo",
    ] == list(hints({**FIRST, "spec": half}))
    (said,) = hints({"apiVersion": "kelos.dev/v1alpha2", "kind": "AgentConfig", "spec": servers})
    assert said.startswith("spec.mcpServers.config is no field: use type with command")


def test_no_field_of_ours_is_called_invented():
    """Nor one of anybody else's kinds."""
    assert {} == {str(case): said for case in cases() if not case.says and (said := list(hints(case.manifest)))}
    assert [] == list(hints({**FIRST, "apiVersion": "example.org/v1"}))
