"""Our own definitions, judged by the local plane's engine: every rule, both versions, and the manifests people have."""

from __future__ import annotations

import pytest

from admission import cases, seeds
from kelos.install.crds import build_crds
from kelos.local.schema import compile_schema

SCHEMAS = {
    (crd["spec"]["names"]["kind"], version["name"]): compile_schema(version["schema"]["openAPIV3Schema"])
    for crd in build_crds()
    for version in crd["spec"]["versions"]
}
OURS = ("Task", "Workspace", "AgentConfig")


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


@pytest.mark.parametrize("manifest", [*seeds("readme", *OURS), *seeds("integration-guide", *OURS)], ids=str)
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
