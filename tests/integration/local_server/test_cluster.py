"""The cluster without HTTP: the verbs of the protocol, typed errors, nothing shared with the store."""

import asyncio
from typing import Any

import pytest

from kelos.api.kinds import CONFIG_MAP, CRD, JOB, NAMESPACE, POD, SERVICE_ACCOUNT, Kind
from kelos.cluster.protocol import ChangeType, Cluster, PatchType
from kelos.errors import AlreadyExists, ClusterError, Conflict, Forbidden, Gone, Invalid, NotFound
from kelos.local.cluster import LocalCluster

from .served import WIDGET_DEFINITION, widget

pytestmark = pytest.mark.anyio

WIDGET = Kind(group="example.com", version="v1", kind="Widget", plural="widgets")


def config_map(name: str = "a", **metadata: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "default", **metadata}, "data": {"key": "value"}}


def pod(name: str = "p", *, node: str = "here", **metadata: Any) -> dict[str, Any]:
    spec = {"nodeName": node, "containers": [{"name": "main", "image": "i"}]}
    return {"metadata": {"name": name, "namespace": "default", **metadata}, "spec": spec}


async def changes(cluster: LocalCluster, kind: Kind, version: str, count: int, **options: Any) -> list[tuple[str, str]]:
    """The next changes, bookmarks aside, as (type, name)."""
    found: list[tuple[str, str]] = []
    async with asyncio.timeout(60):
        async for change in cluster.watch(kind, None, resource_version=version, **options):
            if change.type is not ChangeType.BOOKMARK:
                found.append((change.type.value, change.object["metadata"]["name"]))
            if len(found) == count:
                break
    return found


async def test_it_is_a_cluster(cluster: LocalCluster) -> None:
    """Controllers cannot tell it from the one over HTTP."""
    promised: Cluster = cluster

    assert "default" == (await promised.get(NAMESPACE, None, "default"))["metadata"]["name"]


async def test_what_goes_in_and_comes_out_is_a_copy(cluster: LocalCluster) -> None:
    """A caller's mistake must not write into the store behind everybody's back."""
    given = config_map()
    created = await cluster.create(CONFIG_MAP, given)
    given["data"]["key"] = created["data"]["key"] = "changed"

    assert {"key": "value"} == (await cluster.get(CONFIG_MAP, "default", "a"))["data"]


@pytest.mark.parametrize(
    ("error", "act"),
    [
        (NotFound, lambda c: c.get(CONFIG_MAP, "default", "nothing")),
        (NotFound, lambda c: c.create(CONFIG_MAP, {"metadata": {"name": "a", "namespace": "nowhere"}})),
        (AlreadyExists, lambda c: c.create(NAMESPACE, {"metadata": {"name": "default"}})),
        (Invalid, lambda c: c.create(CONFIG_MAP, config_map("No Name"))),
        (Invalid, lambda c: c.create(JOB, {"metadata": {"name": "j", "namespace": "default"}, "spec": {}})),
        (Conflict, lambda c: c.delete(NAMESPACE, None, "default", uid="other")),
        (Conflict, lambda c: c.patch(NAMESPACE, None, "default", {"metadata": {"resourceVersion": "1"}})),
        (NotFound, lambda c: c.list(WIDGET, "default")),
        (Invalid, lambda c: c.list(CONFIG_MAP, "default", labels="=broken")),
        (Invalid, lambda c: c.patch(NAMESPACE, None, "default", {}, type=PatchType.APPLY)),
    ],
)
async def test_errors_are_typed(cluster: LocalCluster, error: type[ClusterError], act: Any) -> None:
    """Controllers decide by class what to do next."""
    with pytest.raises(error):
        await act(cluster)


async def test_a_refusal_names_the_fields(cluster: LocalCluster) -> None:
    """The text is shown to people."""
    spec = {"template": {"spec": {"restartPolicy": "Always", "containers": []}}}

    with pytest.raises(Invalid) as refused:
        await cluster.create(JOB, {"metadata": {"name": "j", "namespace": "default"}, "spec": spec})

    assert 422 == refused.value.status
    fields = [cause.partition(":")[0] for cause in refused.value.causes]
    assert ["spec.template.spec.restartPolicy", "spec.template.spec.containers"] == fields


async def test_a_change_that_changes_nothing_is_no_change(cluster: LocalCluster) -> None:
    """Otherwise controllers that write what is already there would wake each other for ever."""
    created = await cluster.create(CONFIG_MAP, config_map())

    assert created == await cluster.patch(CONFIG_MAP, "default", "a", {"data": {"key": "value"}})
    assert created == await cluster.replace(CONFIG_MAP, created)


