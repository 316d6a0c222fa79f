"""Discovery: what kubectl and client libraries ask before they ask for anything."""

import json
from typing import Any

import pytest

from .kinds import GROUP
from .servers import Server

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
VERBS = {"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"}


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/livez"])
def test_the_server_says_that_it_is_well(server: Server, path: str) -> None:
    """Plain words for probes."""
    answer = server.api.get(path)

    assert (200, "ok") == (answer.status, answer.body)


def test_the_server_names_its_version(server: Server) -> None:
    """Clients decide by it what they may ask for; ours is at least the floor we promise."""
    version = server.api.get("/version").expect()

    assert ("1", True) == (version["major"], int(version["minor"].rstrip("+")) >= 29)
    assert version["gitVersion"].startswith(f"v1.{version['minor'].rstrip('+')}.")


def test_the_core_group_is_found(server: Server) -> None:
    """The unnamed group has a path of its own."""
    assert ["v1"] == server.api.get("/api").expect()["versions"]


def test_groups_are_found_with_their_versions(server: Server) -> None:
    """The preferred version comes first: the newest stable one."""
    groups = {group["name"]: group for group in server.api.get("/apis").expect()["groups"]}

    assert [f"{GROUP}/v1", f"{GROUP}/v1beta1"] == [one["groupVersion"] for one in groups[GROUP]["versions"]]
    assert {"groupVersion": f"{GROUP}/v1", "version": "v1"} == groups[GROUP]["preferredVersion"]
    assert {"batch", "apps", "coordination.k8s.io", "apiextensions.k8s.io", "events.k8s.io"} <= groups.keys()


def test_one_group_can_be_asked_for(server: Server) -> None:
    """By its name."""
    assert f"{GROUP}/v1" == server.api.get(f"/apis/{GROUP}").expect()["preferredVersion"]["groupVersion"]
    assert 404 == server.api.get("/apis/nowhere.example.org").status


def test_kinds_are_found_with_what_they_can_do(server: Server) -> None:
    """Names, scope, short names, categories and verbs; subresources have a slash."""
    answer = server.api.get(f"/apis/{GROUP}/v1").expect()

    resources = {one["name"]: one for one in answer["resources"]}
    widgets = resources["widgets"]
    assert ("APIResourceList", f"{GROUP}/v1") == (answer["kind"], answer["groupVersion"])
    assert {"widgets", "widgets/status", "realms"} == resources.keys()
    assert ("Widget", "widget", True, ["wg"], ["all"]) == (
        widgets["kind"],
        widgets["singularName"],
        widgets["namespaced"],
        widgets["shortNames"],
        widgets["categories"],
    )
    assert set(widgets["verbs"]) == VERBS
    assert {"get", "patch", "update"} == set(resources["widgets/status"]["verbs"])
    assert not resources["realms"]["namespaced"]


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("v1", {"configmaps", "secrets", "events", "namespaces", "pods", "pods/log", "pods/status", "serviceaccounts"}),
        ("batch/v1", {"jobs", "jobs/status", "cronjobs"}),
        ("apps/v1", {"deployments"}),
        ("coordination.k8s.io/v1", {"leases"}),
        ("apiextensions.k8s.io/v1", {"customresourcedefinitions"}),
    ],
)
def test_built_in_kinds_are_found(server: Server, version: str, expected: set[str]) -> None:
    """Those that a controller and its users need."""
    path = f"/api/{version}" if "/" not in version else f"/apis/{version}"

    assert expected <= {one["name"] for one in server.api.get(path).expect()["resources"]}


def test_everything_can_be_found_at_once(server: Server) -> None:
    """Aggregated discovery: one request for all groups, which every kubectl since 1.27 prefers."""
    answer = server.api.request("GET", "/apis", headers={"Accept": f"{AGGREGATED},application/json"}).expect()

    if answer["kind"] == "APIGroupList":
        return  # a server may answer the old way; the client then asks group by group
    group = next(one for one in answer["items"] if one["metadata"]["name"] == GROUP)
    found = {resource["resource"]: resource for resource in group["versions"][0]["resources"]}
    assert ("v1", {"widgets", "realms"}) == (group["versions"][0]["version"], set(found))
    assert ("Namespaced", "Widget") == (found["widgets"]["scope"], found["widgets"]["responseKind"]["kind"])


def test_the_schemas_have_an_index(server: Server) -> None:
    """OpenAPI v3: one document per group and version, found by path."""
    answer = server.api.get("/openapi/v3").expect()

    paths = (json.loads(answer) if isinstance(answer, str) else answer)["paths"]
    assert {"api/v1", "apis/batch/v1", f"apis/{GROUP}/v1"} <= paths.keys()
    assert paths[f"apis/{GROUP}/v1"]["serverRelativeURL"].startswith(f"/openapi/v3/apis/{GROUP}/v1")


def test_a_custom_kind_has_a_schema(server: Server) -> None:
    """`kubectl explain` and client-side validation read it."""
    answer = server.api.get(f"/openapi/v3/apis/{GROUP}/v1").expect()

    schemas: dict[str, Any] = answer["components"]["schemas"]
    widget = next(one for name, one in schemas.items() if name.endswith(".Widget"))
    kind = {"group": GROUP, "kind": "Widget", "version": "v1"}
    assert kind in widget["x-kubernetes-group-version-kind"]
    assert {"apiVersion", "kind", "metadata", "spec", "status"} == widget["properties"].keys()
    assert ["red", "green", "blue"] == widget["properties"]["spec"]["properties"]["colour"]["enum"]


def test_the_schemas_tell_the_paths(server: Server) -> None:
    """kubectl looks there whether a kind understands `fieldValidation`."""
    paths = server.api.get(f"/openapi/v3/apis/{GROUP}/v1").expect()["paths"]

    patch = paths[f"/apis/{GROUP}/v1/namespaces/{{namespace}}/widgets/{{name}}"]["patch"]
    assert {"dryRun", "fieldManager", "fieldValidation", "force"} <= {one["name"] for one in patch["parameters"]}
    assert {"group": GROUP, "version": "v1", "kind": "Widget"} == patch["x-kubernetes-group-version-kind"]
