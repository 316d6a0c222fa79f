"""The definitions we install, beside their schemas."""

from __future__ import annotations

import pytest

from kelos.api.kinds import AGENT_CONFIG, TASK, WORKSPACE
from kelos.install.crds import build_crds, upgrade_patch

CRDS = {crd["spec"]["names"]["kind"]: crd for crd in build_crds()}


@pytest.mark.parametrize("kind", [TASK, WORKSPACE, AGENT_CONFIG], ids=str)
def test_a_definition_serves_both_versions(kind):
    """v1alpha2 is stored, none is deprecated, nothing is converted."""
    spec = CRDS[kind.kind]["spec"]

    assert (kind.group, kind.plural, "Namespaced") == (spec["group"], spec["names"]["plural"], spec["scope"])
    assert {"strategy": "None"} == spec["conversion"]
    assert [("v1alpha1", True, False), ("v1alpha2", True, True)] == [
        (version["name"], version["served"], version["storage"]) for version in spec["versions"]
    ]
    assert not any("deprecated" in version for version in spec["versions"])


def test_a_task_shows_what_people_ask_first():
    """`kubectl get tasks`; the wide columns come with -o wide."""
    columns = CRDS["Task"]["spec"]["versions"][0]["additionalPrinterColumns"]

    assert ["Type", "Phase", "Reason", "Age"] == [c["name"] for c in columns if not c.get("priority")]
    assert ["Branch", "Depends On", "Cost"] == [c["name"] for c in columns if c.get("priority")]


def test_a_record_reads_as_a_bill():
    """`kubectl get tr`: who used what, and when; the rest with -o wide."""
    columns = CRDS["TaskRecord"]["spec"]["versions"][0]["additionalPrinterColumns"]

    assert ["Task", "Phase", "Type", "Model", "Cost", "Input", "Output", "Ended"] == [
        c["name"] for c in columns if not c.get("priority")
    ]
    assert ["tr"] == CRDS["TaskRecord"]["spec"]["names"]["shortNames"]


def test_a_record_is_of_the_younger_version_only():
    """As in the reference."""
    assert ["v1alpha2"] == [version["name"] for version in CRDS["TaskRecord"]["spec"]["versions"]]


def test_only_what_is_worked_on_has_a_status():
    """The others are read, never reported on."""
    with_status = [kind for kind, crd in CRDS.items() if "subresources" in crd["spec"]["versions"][0]]

    assert ["Task", "TaskSpawner"] == with_status


def test_definitions_are_fresh():
    """The caller may change what it was given."""
    build_crds()[0]["spec"]["versions"][0]["schema"].clear()

    assert "openAPIV3Schema" in build_crds()[0]["spec"]["versions"][0]["schema"]


def test_an_upgrade_removes_a_conversion_webhook():
    """With it in place the API server would refuse strategy None."""
    assert {"strategy": "None", "webhook": None} == upgrade_patch(CRDS["Task"])["spec"]["conversion"]
