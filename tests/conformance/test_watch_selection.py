"""Watches that see a part: by label, by name, by namespace."""

from typing import Any

from .servers import WIDGETS, Server

Event = dict[str, Any]


def told(event: Event) -> tuple[str, str]:
    return event["type"], event["object"]["metadata"]["name"]


def version_of(thing: dict[str, Any]) -> str:
    return str(thing["metadata"]["resourceVersion"])


def current(server: Server) -> str:
    """The version from which a watch sees everything that comes."""
    return version_of(server.api.get(server.widgets()).expect())


def test_labels_narrow_a_watch(server: Server) -> None:
    """An object that enters the selection is ADDED, one that leaves it is DELETED."""
    server.create_config_map("other", labels={"app": "y"})
    start = current(server)
    with server.api.watch(server.config_maps(), resourceVersion=start, labelSelector="app=x") as watch:
        server.create_config_map("one")
        server.api.patch(server.config_maps("one"), {"metadata": {"labels": {"app": "x"}}}).expect()
        assert ("ADDED", "one") == told(watch.next())
        server.api.patch(server.config_maps("one"), {"data": {"key": "new"}}).expect()
        assert ("MODIFIED", "one") == told(watch.next())
        server.api.patch(server.config_maps("one"), {"metadata": {"labels": {"app": None}}}).expect()
        gone = watch.next()

    assert ("DELETED", "one") == told(gone)
    assert {"app": "x"} == gone["object"]["metadata"]["labels"]


def test_a_name_narrows_a_watch(server: Server) -> None:
    """`kubectl wait` and `kubectl get -w name` see one object only."""
    with server.api.watch(server.widgets(), resourceVersion=current(server), fieldSelector="metadata.name=b") as watch:
        server.create_widget("a")
        server.create_widget("b")
        assert ("ADDED", "b") == told(watch.next())


def test_a_watch_over_all_namespaces_sees_ours(server: Server) -> None:
    """One stream for a controller that serves the cluster."""
    start = current(server)
    server.create_widget("one")

    with server.api.watch(f"/apis/{WIDGETS}/widgets", resourceVersion=start) as watch:
        seen = next(event for event in watch if event["object"]["metadata"]["namespace"] == server.namespace)

    assert ("ADDED", "one") == told(seen)


def test_a_watch_does_not_leave_its_namespace(server: Server) -> None:
    """Whoever may read one namespace sees one namespace."""
    with server.api.watch(server.config_maps(), resourceVersion=current(server)) as watch:
        server.api.post("/api/v1/namespaces/default/configmaps", {"metadata": {"generateName": "other-"}}).expect()
        server.create_config_map("ours")
        first = next(event for event in watch if event["object"]["metadata"]["name"] != "kube-root-ca.crt")

    assert ("ADDED", "ours") == told(first)
