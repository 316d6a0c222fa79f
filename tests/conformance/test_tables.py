"""Tables: what `kubectl get` prints is computed by the server."""

from typing import Any

import pytest

from .servers import WIDGETS, Server, prefix, stored

TABLE = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}

# Kind, body, wanted columns and cells; a cell of None may be anything (an age).
BUILT_IN: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
    ("v1", "configmaps", {"data": {"a": "1", "b": "2"}}, {"Name": "one", "Data": 2, "Age": None}),
    ("v1", "secrets", {"stringData": {"a": "1"}}, {"Name": "one", "Type": "Opaque", "Data": 1, "Age": None}),
    (
        "coordination.k8s.io/v1",
        "leases",
        {"spec": {"holderIdentity": "me"}},
        {"Name": "one", "Holder": "me", "Age": None},
    ),
    (
        "batch/v1",
        "jobs",
        {
            "spec": {
                "suspend": True,
                "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "x/y"}]}},
            }
        },
        {"Name": "one", "Completions": "0/1", "Duration": "", "Age": None},
    ),
]


def table(server: Server, path: str, **query: str | int) -> dict[str, Any]:
    return stored(server.api.request("GET", path, headers=TABLE, query=query))


def cells(answer: dict[str, Any], row: int = 0) -> dict[str, Any]:
    """One row by column name."""
    titles = [column["name"] for column in answer["columnDefinitions"]]
    return dict(zip(titles, answer["rows"][row]["cells"], strict=True))


def test_a_custom_kind_prints_its_columns(server: Server) -> None:
    """The columns of the definition, in their order, each with type and importance."""
    server.create_widget()

    answer = table(server, server.widgets())

    assert ("Table", "meta.k8s.io/v1") == (answer["kind"], answer["apiVersion"])
    assert [
        ("Name", "string", 0),
        ("Size", "integer", 0),
        ("Colour", "string", 0),
        ("Ready", "string", 0),
        ("Owner", "string", 1),
        ("Age", "date", 0),
    ] == [(column["name"], column["type"], column["priority"]) for column in answer["columnDefinitions"]]
    assert "What people see first." == answer["columnDefinitions"][2]["description"]


def test_a_row_has_a_cell_for_each_column(server: Server) -> None:
    """Values as they are; what is not there is empty."""
    server.create_widget(size=3)

    row = cells(table(server, server.widgets()))

    age = row.pop("Age")
    assert {"Name": "one", "Size": 3, "Colour": "green", "Ready": None, "Owner": None} == row
    assert age.endswith("s")


def test_a_column_may_look_for_a_condition(server: Server) -> None:
    """JSONPath with a filter is what every Ready column is made of."""
    server.create_widget(labels={"owner": "me"})
    conditions = [{"type": "Warm", "status": "False"}, {"type": "Ready", "status": "True"}]
    server.api.patch(server.widgets("one", "status"), {"status": {"conditions": conditions}}).expect()

    row = cells(table(server, server.widgets()))

    assert ("True", "me") == (row["Ready"], row["Owner"])


def test_a_row_carries_the_metadata(server: Server) -> None:
    """kubectl needs name and namespace, not the object."""
    created = server.create_widget()

    thing = table(server, server.widgets())["rows"][0]["object"]

    assert ("PartialObjectMetadata", "meta.k8s.io/v1") == (thing["kind"], thing["apiVersion"])
    assert created["metadata"]["uid"] == thing["metadata"]["uid"]
    assert "spec" not in thing


@pytest.mark.parametrize(("wish", "kind"), [("Object", "Widget"), ("Metadata", "PartialObjectMetadata")])
def test_the_client_chooses_what_a_row_carries(server: Server, wish: str, kind: str) -> None:
    """`--sort-by` asks for the whole object."""
    server.create_widget()

    assert kind == table(server, server.widgets(), includeObject=wish)["rows"][0]["object"]["kind"]


def test_a_row_may_carry_nothing(server: Server) -> None:
    """The third choice."""
    server.create_widget()

    assert table(server, server.widgets(), includeObject="None")["rows"][0].get("object") is None


def test_one_object_is_a_table_with_one_row(server: Server) -> None:
    """`kubectl get widget one`."""
    server.create_widget()

    assert ["one"] == [row["cells"][0] for row in table(server, server.widgets("one"))["rows"]]


def test_no_objects_are_a_table_without_rows(server: Server) -> None:
    """kubectl then says that nothing was found; it must not fail."""
    assert [] == table(server, server.widgets())["rows"]


def test_tables_come_in_pages(server: Server) -> None:
    """`kubectl get` asks for 500 at a time."""
    for name in ("a", "b", "c"):
        server.create_widget(name)

    first = table(server, server.widgets(), limit=2)
    second = table(server, server.widgets(), limit=2, **{"continue": first["metadata"]["continue"]})

    assert ["a", "b", "c"] == [row["cells"][0] for page in (first, second) for row in page["rows"]]


def test_a_watch_can_print(server: Server) -> None:
    """`kubectl get -w`: each event is a table of one row, and only the first brings the columns."""
    version = table(server, server.widgets())["metadata"]["resourceVersion"]
    server.create_widget("a")
    server.create_widget("b")

    with server.api.watch(server.widgets(), headers=TABLE, resourceVersion=version) as watch:
        first, second = watch.next(), watch.next()

    assert ("ADDED", "Table") == (first["type"], first["object"]["kind"])
    assert ["a", "b"] == [event["object"]["rows"][0]["cells"][0] for event in (first, second)]
    assert 6 == len(first["object"]["columnDefinitions"])
    assert not second["object"]["columnDefinitions"]


def test_a_kind_without_columns_prints_name_and_age(server: Server) -> None:
    """The columns of those who named none."""
    name = f"realm-{server.namespace}"
    realms = f"{prefix(WIDGETS)}/realms"
    server.api.post(realms, {"apiVersion": WIDGETS, "kind": "Realm", "metadata": {"name": name}}).expect()

    assert ["Name", "Age"] == [column["name"] for column in table(server, realms)["columnDefinitions"]]


@pytest.mark.parametrize(("version", "plural", "body", "expected"), BUILT_IN)
def test_built_in_kinds_print_what_people_know(
    server: Server, version: str, plural: str, body: dict[str, Any], expected: dict[str, Any]
) -> None:
    """The columns that every kubectl user knows by heart."""
    server.api.post(server.path(version, plural), {"metadata": {"name": "one"}, **body}).expect()

    row = cells(table(server, server.path(version, plural, "one")))

    assert expected == {title: row[title] if expected[title] is not None else None for title in expected}


def test_events_print_what_happened_to_whom(server: Server) -> None:
    """`kubectl get events`."""
    involved = {"kind": "Widget", "name": "one", "namespace": server.namespace}
    body = {
        "metadata": {"name": "one"},
        "involvedObject": involved,
        "reason": "Made",
        "type": "Normal",
        "message": "It was made",
    }
    server.api.post(server.path("v1", "events"), body).expect()

    row = cells(table(server, server.path("v1", "events", "one")))

    expected = {"Type": "Normal", "Reason": "Made", "Object": "widget/one", "Message": "It was made"}
    assert expected == {title: row[title] for title in expected}