async def test_of_two_writers_one_must_look_again(cluster: LocalCluster) -> None:
    """The version that was read is the precondition of the write."""
    read = await cluster.create(CONFIG_MAP, config_map())
    await cluster.patch(CONFIG_MAP, "default", "a", {"data": {"key": "other"}})

    with pytest.raises(Conflict):
        await cluster.replace(CONFIG_MAP, {**read, "data": {}})


async def test_pages_show_one_moment(cluster: LocalCluster) -> None:
    """What is written while somebody turns pages comes with the watch, not with the list."""
    for name in "abcde":
        await cluster.create(CONFIG_MAP, config_map(name))
    first = await cluster.list(CONFIG_MAP, "default", limit=2)
    await cluster.delete(CONFIG_MAP, "default", "c")
    await cluster.create(CONFIG_MAP, config_map("bb"))

    second = await cluster.list(CONFIG_MAP, "default", limit=9, more=first.more)

    assert ["c", "d", "e"] == [item["metadata"]["name"] for item in second.items]
    assert (first.resource_version, "") == (second.resource_version, second.more)


async def test_a_page_of_long_ago_is_gone(cluster: LocalCluster) -> None:
    """The history of the store fixture holds 50 changes."""
    for name in "ab":
        await cluster.create(CONFIG_MAP, config_map(name))
    page = await cluster.list(CONFIG_MAP, "default", limit=1)
    for at in range(60):
        await cluster.patch(CONFIG_MAP, "default", "b", {"data": {"at": str(at)}})

    with pytest.raises(Gone):
        await cluster.list(CONFIG_MAP, "default", limit=1, more=page.more)
    with pytest.raises(Gone):
        await changes(cluster, CONFIG_MAP, page.resource_version, 1)


async def test_a_watch_after_a_list_misses_nothing(cluster: LocalCluster) -> None:
    """Changes between the two are delivered first, in order."""
    version = (await cluster.list(CONFIG_MAP, "default")).resource_version
    await cluster.create(CONFIG_MAP, config_map("a"))
    await cluster.delete(CONFIG_MAP, "default", "a")
    watching = asyncio.create_task(changes(cluster, CONFIG_MAP, version, 4))
    await asyncio.sleep(0)
    await cluster.create(CONFIG_MAP, config_map("b"))
    await cluster.patch(CONFIG_MAP, "default", "b", {"data": None})

    assert [("ADDED", "a"), ("DELETED", "a"), ("ADDED", "b"), ("MODIFIED", "b")] == await watching


async def test_many_writers_and_a_slow_reader_lose_nothing(cluster: LocalCluster) -> None:
    """A watcher that is woken late reads on from where it was."""
    version = (await cluster.list(CONFIG_MAP, "default")).resource_version
    watching = asyncio.create_task(changes(cluster, CONFIG_MAP, version, 40))

    async def write(name: str) -> None:
        await cluster.create(CONFIG_MAP, config_map(name))
        await asyncio.sleep(0)
        await cluster.delete(CONFIG_MAP, "default", name)

    await asyncio.gather(*(write(f"c{at}") for at in range(20)))
    seen = await watching

    assert {("ADDED", f"c{at}") for at in range(20)} | {("DELETED", f"c{at}") for at in range(20)} == set(seen)


async def test_an_object_comes_into_sight_and_goes_out_of_it(cluster: LocalCluster) -> None:
    """A selecting watcher sees the edges of its selection."""
    version = (await cluster.list(CONFIG_MAP, "default")).resource_version
    await cluster.create(CONFIG_MAP, config_map(labels={"app": "other"}))
    for app in ("mine", "mine", "other"):
        await cluster.patch(CONFIG_MAP, "default", "a", {"metadata": {"labels": {"app": app}}, "data": {"app": app}})
    await cluster.patch(CONFIG_MAP, "default", "a", {"metadata": {"labels": {"app": "mine"}}})
    await cluster.patch(CONFIG_MAP, "default", "a", {"data": {"x": "y"}})

    seen = await changes(cluster, CONFIG_MAP, version, 4, labels="app=mine")

    assert ["ADDED", "DELETED", "ADDED", "MODIFIED"] == [kind for kind, _ in seen]


async def test_an_ended_watch_returns(cluster: LocalCluster) -> None:
    """And has said up to where nothing was missed."""
    version = (await cluster.list(CONFIG_MAP, "default")).resource_version
    seen = [change async for change in cluster.watch(CONFIG_MAP, None, resource_version=version, timeout_seconds=1)]

    assert {ChangeType.BOOKMARK} >= {change.type for change in seen}


async def test_a_pod_on_a_node_waits_for_the_node(cluster: LocalCluster) -> None:
    """A delete is a wish; the process is still there until the node says otherwise."""
    await cluster.create(POD, pod())
    await cluster.delete(POD, "default", "p", grace_seconds=20)

    dying = await cluster.get(POD, "default", "p")
    await cluster.delete(POD, "default", "p", grace_seconds=0)

    assert 20 == dying["metadata"]["deletionGracePeriodSeconds"]
    with pytest.raises(NotFound):
        await cluster.get(POD, "default", "p")


