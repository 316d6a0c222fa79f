"""Selectors: lists narrowed by labels and fields."""

import pytest

from .servers import WIDGETS, Server, names, prefix


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("app=web", ["a", "b"]),
        ("app==web", ["a", "b"]),
        ("app!=web", ["c", "d"]),
        ("app=web,tier=front", ["a"]),
        ("app in (web,db)", ["a", "b", "c"]),
        ("app notin (web)", ["c", "d"]),
        ("tier", ["a"]),
        ("!tier", ["b", "c", "d"]),
        ("app=nothing", []),
        ("app=web,!tier", ["b"]),
        ("app in (db),example.org/x=1", ["c"]),
        ("", ["a", "b", "c", "d"]),
    ],
)
def test_labels_select(server: Server, selector: str, expected: list[str]) -> None:
    """Every form that clients write; a missing label satisfies the negative ones."""
    server.create_config_map("a", labels={"app": "web", "tier": "front", "set": "ours"})
    server.create_config_map("b", labels={"app": "web", "set": "ours"})
    server.create_config_map("c", labels={"app": "db", "example.org/x": "1", "set": "ours"})
    server.create_config_map("d", labels={"set": "ours"})

    selected = ",".join(part for part in ("set=ours", selector) if part)

    assert expected == names(server.api.get(server.config_maps(), labelSelector=selected).expect())


@pytest.mark.parametrize("selector", ["app=", "app in ()"])
def test_an_empty_value_is_a_value(server: Server, selector: str) -> None:
    """A label may be set to nothing."""
    server.create_config_map("a", labels={"app": ""})
    server.create_config_map("b", labels={"app": "x"})

    assert ["a"] == names(server.api.get(server.config_maps(), labelSelector=selector).expect())


@pytest.mark.parametrize(
    "selector", ["=x", "app in web", "a=b=c", "app==x y", "app,,b", "UPPER/x/y=1", "k=" + "v" * 64]
)
def test_a_broken_label_selector_is_a_bad_request(server: Server, selector: str) -> None:
    """Never taken as "everything"."""
    answer = server.api.get(server.config_maps(), labelSelector=selector)

    assert (400, "BadRequest") == (answer.status, answer.reason)


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("metadata.name=a", ["a"]),
        ("metadata.name==a", ["a"]),
        ("metadata.name!=a", ["b"]),
        ("metadata.name=a,metadata.name=b", []),
        ("metadata.name=nobody", []),
    ],
)
def test_fields_select(server: Server, selector: str, expected: list[str]) -> None:
    """Every kind can be selected by its name; `kubectl get x -w` lives on it."""
    server.create_widget("a")
    server.create_widget("b")

    assert expected == names(server.api.get(server.widgets(), fieldSelector=selector).expect())


def test_the_namespace_selects_across_namespaces(server: Server) -> None:
    """The other field every namespaced kind has."""
    server.create_widget("a")

    listing = server.api.get(f"{prefix(WIDGETS)}/widgets", fieldSelector=f"metadata.namespace={server.namespace}")

    assert ["a"] == names(listing.expect())


@pytest.mark.parametrize("selector", ["spec.size=1", "nonsense", "metadata.uid=x"])
def test_a_field_that_does_not_select_is_a_bad_request(server: Server, selector: str) -> None:
    """Never taken as "everything"."""
    assert 400 == server.api.get(server.widgets(), fieldSelector=selector).status


@pytest.mark.parametrize(
    ("plural", "bodies", "selector"),
    [
        ("secrets", [{"type": "a/x"}, {"type": "a/y"}], "type=a/x"),
        (
            "events",
            [
                {"involvedObject": {"kind": "Widget", "name": "one"}, "reason": "A", "type": "Normal"},
                {"involvedObject": {"kind": "Widget", "name": "two"}, "reason": "B", "type": "Warning"},
            ],
            "involvedObject.kind=Widget,involvedObject.name=one,reason=A,type=Normal",
        ),
    ],
)
def test_built_in_kinds_select_by_their_own_fields(
    server: Server, plural: str, bodies: list[dict[str, object]], selector: str
) -> None:
    """`kubectl describe` finds an object's events this way."""
    for name, body in zip(("a", "b"), bodies, strict=True):
        involved = body.get("involvedObject")
        place = {"involvedObject": {**involved, "namespace": server.namespace}} if isinstance(involved, dict) else {}
        server.api.post(server.path("v1", plural), {"metadata": {"name": name}, **body, **place}).expect()

    assert ["a"] == names(server.api.get(server.path("v1", plural), fieldSelector=selector).expect())
