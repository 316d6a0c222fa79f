"""Custom resource definitions: installed while the server runs, replaced in place, removed with what they define."""

from typing import Any

import pytest

from realcluster.crds import PATH, install_crds
from realcluster.waiting import wait_for

from .kinds import GROUP
from .servers import Server, stored


def definition(server: Server, **schema: Any) -> dict[str, Any]:
    """A kind that only this test knows."""
    word = server.namespace.rpartition("-")[2]
    group = f"x{word}.{GROUP}"
    spec = {"type": "object", "properties": {"a": {"type": "integer"}, **schema}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"gadgets.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": "Gadget", "plural": "gadgets"},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}},
                }
            ],
        },
    }


def gadgets(server: Server, crd: dict[str, Any]) -> str:
    return server.path(f"{crd['spec']['group']}/v1", "gadgets")


def test_a_new_kind_is_served_without_a_restart(server: Server) -> None:
    """Installing into a running cluster is the normal case."""
    crd = definition(server)
    install_crds(server.api, [crd])

    body = {"apiVersion": f"{crd['spec']['group']}/v1", "kind": "Gadget", "metadata": {"name": "one"}, "spec": {"a": 1}}

    assert {"a": 1} == stored(server.api.post(gadgets(server, crd), body))["spec"]


def test_a_definition_says_when_it_is_ready(server: Server) -> None:
    """`kubectl wait --for=condition=Established` reads this, and names that were left out are filled in."""
    crd = definition(server)
    install_crds(server.api, [crd])

    answer = server.api.get(f"{PATH}/{crd['metadata']['name']}").expect()

    conditions = {one["type"]: one["status"] for one in answer["status"]["conditions"]}
    assert {"NamesAccepted": "True", "Established": "True"}.items() <= conditions.items()
    assert ["v1"] == answer["status"]["storedVersions"]
    assert {"singular": "gadget", "listKind": "GadgetList"}.items() <= answer["spec"]["names"].items()


def test_a_definition_is_replaced_in_place(server: Server) -> None:
    """An upgrade adds fields; objects stay and accept them from then on."""
    crd = definition(server)
    install_crds(server.api, [crd])
    path, version = gadgets(server, crd), f"{crd['spec']['group']}/v1"
    body = {"apiVersion": version, "kind": "Gadget", "metadata": {"name": "one"}, "spec": {"a": 1, "b": 2}}
    assert {"a": 1} == stored(server.api.post(path, body))["spec"]

    newer = definition(server, b={"type": "integer"})
    install_crds(server.api, [newer])

    def accepts_both() -> bool:
        return bool({"a": 1, "b": 2} == server.api.patch(f"{path}/one", {"spec": {"b": 2}}).expect()["spec"])

    wait_for("the new field to be kept", accepts_both)


def test_a_removed_definition_takes_its_objects_along(server: Server) -> None:
    """Uninstalling leaves nothing behind, and a new installation starts empty."""
    crd = definition(server)
    install_crds(server.api, [crd])
    path, version = gadgets(server, crd), f"{crd['spec']['group']}/v1"
    server.api.post(path, {"apiVersion": version, "kind": "Gadget", "metadata": {"name": "one"}}).expect()

    server.api.delete(f"{PATH}/{crd['metadata']['name']}").expect()
    server.await_gone(f"{PATH}/{crd['metadata']['name']}")
    server.await_gone(path)
    install_crds(server.api, [crd])

    assert [] == server.api.get(path).expect()["items"]


@pytest.mark.parametrize(
    "change",
    [
        {"scope": "Everywhere"},
        {"group": "other.example.org"},
        {"versions": []},
        {"names": {"kind": "Gadget", "plural": "Gadgets"}},
    ],
)
def test_a_broken_definition_is_refused(server: Server, change: dict[str, Any]) -> None:
    """Before anything is served by it."""
    crd = definition(server)
    crd["spec"] |= change

    assert 422 == server.api.post(PATH, crd).status


def test_a_schema_must_be_structural(server: Server) -> None:
    """Every node has a type, or nobody could prune."""
    crd = definition(server, c={"description": "no type"})

    assert 422 == server.api.post(PATH, crd).status


def test_a_rule_must_compile(server: Server) -> None:
    """A mistake in CEL is found when the definition is installed."""
    rules = [{"rule": "self.nothing > 1", "message": "never"}]
    crd = definition(server, c={"type": "object", "properties": {}, "x-kubernetes-validations": rules})

    assert 422 == server.api.post(PATH, crd).status


def test_a_default_must_be_valid(server: Server) -> None:
    """So must a default of the wrong type."""
    assert 422 == server.api.post(PATH, definition(server, c={"type": "integer", "default": "x"})).status
