"""Our own definitions, judged by the local plane's engine: every rule, both versions, and the manifests people have."""

from __future__ import annotations

import pytest

from admission import cases, seeds, trimmed_seed, whole_seeds
from kelos.install.crds import build_crds
from kelos.local.schema import compile_schema

SCHEMAS = {
    (crd["spec"]["names"]["kind"], version["name"]): compile_schema(version["schema"]["openAPIV3Schema"])
    for crd in build_crds()
    for version in crd["spec"]["versions"]
}
OURS = ("Task", "TaskSpawner", "Workspace", "AgentConfig")


@pytest.mark.parametrize("case", cases(), ids=str)
def test_a_manifest_is_judged_by_the_rules(case):
    """Accepted, or refused with the sentence that says what is allowed."""
    schema = SCHEMAS[case.kind, case.version]
    old = schema.admit(case.old, None).manifest if case.old else None

    admitted = schema.admit(case.manifest, old)

    said = "; ".join(f"{cause.field}: {cause.message}" for cause in admitted.causes)
    assert bool(case.says) == bool(said), said
    assert case.says in said


@pytest.mark.parametrize("case", [case for case in cases() if not case.says], ids=str)
def test_an_accepted_manifest_is_stored_as_it_was_written(case):
    """Nothing is pruned and nothing is added: a round trip through either version loses nothing."""
    admitted = SCHEMAS[case.kind, case.version].admit(case.manifest, None)

    assert (case.manifest, ()) == (admitted.manifest, admitted.unknown_fields)


@pytest.mark.parametrize("manifest", whole_seeds(*OURS), ids=str)
def test_a_manifest_of_the_reference_applies_unchanged(manifest):
    """The compatibility line: no mistake, no unknown field, in both versions."""
    for version in ("v1alpha1", "v1alpha2"):
        moved = {**manifest, "apiVersion": f"kelos.dev/{version}"}
        admitted = SCHEMAS[manifest["kind"], version].admit(moved, None)

        assert (moved, (), ()) == (admitted.manifest, admitted.causes, admitted.unknown_fields)


@pytest.mark.parametrize("manifest", seeds("field-guide", *OURS), ids=str)
def test_invented_fields_do_not_look_as_if_they_worked(manifest):
    """kubectl and `kelos apply` refuse what is named as unknown."""
    admitted = SCHEMAS[manifest["kind"], "v1alpha1"].admit(manifest, None)

    assert admitted.unknown_fields


def test_a_manifest_that_is_printed_in_part_is_refused_with_what_it_lacks():
    """Both sentences at once: nobody has to guess twice."""
    admitted = SCHEMAS["TaskSpawner", "v1alpha1"].admit(trimmed_seed(), None)

    workspace, credentials = (cause.message for cause in admitted.causes)
    assert "taskTemplate.workspaceRef (or worker.workspaceRef) must be set for githubIssues" in workspace
    assert "credentials must be set: in taskTemplate (or its worker), or as a list in spec.credentials" in credentials


@pytest.mark.parametrize(("length", "is_accepted"), [(63, True), (64, False)])
def test_a_spawner_has_a_name_that_fits_into_a_label(length, is_accepted):
    """Its Tasks carry it, and are selected by it."""
    manifest = {**trimmed_seed(), "metadata": {"name": "a" * length}}

    said = " ".join(cause.message for cause in SCHEMAS["TaskSpawner", "v1alpha2"].admit(manifest, None).causes)

    assert is_accepted == ("metadata.name must have at most 63 characters" not in said)