async def test_a_pod_with_a_finalizer_outlives_its_node(cluster: LocalCluster) -> None:
    """Both must let go: the node, and whoever still wants to read the outcome."""
    await cluster.create(POD, pod(finalizers=["example.com/outcome"]))
    await cluster.delete(POD, "default", "p")
    await cluster.delete(POD, "default", "p", grace_seconds=0)
    held = await cluster.get(POD, "default", "p")
    await cluster.patch(POD, "default", "p", {"metadata": {"finalizers": None}})

    assert 0 == held["metadata"]["deletionGracePeriodSeconds"]
    with pytest.raises(NotFound):
        await cluster.get(POD, "default", "p")


async def test_a_pod_whose_finalizer_goes_first_waits_for_the_node(cluster: LocalCluster) -> None:
    """The other order."""
    await cluster.create(POD, pod(finalizers=["example.com/outcome"]))
    await cluster.delete(POD, "default", "p")
    await cluster.patch(POD, "default", "p", {"metadata": {"finalizers": None}})
    await cluster.get(POD, "default", "p")
    await cluster.delete(POD, "default", "p", grace_seconds=0)

    with pytest.raises(NotFound):
        await cluster.get(POD, "default", "p")


async def test_a_grace_can_be_cut_but_not_prolonged(cluster: LocalCluster) -> None:
    """Whoever is in a hurry wins."""
    await cluster.create(POD, pod())
    await cluster.delete(POD, "default", "p", grace_seconds=10)
    await cluster.delete(POD, "default", "p", grace_seconds=60)
    still = (await cluster.get(POD, "default", "p"))["metadata"]["deletionGracePeriodSeconds"]
    await cluster.delete(POD, "default", "p", grace_seconds=1)

    assert (10, 1) == (still, (await cluster.get(POD, "default", "p"))["metadata"]["deletionGracePeriodSeconds"])


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
async def test_a_finished_pod_goes_at_once(cluster: LocalCluster, phase: str) -> None:
    """Nothing runs that could need a grace."""
    await cluster.create(POD, pod())
    await cluster.patch(POD, "default", "p", {"status": {"phase": phase}}, subresource="status")
    await cluster.delete(POD, "default", "p")

    with pytest.raises(NotFound):
        await cluster.get(POD, "default", "p")


async def test_a_namespace_goes_when_the_last_object_in_it_went(cluster: LocalCluster) -> None:
    """What holds out holds the namespace, and nothing new moves in."""
    await cluster.create(NAMESPACE, {"metadata": {"name": "team"}})
    held = config_map("held", finalizers=["example.com/hold"]) | {}
    held["metadata"]["namespace"] = "team"
    await cluster.create(CONFIG_MAP, held)
    await cluster.delete(NAMESPACE, None, "team")

    assert "Terminating" == (await cluster.get(NAMESPACE, None, "team"))["status"]["phase"]
    with pytest.raises(Forbidden):
        await cluster.create(CONFIG_MAP, {"metadata": {"name": "late", "namespace": "team"}})
    with pytest.raises(NotFound):
        await cluster.get(SERVICE_ACCOUNT, "team", "default")

    await cluster.patch(CONFIG_MAP, "team", "held", {"metadata": {"finalizers": None}})
    with pytest.raises(NotFound):
        await cluster.get(NAMESPACE, None, "team")


async def test_a_definition_is_served_at_once_and_takes_its_objects_along(cluster: LocalCluster) -> None:
    """No client waits for a kind, and nothing of it stays behind."""
    await cluster.create(CRD, WIDGET_DEFINITION)
    await cluster.create(WIDGET, {**widget("w"), "metadata": {"name": "w", "namespace": "default"}})
    await cluster.delete(CRD, None, "widgets.example.com")

    with pytest.raises(NotFound):
        await cluster.list(WIDGET, "default")
    await cluster.create(CRD, WIDGET_DEFINITION)
    assert () == (await cluster.list(WIDGET, "default")).items


async def test_a_dry_run_leaves_nothing(cluster: LocalCluster) -> None:
    """It is how a pod template of a user's is checked."""
    await cluster.create(CONFIG_MAP, config_map(), dry_run=True)

    with pytest.raises(NotFound):
        await cluster.get(CONFIG_MAP, "default", "a")


async def test_logs_of_a_pod_that_is_not_there(cluster: LocalCluster) -> None:
    """Are not empty, they are an error."""
    with pytest.raises(NotFound):
        await anext(cluster.logs("default", "nothing", container="main"))
