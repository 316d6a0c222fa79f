"""kubectl writes: create, patch, label, replace and delete."""

from typing import Any

import pytest

from .servers import Server, widget


def manifest(**spec: Any) -> dict[str, Any]:
    return widget("one", **spec)


def spec_of(server: Server) -> dict[str, Any]:
    return dict(server.api.get(server.widgets("one")).expect()["spec"])


def test_create_makes_an_object(server: Server) -> None:
    """And refuses to make it twice."""
    first = server.kubectl("create", "-f", "-", stdin=manifest())
    second = server.kubectl("create", "-f", "-", stdin=manifest())

    assert (0, "widget.conformance.kelos.dev/one created\n") == (first.code, first.out)
    assert 1 == second.code
    assert 'Error from server (AlreadyExists): error when creating "STDIN"' in second.err


def test_create_with_a_generated_name(server: Server) -> None:
    """What `apply` cannot."""
    body = {**manifest(), "metadata": {"generateName": "run-"}}

    said = server.kubectl("create", "-f", "-", "-o", "name", stdin=body)

    assert said.out.startswith("widget.conformance.kelos.dev/run-")


@pytest.mark.parametrize(
    ("arguments", "path", "expected"),
    [
        (
            ("configmap", "made", "--from-literal=a=b", "--from-literal=c="),
            ("v1", "configmaps"),
            {"data": {"a": "b", "c": ""}},
        ),
        (
            ("secret", "generic", "made", "--from-literal=a=ä", "--from-literal=c="),
            ("v1", "secrets"),
            {"data": {"a": "w6Q=", "c": ""}, "type": "Opaque"},
        ),
        (("serviceaccount", "made"), ("v1", "serviceaccounts"), {}),
    ],
)
def test_create_from_words(
    server: Server, arguments: tuple[str, ...], path: tuple[str, str], expected: dict[str, Any]
) -> None:
    """The kinds that people make without a file; kubectl sends them in protobuf."""
    said = server.kubectl("create", *arguments)
    made = server.api.get(server.path(*path, "made")).expect()

    assert (0, "") == (said.code, said.err)
    assert expected == {name: made[name] for name in expected}
    assert server.namespace == made["metadata"]["namespace"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--type=merge", "-p", '{"spec":{"size":2}}'), 2),
        (("--type=json", "-p", '[{"op":"replace","path":"/spec/size","value":3}]'), 3),
    ],
)
def test_patch_changes_a_field(server: Server, arguments: tuple[str, ...], expected: int) -> None:
    """In the manners a custom kind has."""
    server.create_widget()

    said = server.kubectl("patch", "widget", "one", *arguments)

    assert "widget.conformance.kelos.dev/one patched\n" == said.out
    assert expected == spec_of(server)["size"]


def test_patch_reaches_the_status(server: Server) -> None:
    """By its subresource."""
    server.create_widget()

    server.kubectl("patch", "wg", "one", "--subresource=status", "--type=merge", "-p", '{"status":{"phase":"Ready"}}')

    assert {"phase": "Ready"} == server.api.get(server.widgets("one")).expect()["status"]


def test_patch_of_a_built_in_kind_is_strategic(server: Server) -> None:
    """kubectl's default for kinds it knows."""
    server.create_config_map(finalizers=["example.org/a"])

    server.kubectl("patch", "cm", "one", "-p", '{"metadata":{"finalizers":["example.org/b"]}}')

    metadata = server.api.get(server.config_maps("one")).expect()["metadata"]
    assert {"example.org/a", "example.org/b"} == set(metadata["finalizers"])


def test_labels_and_annotations_are_set_and_removed(server: Server) -> None:
    """A minus removes; changing needs to be said."""
    server.create_widget()

    codes = [
        server.kubectl("label", "wg", "one", "a=1").code,
        server.kubectl("label", "wg", "one", "a=2").code,
        server.kubectl("label", "wg", "one", "a=2", "--overwrite").code,
        server.kubectl("annotate", "wg", "one", "kelos.dev/cancel-requested={}").code,
    ]
    metadata = server.api.get(server.widgets("one")).expect()["metadata"]
    server.kubectl("label", "wg", "one", "a-")

    assert [0, 1, 0, 0] == codes
    assert ({"a": "2"}, "{}") == (metadata["labels"], metadata["annotations"]["kelos.dev/cancel-requested"])
    assert "labels" not in server.api.get(server.widgets("one")).expect()["metadata"]


def test_replace_needs_the_version_it_read(server: Server) -> None:
    """A stale file is refused."""
    read = server.create_widget(size=1)
    server.api.patch(server.widgets("one"), {"spec": {"size": 2}}).expect()

    said = server.kubectl("replace", "-f", "-", stdin={**read, "spec": {"size": 3}})

    assert 1 == said.code
    assert "Error from server (Conflict)" in said.err


def test_delete_waits_until_it_is_gone(server: Server) -> None:
    """The default; the object is gone when kubectl returns."""
    server.create_widget()

    said = server.kubectl("delete", "widget", "one")

    assert (0, 404) == (said.code, server.api.get(server.widgets("one")).status)
    assert said.out.startswith('widget.conformance.kelos.dev "one" deleted')


def test_delete_of_nothing_can_be_fine(server: Server) -> None:
    """Cleaning up twice."""
    assert 1 == server.kubectl("delete", "widget", "nobody").code
    assert 0 == server.kubectl("delete", "widget", "nobody", "--ignore-not-found").code


def test_delete_by_label(server: Server) -> None:
    """The others stay."""
    server.create_config_map("a", labels={"app": "x"})
    server.create_config_map("b", labels={"app": "y"})

    server.kubectl("delete", "cm", "-l", "app=x")

    assert "configmap/b\n" == server.kubectl("get", "cm", "-l", "app", "-o", "name").out


def test_delete_by_file(server: Server) -> None:
    """What was applied is taken back."""
    server.kubectl("apply", "-f", "-", stdin=manifest())

    assert 0 == server.kubectl("delete", "-f", "-", stdin=manifest()).code
    assert 404 == server.api.get(server.widgets("one")).status


def test_delete_without_waiting(server: Server) -> None:
    """A held object is left to its finalizer."""
    body = manifest()
    body["metadata"]["finalizers"] = ["example.org/hold"]
    server.api.post(server.widgets(), body).expect()

    said = server.kubectl("delete", "widget", "one", "--wait=false")

    assert 0 == said.code
    assert "deletionTimestamp" in server.api.get(server.widgets("one")).expect()["metadata"]


@pytest.mark.parametrize("policy", ["foreground", "background", "orphan"])
def test_delete_in_cascade(server: Server, policy: str) -> None:
    """All three policies end with the owner gone."""
    server.create_widget()

    assert 0 == server.kubectl("delete", "widget", "one", f"--cascade={policy}").code
    assert 404 == server.api.get(server.widgets("one")).status


def test_a_namespace_is_made_and_listed(server: Server) -> None:
    """People make one per project."""
    name = f"{server.namespace}-two"

    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}

    assert f"namespace/{name} created\n" == server.kubectl("create", "-f", "-", stdin=body).out
    assert f"namespace/{name}\n" == server.kubectl("get", "namespace", name, "-o", "name").out
