"""Strategic merge patch: lists of built-in kinds merge by the keys that their schema names."""

from typing import Any

from .servers import Server, owned_by, stored

STRATEGIC = "strategic-merge-patch+json"


def deployment(name: str = "one", *containers: dict[str, Any]) -> dict[str, Any]:
    """A kind that both servers store and neither runs here: no replicas."""
    labels = {"app": name}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": list(containers) or [container("main")]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {"replicas": 0, "selector": {"matchLabels": labels}, "template": pod},
    }


def container(name: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "image": "example.invalid/none", **fields}


def create_deployment(server: Server, *containers: dict[str, Any]) -> str:
    """The path of a new deployment with these containers."""
    server.api.post(server.path("apps/v1", "deployments"), deployment("one", *containers)).expect()
    return server.path("apps/v1", "deployments", "one")


def pod_of(answer: dict[str, Any]) -> dict[str, Any]:
    return dict(answer["spec"]["template"]["spec"])


def test_a_strategic_patch_finds_containers_by_name(server: Server) -> None:
    """One container changes, the others stay, new ones are added."""
    path = create_deployment(server, container("main"), container("side", args=["x"]))

    patch = {"spec": {"template": {"spec": {"containers": [container("main", args=["y"]), container("new")]}}}}
    containers = pod_of(server.api.patch(path, patch, STRATEGIC).expect())["containers"]

    assert {"main": ["y"], "side": ["x"], "new": None} == {one["name"]: one.get("args") for one in containers}


def test_a_strategic_patch_merges_environment_by_name(server: Server) -> None:
    """Nested lists have keys of their own."""
    path = create_deployment(server, container("main", env=[{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]))

    env = [{"name": "B", "value": "3"}, {"name": "C", "value": "4"}]
    patch = {"spec": {"template": {"spec": {"containers": [{"name": "main", "env": env}]}}}}
    (main,) = pod_of(server.api.patch(path, patch, STRATEGIC).expect())["containers"]

    assert {"A": "1", "B": "3", "C": "4"} == {one["name"]: one["value"] for one in main["env"]}


def test_a_strategic_patch_removes_by_directive(server: Server) -> None:
    """`$patch: delete` names what goes."""
    path = create_deployment(server, container("main"), container("side"))

    patch = {"spec": {"template": {"spec": {"containers": [{"name": "side", "$patch": "delete"}]}}}}

    assert ["main"] == [one["name"] for one in pod_of(server.api.patch(path, patch, STRATEGIC).expect())["containers"]]


def test_a_strategic_patch_replaces_by_directive(server: Server) -> None:
    """`$patch: replace` in a map means: this and nothing else."""
    path = create_deployment(server)
    server.api.patch(path, {"metadata": {"annotations": {"a": "1", "b": "2"}}}, STRATEGIC).expect()

    patch = {"metadata": {"annotations": {"$patch": "replace", "c": "3"}}}

    assert {"c": "3"} == server.api.patch(path, patch, STRATEGIC).expect()["metadata"]["annotations"]


def test_a_strategic_patch_replaces_lists_without_keys(server: Server) -> None:
    """Arguments are one value."""
    path = create_deployment(server, container("main", args=["a", "b"]))

    patch = {"spec": {"template": {"spec": {"containers": [{"name": "main", "args": ["c"]}]}}}}
    (main,) = pod_of(server.api.patch(path, patch, STRATEGIC).expect())["containers"]

    assert ["c"] == main["args"]


def test_a_strategic_patch_adds_finalizers(server: Server) -> None:
    """Lists of plain values may be sets; two controllers add theirs without seeing each other."""
    server.create_config_map(finalizers=["example.org/a"])

    patch = {"metadata": {"finalizers": ["example.org/b"]}}
    after = stored(server.api.patch(server.config_maps("one"), patch, STRATEGIC))

    assert {"example.org/a", "example.org/b"} == set(after["metadata"]["finalizers"])


def test_a_strategic_patch_takes_one_finalizer_away(server: Server) -> None:
    """`$deleteFromPrimitiveList` leaves the others."""
    server.create_config_map(finalizers=["example.org/a", "example.org/b"])

    patch = {"metadata": {"$deleteFromPrimitiveList/finalizers": ["example.org/a"]}}
    after = stored(server.api.patch(server.config_maps("one"), patch, STRATEGIC))

    assert ["example.org/b"] == after["metadata"]["finalizers"]


def test_owner_references_merge_by_uid(server: Server) -> None:
    """Adopting a child keeps its other owners."""
    first, second = server.create_widget("a"), server.create_widget("b")
    references = owned_by(first, second)
    server.create_config_map(ownerReferences=references[:1])

    after = stored(
        server.api.patch(server.config_maps("one"), {"metadata": {"ownerReferences": references[1:]}}, STRATEGIC)
    )

    assert {"a", "b"} == {one["name"] for one in after["metadata"]["ownerReferences"]}
