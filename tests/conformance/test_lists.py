"""Lists: consistent, sorted and in pages."""

from typing import Any

import pytest

from .servers import WIDGETS, Server, names, prefix


def test_a_list_says_what_it_is_and_how_new(server: Server) -> None:
    """Its version is where a watch goes on."""
    created = server.create_widget()

    listing = server.api.get(server.widgets()).expect()

    assert ("WidgetList", WIDGETS) == (listing["kind"], listing["apiVersion"])
    assert int(listing["metadata"]["resourceVersion"]) >= int(created["metadata"]["resourceVersion"])
    assert [created] == listing["items"]


def test_items_of_a_built_in_list_do_not_repeat_their_kind(server: Server) -> None:
    """The list says it once; whoever takes items out must add it."""
    server.create_config_map()

    (item,) = server.api.get(server.config_maps(), fieldSelector="metadata.name=one").expect()["items"]

    assert not {"kind", "apiVersion"} & item.keys()


def test_an_empty_list_is_an_empty_list(server: Server) -> None:
    """Never null: clients iterate."""
    assert [] == server.api.get(server.widgets()).expect()["items"]


def test_a_list_is_sorted_by_name(server: Server) -> None:
    """The order does not depend on who came first."""
    for name in ("b", "c", "a"):
        server.create_widget(name)

    assert ["a", "b", "c"] == names(server.api.get(server.widgets()).expect())


def test_a_list_of_all_namespaces_holds_ours(server: Server) -> None:
    """Controllers watch the whole cluster with one stream."""
    server.create_widget("one")

    listing = server.api.get(f"{prefix(WIDGETS)}/widgets").expect()

    assert ["one"] == [
        item["metadata"]["name"] for item in listing["items"] if item["metadata"]["namespace"] == server.namespace
    ]


def test_a_list_ends_at_its_namespace(server: Server) -> None:
    """What lies in `default` is not ours."""
    server.api.post("/api/v1/namespaces/default/configmaps", {"metadata": {"generateName": "other-"}}).expect()

    listed = server.api.get(server.config_maps()).expect()["items"]

    assert {server.namespace} >= {item["metadata"]["namespace"] for item in listed}


def test_pages_together_are_the_whole(server: Server) -> None:
    """Each object is on exactly one page, and every page is of the same moment."""
    expected = [f"w-{number}" for number in range(5)]
    for name in expected:
        server.create_widget(name)

    pages: list[dict[str, Any]] = []
    token = ""
    while not pages or token:
        page = server.api.get(server.widgets(), limit=2, **({"continue": token} if token else {})).expect()
        pages.append(page)
        token = page["metadata"].get("continue", "")

    assert [2, 2, 1] == [len(page["items"]) for page in pages]
    assert expected == [name for page in pages for name in names(page)]
    assert 1 == len({page["metadata"]["resourceVersion"] for page in pages})
    assert [3, 1, None] == [page["metadata"].get("remainingItemCount") for page in pages]


def test_pages_do_not_move_under_the_reader(server: Server) -> None:
    """What is created or deleted between two pages belongs to the watch, not to the list."""
    for name in ("a", "b", "d"):
        server.create_widget(name)
    first = server.api.get(server.widgets(), limit=2).expect()

    server.create_widget("c")
    server.api.delete(server.widgets("d")).expect()
    second = server.api.get(server.widgets(), limit=2, **{"continue": first["metadata"]["continue"]}).expect()

    assert ["a", "b", "d"] == names(first) + names(second)


def test_a_filtered_page_does_not_count_the_rest(server: Server) -> None:
    """With a selector the server cannot know how many remain."""
    for name in ("a", "b", "c"):
        server.create_config_map(name, labels={"app": "x"})

    page = server.api.get(server.config_maps(), limit=1, labelSelector="app=x").expect()

    assert ["a"] == names(page)
    assert "remainingItemCount" not in page["metadata"]


def test_a_made_up_page_token_is_a_bad_request(server: Server) -> None:
    """Tokens are the server's; nothing is guessed from others."""
    assert 400 == server.api.get(server.widgets(), limit=2, **{"continue": "bm9uc2Vuc2U"}).status


@pytest.mark.parametrize("version", ["abc", "-1"])
def test_a_version_that_is_no_number_is_refused(server: Server, version: str) -> None:
    """Versions are opaque to clients but not to the server."""
    assert server.api.get(server.widgets(), resourceVersion=version).status in (400, 422)


def test_version_zero_takes_whatever_is_cached(server: Server) -> None:
    """Informers start this way; on a quiet server it is also the truth."""
    server.create_widget("one")

    answer = server.api.get(server.widgets(), resourceVersion=0)

    assert int(answer.expect()["metadata"]["resourceVersion"]) > 0


def test_an_exact_version_shows_the_past(server: Server) -> None:
    """As long as it is remembered, the moment of a version can be listed."""
    first = server.create_widget("one")
    server.create_widget("two")

    query = {"resourceVersion": first["metadata"]["resourceVersion"], "resourceVersionMatch": "Exact"}
    listing = server.api.get(server.widgets(), **query).expect()

    assert ["one"] == names(listing)


def test_a_list_not_older_than_our_write_holds_it(server: Server) -> None:
    """Reading one's own writes, whatever serves the list."""
    created = server.create_widget("one")

    query = {"resourceVersion": created["metadata"]["resourceVersion"], "resourceVersionMatch": "NotOlderThan"}

    assert ["one"] == names(server.api.get(server.widgets(), **query).expect())


def test_only_metadata_may_be_asked_for(server: Server) -> None:
    """Garbage collectors and caches of names do not pay for the rest."""
    server.create_widget("one")
    accept = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"

    listing = server.api.request("GET", server.widgets(), headers={"Accept": accept}).expect()

    assert ("PartialObjectMetadataList", "meta.k8s.io/v1") == (listing["kind"], listing["apiVersion"])
    assert ["one"] == names(listing)
    assert "spec" not in listing["items"][0]
